//! What a node does about each message: it goes to the role it is meant for, and the answer to whom it concerns.

use super::{Members, Node, Own};
use crate::{
    Acceptor, Audience, Ballot, Client, InBallot, Leader, Learner, Message, Nack, NodeId, Proposer, Protocol,
    Refusal, Request, Slot, Time, To,
};
use std::mem;

impl<P: Protocol> Node<P> {
    pub(super) fn on_message(&mut self, from: NodeId, message: Message<P>) {
        // Only members count: an answer from outside a role's set is nobody's answer.
        let Members { proposers, acceptors, learners, .. } = self.members;
        let (proposer, acceptor) = (proposers.contains(from), acceptors.contains(from));
        let learner = learners.contains(from);
        match message {
            Message::Request(request) => self.on_request(from, &request),
            // A ballot has one owner, and only that one speaks in it.
            Message::Prepare(m) if proposer && m.ballot().owner == from => self.on_prepare(from, &m),
            Message::Accept(m) if proposer && m.ballot().owner == from => self.on_accept(from, &m),
            Message::Promise(m) if acceptor => self.on_promise(from, m),
            Message::Accepted(m) if acceptor => self.on_accepted(from, &m),
            Message::Nack(nack) if acceptor => self.on_nack(&nack),
            Message::Decide(m) if proposer => {
                if let Some(learner) = &mut self.learner {
                    learner.on_decide(&m, &mut self.chosen);
                }
            }
            Message::Reply(reply) if learner => {
                if reply.id.client.node == self.setup.id && self.client.on_reply(from, &reply) {
                    self.out.outcomes.push(reply);
                }
            }
            Message::Refuse(refusal) if proposer => self.client.on_refusal(from, refusal),
            Message::Heartbeat { ballot, chosen, sent } if proposer && ballot.owner == from => {
                self.on_heartbeat(ballot, chosen, sent);
            }
            Message::Heard { ballot, sent } if acceptor => self.on_heard(from, ballot, sent),
            Message::Progress { chosen } if learner => self.on_progress(from, chosen),
            Message::CatchUp { from: slot } if learner => self.on_catch_up(from, slot),
            Message::Chosen { first, batch, known } if learner => {
                if self.learner.is_some() {
                    let before = self.chosen.first_unknown();
                    self.chosen.choose(first, batch);
                    self.chosen.hear_of(known);
                    if self.chosen.first_unknown() > before {
                        self.catch_up(from);
                    }
                }
            }
            Message::Offer { snapshot } if learner => self.on_offer(from, snapshot),
            Message::Fetch { snapshot, offset } if learner => self.on_fetch(from, snapshot, offset),
            Message::Chunk { snapshot, offset, bytes } if learner => {
                self.on_chunk(from, snapshot, offset, &bytes);
            }
            Message::Prepare(_)
            | Message::Accept(_)
            | Message::Promise(_)
            | Message::Accepted(_)
            | Message::Nack(_)
            | Message::Decide(_)
            | Message::Reply(_)
            | Message::Refuse(_)
            | Message::Heartbeat { .. }
            | Message::Heard { .. }
            | Message::Progress { .. }
            | Message::CatchUp { .. }
            | Message::Chosen { .. }
            | Message::Offer { .. }
            | Message::Fetch { .. }
            | Message::Chunk { .. } => {}
        }
    }

    pub(super) fn on_request(&mut self, from: NodeId, request: &Request<P::Value>) {
        let again = request.audience == Audience::Anyone;
        if let Some(acceptor) = &mut self.acceptor
            && request.audience != Audience::Leader
        {
            acceptor.on_request(request);
        }
        let leads = self.leader.leads();
        if let Some(proposer) = &mut self.proposer {
            if leads || request.audience != Audience::Leader {
                if proposer.on_request(self.now, request, leads).is_err() {
                    let limit = u32::try_from(self.setup.config.limits.queue).unwrap_or(u32::MAX);
                    return self.send(To::One(from), Message::Refuse(Refusal::Overloaded(limit)));
                }
            } else {
                let leader = self.leader.leader();
                return self.send(To::One(from), Message::Refuse(Refusal::NotLeader(leader)));
            }
        }
        let self_appointed = self.proposer.is_some() && !self.members.elects;
        if self.learner.is_some() && (again || self_appointed) {
            self.out.asked.extend(request.commands.iter().filter_map(crate::Entry::id));
        }
    }

    #[cold]
    pub(super) fn on_prepare(&mut self, from: NodeId, prepare: &P::Prepare) {
        self.on_ballot(prepare.ballot());
        let Some(acceptor) = &mut self.acceptor else { return };
        match acceptor.on_prepare(prepare, &mut self.out.records) {
            Ok(promise) if from == self.setup.id => self.out.own.push(Own::Promise(promise)),
            Ok(promise) => self.send_bound(To::One(from), Message::Promise(promise)),
            Err(nack) => self.refuse(from, nack),
        }
    }

    pub(super) fn on_accept(&mut self, from: NodeId, accept: &P::Accept) {
        if let Some(acceptor) = &mut self.acceptor {
            match acceptor.on_accept(accept, &mut self.out.records) {
                Ok(Some(accepted)) => self.tell_vote(accepted),
                Ok(None) => {}
                Err(nack) => return self.refuse(from, nack),
            }
        }
        self.on_ballot(accept.ballot());
        if let Some(learner) = &mut self.learner {
            learner.on_accept(accept, &mut self.chosen);
        }
    }

    #[cold]
    pub(super) fn refuse(&mut self, from: NodeId, nack: Nack) {
        // Not because of the ballot: it asks about slots that are forgotten here, and so must learn of them first.
        if nack.promised <= nack.refused && from != self.setup.id && self.learner.is_some() {
            self.send(To::One(from), Message::Progress { chosen: self.chosen.first_unknown() });
        }
        if from == self.setup.id {
            self.on_nack(&nack);
        } else {
            self.send_bound(To::One(from), Message::Nack(nack));
        }
    }

    pub(super) fn tell_vote(&mut self, accepted: P::Accepted) {
        let hear = P::hears_votes(&self.setup, accepted.ballot());
        let others = self.others(hear);
        if others.len() == hear.len() {
            self.send_bound(To::Each(others), Message::Accepted(accepted));
            return;
        }
        if !others.is_empty() {
            self.send_bound(To::Each(others), Message::Accepted(accepted.clone()));
        }
        self.out.own.push(Own::Accepted(accepted));
    }

    #[cold]
    pub(super) fn on_promise(&mut self, from: NodeId, promise: P::Promise) {
        if let Some(proposer) = &mut self.proposer {
            proposer.on_promise(self.now, from, promise, &self.chosen);
        }
    }

    pub(super) fn on_accepted(&mut self, from: NodeId, accepted: &P::Accepted) {
        if let Some(acceptor) = &mut self.acceptor {
            acceptor.on_accepted(from, accepted);
        }
        if let Some(proposer) = &mut self.proposer {
            proposer.on_accepted(self.now, from, accepted, &self.chosen);
        }
        let Some(learner) = &mut self.learner else { return };
        learner.on_accepted(from, accepted, &mut self.chosen, &mut self.decisions);
        if self.decisions.is_empty() {
            return;
        }
        if !self.members.announces || self.proposer.is_none() {
            self.decisions.clear();
            return;
        }
        let others = self.others(self.setup.config.learners);
        let mut decisions = mem::take(&mut self.decisions);
        for decision in decisions.drain(..) {
            self.send(To::Each(others), Message::Decide(decision));
        }
        self.decisions = decisions;
    }

    #[cold]
    pub(super) fn on_nack(&mut self, nack: &Nack) {
        let Some(proposer) = &mut self.proposer else { return };
        // A refusal of a ballot long left says nothing about who leads now.
        if proposer.on_nack(self.now, nack) {
            self.leader.on_ballot(self.now, nack.promised);
            self.on_preempted();
        }
    }

    /// An acceptor still follows this leader. An answer in another ballot than the one it leads in is late.
    pub(super) fn on_heard(&mut self, from: NodeId, ballot: Ballot, sent: Time) {
        if self.leading() == Some(ballot) && sent <= self.now {
            self.contact.heard(from, sent);
        }
    }

    /// A ballot is in use: whoever leads in a lower one has lost it.
    pub(super) fn on_ballot(&mut self, ballot: Ballot) {
        self.leader.on_ballot(self.now, ballot);
        if ballot.owner != self.setup.id && self.proposer.as_mut().is_some_and(|p| p.on_ballot(ballot)) {
            self.on_preempted();
        }
    }

    #[cold]
    pub(super) fn on_preempted(&mut self) {
        self.led = None;
        self.leader.on_preempted(self.now);
    }

    pub(super) fn on_heartbeat(&mut self, ballot: Ballot, chosen: Slot, sent: Time) {
        if self.acceptor.as_ref().is_some_and(|acceptor| acceptor.follows(ballot)) {
            self.send(To::One(ballot.owner), Message::Heard { ballot, sent });
        }
        self.on_ballot(ballot);
        self.leader.on_heartbeat(self.now, ballot);
        if let Some(learner) = &mut self.learner {
            learner.on_heartbeat(ballot, chosen, &mut self.chosen);
            self.chosen.hear_of(chosen);
        }
    }
}
