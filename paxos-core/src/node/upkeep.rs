//! The work of a node that no message asks for: heartbeats, campaigns, and exchanging progress with other learners.

mod catch_up;

pub(super) use catch_up::Paces;

use super::Node;
use super::speak::notice_leading;
use crate::{
    Acceptor, Ballot, Client, Duty, Leader, Message, NodeId, NodeSet, Phase, Proposer, Protocol, Slot,
    Standing, To,
};

impl<P: Protocol> Node<P> {
    pub(super) fn on_timeout(&mut self) {
        let now = self.now;
        self.store.drop_lent(self.recently());
        self.tell_chosen();
        self.client.on_timeout(now);
        self.reads.on_timeout(now);
        if let Some(proposer) = &mut self.proposer
            && proposer.deadline().is_some_and(|at| at <= now)
        {
            proposer.on_timeout(now, &self.chosen);
        }
        // A change of members may just have ended its ballot, before a heartbeat was due.
        self.watch_ballot();
        self.lead();
        self.fetch_again();
        if self.learner.is_some() && self.gossip.next.is_some_and(|at| at <= now) {
            self.gossip();
        }
    }

    /// Lets the leader role act if its time has come.
    #[inline]
    pub(super) fn lead(&mut self) {
        if self.leader.deadline().is_some_and(|at| at <= self.now) {
            self.do_duties();
        }
    }

    #[cold]
    fn do_duties(&mut self) {
        while self.leader.deadline().is_some_and(|at| at <= self.now) {
            let proposer = self.proposer.as_ref();
            let (leading, work) = proposer.map_or((None, false), |p| (p.leading(), p.has_work()));
            let answered = self.contact.since(&*self.setup.config.quorums, Phase::TwoClassic);
            let unknown = proposer.is_some_and(|p| p.begins_at(&self.chosen) >= self.chosen.limit());
            let blocked = self.away || unknown;
            let standing = Standing { leading: leading.is_some(), work, answered, blocked };
            match self.leader.on_timeout(self.now, standing) {
                Some(Duty::Campaign) => {
                    if let Some(proposer) = &mut self.proposer {
                        let counters = &mut self.noted.0.counters;
                        counters.campaigns += 1;
                        proposer.campaign(self.now, &self.chosen);
                        // Where every instance has its own phase 1, a campaign is won at once.
                        if notice_leading::<P>(proposer, &mut self.leader, &mut self.led, counters, self.now)
                        {
                            self.contact.clear();
                            self.beats.clear();
                        }
                    }
                }
                Some(Duty::Heartbeat) => {
                    if let Some(ballot) = leading {
                        self.heartbeat(ballot);
                        self.step_aside();
                    }
                }
                Some(Duty::PreVote) => self.ask_for_pre_votes(),
                Some(Duty::StepDown) => self.step_down(),
                None => break,
            }
        }
    }

    #[cold]
    pub(super) fn heartbeat(&mut self, ballot: Ballot) {
        let acceptors = self.setup.config.acceptors();
        self.beat(self.members.servers, ballot);
        self.ask_successor(ballot);
        if let Some(accept) = self.proposer.as_ref().and_then(Proposer::reminder) {
            self.propose_to(acceptors, accept);
        }
    }

    /// Sends a heartbeat of the leader of `ballot` to `to`.
    pub(super) fn beat(&mut self, to: NodeSet, ballot: Ballot) {
        let (sent, chosen) = (self.beats.next(self.now), self.chosen.first_unknown());
        self.untold.tell(to);
        self.send(To::Each(self.others(to)), Message::Heartbeat { ballot, chosen, sent });
        if self.acceptor.as_ref().is_some_and(|acceptor| acceptor.follows(ballot)) {
            self.contact.heard(self.setup.id, sent);
        }
    }

    /// Exchanges progress with the next learner in turn, and sends it to proposers that do not learn.
    #[cold]
    pub(super) fn gossip(&mut self) {
        self.gossip.next = self.setup.config.timeouts.gossip.map(|d| self.now.after(d));
        self.gossip.turn += 1;
        let learners = self.members.learners;
        let peers = self.others(learners);
        let chosen = self.chosen.first_unknown();
        let stuck = self.chosen.is_behind() && self.gossip.stuck_at == chosen;
        self.gossip.stuck_for = if stuck { self.gossip.stuck_for + 1 } else { 0 };
        let idle = self.gossip.stuck_at == chosen;
        self.gossip.idle_for = if idle { self.gossip.idle_for.saturating_add(1) } else { 0 };
        self.gossip.stuck_at = chosen;
        if !peers.is_empty() {
            let peer = peers.iter().nth(self.gossip.turn % peers.len()).into_iter().collect();
            self.tell_earlier(peer);
            self.send(To::Each(peer), self.progress());
        }
        if let Some(stranger) = self.next_stranger() {
            self.asked.insert(stranger);
            self.send(To::One(stranger), self.progress());
        }
        let unaware = To::Each(self.setup.config.proposers.without(learners));
        self.send(unaware, self.progress());
        if self.gossip.stuck_for > 2 * peers.len() {
            self.noted.0.counters.catch_ups += u64::from(!unaware.is_empty());
            self.send(unaware, Message::CatchUp { from: chosen });
        }
        self.write_at_leisure();
    }

    /// Returns the next process to ask that is not a known member. A process that is not a member itself may find that
    /// all the members it knows are gone. So it also asks, in turn, the others that the cluster began with, or that
    /// may have joined since.
    fn next_stranger(&self) -> Option<NodeId> {
        let learners = self.members.learners;
        if !self.is_mobile() || learners.contains(self.setup.id) {
            return None;
        }
        let config = &self.built.config;
        let strangers = self.others(config.learners.union(config.spares).without(learners));
        strangers.iter().nth(self.gossip.turn % strangers.len().max(1))
    }

    /// The progress of this process, for the others.
    pub(super) fn progress(&self) -> Message<P> {
        Message::Progress { chosen: self.chosen.first_unknown(), durable: self.durable }
    }

    #[cold]
    pub(super) fn on_progress(&mut self, from: NodeId, chosen: Slot, durable: Slot) {
        if self.setup.config.proposers.without(self.members.learners).contains(from) {
            // It has no values, and says how far learners once were.
            if self.learner.is_some() {
                self.chosen.hear_of(chosen);
            }
            return;
        }
        let mine = (self.now, self.chosen.first_unknown());
        let before = self.peers.known(from);
        self.peers.heard(from, (chosen, durable), mine, self.window());
        let told = self.learner.is_some() || self.is_told(chosen);
        if told && let Some(proposer) = &mut self.proposer {
            proposer.on_progress(self.now, chosen);
        }
        if self.learner.is_none() {
            if before == Some(chosen) {
                self.tell_more(from, chosen);
            }
            return;
        }
        self.chosen.hear_of(chosen);
        if chosen < self.chosen.first_unknown() {
            // It has the values of what it was not told, unless it misses earlier ones.
            let untold = self.untold_from(from);
            self.tell_earlier(NodeSet::only(from));
            if untold.is_none_or(|untold| chosen < untold) && !self.is_feeding(from) {
                self.send_chosen(from, chosen, 1);
            }
        } else if !self.is_being_fed() {
            self.catch_up(from);
        }
    }

    /// Tells a learner, as a proposer that does not learn, that more is chosen than all below `chosen`. Those that said so may
    /// have crashed since, one after the other, and forgotten it; then nobody else is left to ask for it.
    #[cold]
    fn tell_more(&mut self, learner: NodeId, chosen: Slot) {
        let Some(proposer) = &self.proposer else { return };
        let known = proposer.begins_at(&self.chosen);
        if chosen < known && !self.is_known_elsewhere(learner, chosen) {
            self.send(To::One(learner), Message::Progress { chosen: known, durable: self.durable });
        }
    }

    /// Whether another learner than `asking` has reported, not long ago, that it knows what is chosen in `slot`.
    fn is_known_elsewhere(&self, asking: NodeId, slot: Slot) -> bool {
        let others = self.members.learners.without(NodeSet::only(asking));
        let knows = |id| self.peers.recent(id, self.now, self.window()).is_some_and(|peer| peer.known > slot);
        others.iter().any(knows)
    }
}
