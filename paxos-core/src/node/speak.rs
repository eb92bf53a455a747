//! The messages and records that follow from the events of a turn.

use super::Node;
use crate::{
    Acceptor, Ballot, Client, Counters, InBallot, Leader, Learner, Message, NodeId, NodeSet, Proposal,
    Proposer, Protocol, Reach, Refused, Request, Settled, Time, To,
};
use std::mem;

impl<P: Protocol> Node<P> {
    /// Brings the roles up to date with each other, and collects what they have to send.
    pub(crate) fn turn(&mut self) {
        if self.unsure_until().is_some() {
            // The step with which it ends its wait is followed by a turn.
            self.stirred = false;
            return;
        }
        if !mem::take(&mut self.stirred) && !self.members_changed() || self.amnesia().is_some() {
            return;
        }
        if !self.follow_members() {
            return;
        }
        self.hear_own();
        while let Some((to, request)) = self.client.poll(self.now, self.leader.leader()) {
            self.post(to, request);
        }
        while let Some((id, reason)) = self.client.poll_unanswered() {
            self.out.outcomes.push(Settled { id, result: Err(reason) });
        }
        while let Some(accepted) =
            self.acceptor.as_mut().and_then(|a| a.vote(&self.chosen, &mut self.out.records))
        {
            self.tell_vote(accepted);
        }
        self.propose();
        if self.has_stranded() {
            self.tell_stranded();
        }
        self.pursue_reads();
        self.note_stores();
    }

    pub(super) fn post(&mut self, to: To, request: Request<P::Value>) {
        let others = match to {
            To::One(node) if node == self.setup.id => return self.on_request(node, &request),
            To::Each(set) if set.contains(self.setup.id) => {
                self.on_request(self.setup.id, &request);
                To::Each(self.others(set))
            }
            To::One(_) | To::Each(_) => to,
        };
        self.send(others, Message::Request(request));
    }

    /// Tells the leader role that a ballot was won or lost, or that there is work for one.
    pub(super) fn watch_ballot(&mut self) {
        let Some(proposer) = &mut self.proposer else { return };
        let counters = &mut self.noted.0.counters;
        if notice_leading::<P>(proposer, &mut self.leader, &mut self.led, counters, self.now) {
            self.contact.clear();
            self.beats.clear();
        }
        if proposer.is_idle() {
            self.leader.on_idle();
        }
        if self.led.is_none() && proposer.has_work() {
            if self.leader.leads() {
                self.leader.on_work(self.now);
            } else {
                self.surrender();
            }
        }
    }

    pub(super) fn propose(&mut self) {
        self.tell_chosen();
        self.watch_ballot();
        if self.handover.is_some() {
            self.hand_over();
        }
        self.lead();
        while let Some((proposal, reach)) =
            self.proposer.as_mut().and_then(|p| p.poll(self.now, &self.chosen))
        {
            let config = &self.setup.config;
            let to = match reach {
                Reach::Quorum(phase) if config.thrifty => config.quorums.minimal_quorum(phase, self.setup.id),
                Reach::Quorum(_) | Reach::All => config.acceptors(),
                Reach::One(acceptor) => NodeSet::only(acceptor).intersection(config.acceptors()),
            };
            match proposal {
                Proposal::Accept(accept) => self.propose_to(to, accept),
                Proposal::Prepare(prepare, record) => {
                    self.out.records.extend(record);
                    if to.contains(self.setup.id) {
                        self.on_prepare(self.setup.id, &prepare);
                    } else {
                        self.on_ballot(prepare.ballot());
                    }
                    self.send_bound(To::Each(self.others(to)), Message::Prepare(prepare));
                }
            }
        }
    }

    /// Tells the proposer what is chosen. It must know this before it sends anything: if another value than its own is
    /// chosen in one of its slots, it no longer leads, and must not vouch for its ballot.
    #[inline]
    pub(super) fn tell_chosen(&mut self) {
        if self.told != self.chosen.changes() {
            self.tell_news();
        }
    }

    fn tell_news(&mut self) {
        let Some(proposer) = &mut self.proposer else { return };
        self.told = self.chosen.changes();
        let led = proposer.leading().is_some();
        proposer.on_chosen(self.now, &self.chosen);
        if led && proposer.leading().is_none() {
            self.on_preempted();
        }
    }

    /// Sends a phase 2a. It does not wait for the disk: its ballot was recorded before phase 1, and its own vote
    /// counts only when that is on disk. So the others vote while this process's disk writes (Ongaro 2014, §10.2.1).
    pub(super) fn propose_to(&mut self, to: NodeSet, accept: P::Accept) {
        if to.contains(self.setup.id) {
            self.on_accept(self.setup.id, &accept);
        } else if let Some(learner) = &mut self.learner {
            learner.on_accept(&accept, &mut self.chosen);
        }
        self.untold.tell(to);
        self.send(To::Each(self.others(to)), Message::Accept(accept));
    }

    /// Tells the clients whose commands wait here that another process leads.
    #[cold]
    pub(super) fn surrender(&mut self) {
        let Some(proposer) = &mut self.proposer else { return };
        let given_up = proposer.surrender();
        let commands = given_up.iter().flat_map(|b| b.iter().filter_map(crate::Entry::id)).collect();
        // Some commands may have been proposed in a lost ballot, and may still be chosen.
        self.redirect(commands, true);
    }

    /// Tells a client, perhaps this process's own, that commands are refused.
    #[cold]
    pub(super) fn tell_refused(&mut self, client: NodeId, refused: Refused) {
        if client == self.setup.id {
            self.client.on_refusal(client, &refused);
            // The client may now have something to send to another process.
            self.stirred = true;
        } else {
            self.send(To::One(client), Message::Refuse(refused));
        }
    }
}

/// Tells the leader role when the proposer has won a ballot. Returns whether a ballot was won or lost.
pub(super) fn notice_leading<P: Protocol>(
    proposer: &P::Proposer,
    leader: &mut P::Leader,
    led: &mut Option<Ballot>,
    counters: &mut Counters,
    now: Time,
) -> bool {
    let changed = proposer.leading() != *led;
    if changed {
        counters.lost += u64::from(led.is_some());
        *led = proposer.leading();
        counters.won += u64::from(led.is_some());
        if let Some(ballot) = *led {
            leader.on_elected(now, ballot);
        }
    }
    changed
}
