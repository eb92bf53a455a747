//! The handling of messages: each goes to the role it is meant for, and the answer to the processes that need it.

mod announce;
mod believe;

pub(super) use announce::Untold;
pub(super) use believe::Beliefs;

use super::{Members, Node, Own};
use crate::{
    Acceptor, Audience, Ballot, Client, Entry, InBallot, Leader, Learner, Message, Nack, NodeId, Overloaded,
    PhaseMessage, Proposer, Protocol, Refusal, Refused, Request, Slot, Time, To,
};

impl<P: Protocol> Node<P> {
    pub(super) fn on_message(&mut self, from: NodeId, message: Message<P>) {
        if self.recognition.refuses(from) {
            self.noted.0.counters.forgotten += 1;
            if let Message::Recognize { store } = message {
                return self.on_recognize(from, store);
            }
            if let Message::Forgotten { store, known } = message {
                return self.on_opposed(from, store, known);
            }
            return self.tell_forgotten(from);
        }
        if !self.is_credible(&message) {
            return self.disbelieve(from, message.kind());
        }
        if self.is_clogged() && self.is_burden(&message) {
            self.noted.0.counters.clogged += 1;
            return;
        }
        // Only members count: an answer from a process without the role is ignored.
        let Members { proposers, acceptors, learners, .. } = self.members;
        let (proposer, acceptor) = (proposers.contains(from), acceptors.contains(from));
        let learner = learners.contains(from);
        match message {
            Message::Request(request) => self.on_request(from, &request),
            // A ballot has one owner, and only the owner speaks in it.
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
            // Members change, and a process that does not learn is the last to hear of it.
            Message::Reply(reply) if learner || self.is_outside() => {
                if reply.id.client.node == self.setup.id {
                    self.on_reply(from, reply);
                }
            }
            Message::Refuse(refused) if proposer || self.is_outside() => {
                self.client.on_refusal(from, &refused);
            }
            Message::Members { version, members } if learner || self.is_outside() => {
                self.on_members(version, &members);
            }
            Message::Heartbeat { ballot, chosen, sent } if proposer && ballot.owner == from => {
                self.on_heartbeat(ballot, chosen, sent);
            }
            Message::Heard { ballot, sent } if acceptor => self.on_heard(from, ballot, sent),
            Message::Read(message) => self.on_read_message(from, message),
            Message::Progress { chosen, durable } if learner || proposer || self.is_mobile() => {
                self.on_progress(from, chosen, durable);
            }
            Message::CatchUp { from: slot } if learner || self.is_mobile() => self.on_catch_up(from, slot),
            Message::Chosen { first, batch, known, asked } if learner || self.asked.contains(from) => {
                if self.learner.is_some() {
                    self.chosen.hear_of(known);
                    self.on_chosen(from, first, batch, asked);
                }
            }
            Message::PreVote { chosen, sent } if proposer => self.on_pre_vote(from, chosen, sent),
            Message::PreVoteReply { sent, granted: true } if acceptor => {
                self.leader.on_pre_vote_reply(self.now, from, sent);
            }
            Message::Transfer { ballot, chosen } if proposer && ballot.owner == from => {
                self.on_transfer(ballot, chosen);
            }
            Message::Offer { snapshot } if learner || self.asked.contains(from) => {
                self.on_offer(from, snapshot);
            }
            Message::Fetch { snapshot, offset } if learner || self.is_mobile() => {
                self.on_fetch(from, snapshot, offset);
            }
            Message::Chunk { snapshot, offset, bytes } if learner || self.asked.contains(from) => {
                self.on_chunk(from, snapshot, offset, &bytes);
            }
            Message::Forgotten { store, known } => self.on_forgotten(from, store, known),
            Message::Recognize { store } => self.on_recognize(from, store),
            Message::Recognized { store } => self.on_recognized(from, store),
            Message::Prepare(_)
            | Message::Accept(_)
            | Message::Promise(_)
            | Message::Accepted(_)
            | Message::Nack(_)
            | Message::Decide(_)
            | Message::Reply(_)
            | Message::Refuse(_)
            | Message::Members { .. }
            | Message::Heartbeat { .. }
            | Message::Heard { .. }
            | Message::Progress { .. }
            | Message::CatchUp { .. }
            | Message::Chosen { .. }
            | Message::PreVote { .. }
            | Message::PreVoteReply { .. }
            | Message::Transfer { .. }
            | Message::Offer { .. }
            | Message::Fetch { .. }
            | Message::Chunk { .. } => self.noted.0.counters.ignored += 1,
        }
    }

    /// Whether a message would have to be written, or remembered until a snapshot is written.
    fn is_burden(&self, message: &Message<P>) -> bool {
        let written = matches!(message, Message::Prepare(_) | Message::Accept(_));
        let learned = matches!(message, Message::Decide(_) | Message::Chosen { .. } | Message::Chunk { .. });
        // A leader continues with the others' votes.
        let counted = matches!(message, Message::Accepted(_)) && self.leading().is_none();
        written || learned || counted
    }

    pub(super) fn on_request(&mut self, from: NodeId, request: &Request<P::Value>) {
        let again = request.audience == Audience::Anyone;
        self.tell_members(from, again);
        let clogged = self.is_clogged();
        if let Some(acceptor) = self.acceptor.as_mut().filter(|_| !clogged)
            && matches!(request.audience, Audience::Acceptors | Audience::Anyone)
        {
            acceptor.on_request(request);
        }
        let leads = self.leader.leads();
        if !leads && self.members.elects {
            self.pass_on(from, request);
        }
        if self.proposer.is_some() {
            if leads || request.audience != Audience::Leader {
                if self.give(from, request, leads).is_err() {
                    return;
                }
            } else {
                let leader = self.leader.leader();
                return self.turn_away(from, Refusal::NotLeader(leader), request);
            }
        }
        let self_appointed = self.proposer.is_some() && !self.members.elects;
        if self.learner.is_some() && (again || self_appointed) {
            self.out.asked.extend(request.commands.iter().filter_map(Entry::id));
        }
    }

    /// Gives a request to the proposer, or holds it back until leadership is transferred.
    pub(super) fn give(
        &mut self,
        from: NodeId,
        request: &Request<P::Value>,
        leads: bool,
    ) -> Result<(), Overloaded> {
        let taken = if leads && self.holds_back(request.audience) {
            self.hold_back(from, request)
        } else if let Some(proposer) = &mut self.proposer {
            proposer.on_request(self.now, request, leads)
        } else {
            Ok(())
        };
        // The client did not send a relayed request here, and asks again itself.
        if let Err(overloaded) = taken
            && request.audience != Audience::Relayed
        {
            self.noted.0.counters.refused += request.commands.len() as u64;
            self.turn_away(from, Refusal::Overloaded(overloaded), request);
        }
        taken
    }

    /// Refuses a request.
    #[cold]
    pub(super) fn turn_away(&mut self, from: NodeId, refusal: Refusal, request: &Request<P::Value>) {
        let commands = request.commands.iter().filter_map(Entry::id).collect();
        for refused in Refused::each(refusal, false, commands) {
            self.tell_refused(from, refused);
        }
    }

    #[cold]
    pub(super) fn on_prepare(&mut self, from: NodeId, prepare: &P::Prepare) {
        // While a lease holds, no other process gets an answer. It may ask again.
        if self.bars(prepare.ballot().owner) {
            return;
        }
        self.on_ballot(prepare.ballot());
        if self.acceptor.is_none() || !self.may_promise(from, prepare) {
            return;
        }
        let Some(acceptor) = &mut self.acceptor else { return };
        match acceptor.on_prepare(prepare, &mut self.out.records) {
            Ok(promise) if from == self.setup.id => self.out.own.push(Own::Promise(promise)),
            Ok(promise) => self.send_bound(To::One(from), Message::Promise(promise)),
            Err(nack) => self.refuse(from, nack),
        }
    }

    pub(super) fn on_accept(&mut self, from: NodeId, accept: &P::Accept) {
        if !self.is_expected(from, accept.furthest()) {
            return;
        }
        let clogged = self.is_clogged();
        if let Some(acceptor) = self.acceptor.as_mut().filter(|_| !clogged) {
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
        // Not because of the ballot: the candidate asks about slots that are forgotten here, and must learn them
        // first.
        if nack.promised <= nack.refused && from != self.setup.id && self.learner.is_some() {
            self.send(To::One(from), self.progress());
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
        if others == hear {
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
        let Some(proposer) = &mut self.proposer else { return };
        if proposer.on_promise(self.now, from, promise, &self.chosen) {
            self.leader.on_piece(self.now);
        }
        if let Some(slot) = proposer.refuted() {
            self.chosen.refute(slot);
        }
    }

    pub(super) fn on_accepted(&mut self, from: NodeId, accepted: &P::Accepted) {
        if let Some(acceptor) = &mut self.acceptor {
            acceptor.on_accepted(from, accepted, &self.chosen);
        }
        if let Some(proposer) = &mut self.proposer {
            self.voted.0.insert(from);
            proposer.on_accepted(self.now, from, accepted, &self.chosen);
        }
        let Some(learner) = &mut self.learner else { return };
        learner.on_accepted(from, accepted, &mut self.chosen, &mut self.decisions);
        if self.decisions.is_empty() {
            return;
        }
        // A process that hears votes of another's ballot (uncoordinated recovery) leaves announcements to the owner.
        let distinguished = self.proposer.is_some() && accepted.ballot().owner == self.setup.id;
        if !self.members.announces || !distinguished {
            self.decisions.clear();
            return;
        }
        self.announce();
    }

    #[cold]
    pub(super) fn on_nack(&mut self, nack: &Nack) {
        let Some(proposer) = &mut self.proposer else { return };
        self.noted.0.counters.nacks += 1;
        // A refusal of a ballot left long ago does not tell which process leads now.
        if proposer.on_nack(self.now, nack) {
            self.leader.on_ballot(self.now, nack.promised);
            self.on_preempted();
        }
    }

    /// Notes that an acceptor still follows this leader. An answer in a ballot other than the current one is late.
    pub(super) fn on_heard(&mut self, from: NodeId, ballot: Ballot, sent: Time) {
        if self.leading() == Some(ballot) && self.beats.current() >= Some(sent) {
            self.contact.heard(from, sent);
        }
    }

    /// Notes that a ballot is in use. A leader in a lower ballot has lost it.
    pub(super) fn on_ballot(&mut self, ballot: Ballot) {
        if ballot != self.noted.0.highest {
            self.noted.0.highest = ballot.max(self.noted.0.highest);
        }
        self.leader.on_ballot(self.now, ballot);
        if ballot.owner != self.setup.id && self.proposer.as_mut().is_some_and(|p| p.on_ballot(ballot)) {
            self.on_preempted();
        }
    }

    #[cold]
    pub(super) fn on_preempted(&mut self) {
        self.noted.0.counters.lost += u64::from(self.led.is_some());
        self.led = None;
        self.untold = Untold::default();
        // A proposer that does not learn hears how far the log has got.
        let chosen = &self.chosen;
        let known = self.proposer.as_ref().map_or(chosen.first_unknown(), |p| p.begins_at(chosen));
        self.leader.on_preempted(self.now, known);
    }

    pub(super) fn on_heartbeat(&mut self, ballot: Ballot, chosen: Slot, sent: Time) {
        let follows = self.acceptor.as_ref().is_some_and(|acceptor| acceptor.follows(ballot));
        // With leases, an answer grants a lease.
        if follows && self.grants.grant(self.now, ballot) {
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
