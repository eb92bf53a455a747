//! The reads of a node, and other processes' questions about reads.

use super::Node;
use crate::reads::{Inquiry, Question, usable};
use crate::{
    Acceptor, Consistency, Leader, Message, NodeId, NodeSet, Phase, Proposer, Protocol, ReadError, ReadId,
    ReadMessage, Readable, Slot, Time, To,
};
use std::collections::BTreeSet;

impl<P: Protocol> Node<P> {
    /// Begins a read. [`Node::readable`] returns it when this process's replica is as fresh as requested. Until then,
    /// the question is repeated after each [`crate::Timeouts::client`], whichever process leads.
    ///
    /// Only a process that learns has a replica. A process that is only a client submits a command that reads.
    ///
    /// The node waits until a quorum answers, however long that takes. A caller that no longer waits calls
    /// [`Node::cancel_reads`].
    ///
    /// # Errors
    /// [`ReadError`] if too many reads wait, there is no replica here, or the read is linearizable and the process was
    /// removed. A read that waits when the process is removed ends in the same way: see [`Node::ended_read`].
    pub fn read(&mut self, now: Time, consistency: Consistency) -> Result<ReadId, ReadError> {
        self.now = self.now.max(now);
        if self.learner.is_none() {
            return Err(ReadError::NoReplica);
        }
        if consistency.is_linearizable() && self.is_removed() {
            return Err(ReadError::Removed);
        }
        self.stirred = true;
        self.reads.begin(consistency)
    }

    /// Returns the next read that may be answered now, from the replica as it is. Must be called after each
    /// [`crate::Ready`], when everything delivered is executed.
    pub fn readable(&mut self) -> Option<Readable> {
        self.reads.readable(self.chosen.applied())
    }

    /// Returns the next read that will not be answered, with the reason. Must be called after each [`crate::Ready`],
    /// like [`Node::readable`]. Each read is returned once.
    pub fn ended_read(&mut self) -> Option<(ReadId, ReadError)> {
        Some((self.reads.poll_ended()?, ReadError::Removed))
    }

    /// Forgets reads that no caller waits for any more. Returns how many of them were waiting. It takes one walk
    /// through all waiting reads, however many are forgotten.
    pub fn cancel_reads(&mut self, ids: &BTreeSet<ReadId>) -> usize {
        self.reads.cancel(ids)
    }

    /// The number of reads that wait here.
    pub fn waiting_reads(&self) -> usize {
        self.reads.open()
    }

    /// Gives up the lease of the ballot in which this process leads, for good, and tells the acceptors. A leader that
    /// transfers leadership does this first; otherwise the acceptors would answer its successor only when the lease
    /// has ended. Reads by lease are confirmed from now on.
    pub fn release_lease(&mut self, now: Time) {
        self.now = self.now.max(now);
        let Some(ballot) = self.leading() else { return };
        // The leader stops counting on the lease before the acceptors forget it.
        self.beats.released = Some(ballot);
        if self.setup.config.timeouts.lease.is_some() {
            self.stirred = true;
            let others = self.others(self.members.acceptors);
            self.send(To::Each(others), Message::Read(ReadMessage::Release { ballot }));
        }
    }

    /// Whether this process leads and may answer reads alone, at the time of the last event.
    pub fn has_lease(&self) -> bool {
        let Some(lease) = self.setup.config.timeouts.lease else { return false };
        let usable = usable(lease, self.setup.config.timeouts.drift);
        self.contact_since().is_some_and(|since| self.beats.holds(self.now, since, usable))
            && self.beats.released != self.leading()
    }

    /// Since when a phase 2 quorum is known to follow this leader.
    fn contact_since(&self) -> Option<Time> {
        // Answers in a ballot other than the proposer's current one are about to be forgotten.
        self.leading().filter(|ballot| self.led == Some(*ballot))?;
        self.contact.since(&*self.setup.config.quorums, Phase::TwoClassic)
    }

    /// Whether this acceptor answers no phase 1a of `owner` now.
    pub(super) fn bars(&self, owner: NodeId) -> bool {
        self.grants.bar(self.now, owner) || (owner != self.setup.id && self.has_lease())
    }

    pub(super) fn on_read_message(&mut self, from: NodeId, message: ReadMessage) {
        let config = &self.setup.config;
        let (learner, acceptor) =
            (self.members.learners.contains(from), self.members.acceptors.contains(from));
        match message {
            ReadMessage::Index { id, lease } if learner && self.proposer.is_some() => {
                self.reads.questions.push(Question { from, id, lease });
            }
            ReadMessage::At { id, slot } if self.members.proposers.contains(from) => {
                self.on_read_at(id, slot);
            }
            ReadMessage::Votes { id } if learner => {
                if let Some(acceptor) = &self.acceptor {
                    let slot = acceptor.voted_below();
                    // Another acceptor may answer with a slot that is proposed meanwhile.
                    self.tell_reader(from, slot.plus(config.limits.window as u64));
                    self.send(To::One(from), Message::Read(ReadMessage::VotedBelow { id, slot }));
                }
            }
            // A vote that far shows that other members, which were not asked, may have continued after it. The
            // question is repeated when this process has come that far.
            ReadMessage::VotedBelow { id, slot } if acceptor && slot < self.chosen.limit() => {
                let quorums = config.quorums.clone();
                self.reads.on_voted_below(from, id, slot, &*quorums);
            }
            ReadMessage::VotedBelow { id, slot } if acceptor => self.reads.on_voted_beyond(id, slot),
            ReadMessage::Release { ballot } if ballot.owner == from => self.grants.release(ballot),
            ReadMessage::Index { .. }
            | ReadMessage::At { .. }
            | ReadMessage::Votes { .. }
            | ReadMessage::VotedBelow { .. }
            | ReadMessage::Release { .. } => {}
        }
    }

    /// Asks the questions that are due, and answers those that can be answered.
    pub(super) fn pursue_reads(&mut self) {
        if self.reads.is_quiet() {
            return;
        }
        self.reads.gather();
        while let Some(inquiry) = self.reads.ask(self.now) {
            self.inquire(inquiry);
        }
        self.serve_questions();
    }

    /// Asks in the way that the read requests. A read that has waited for long asks all processes that may know.
    fn inquire(&mut self, Inquiry { id, way, again, bound }: Inquiry) {
        let by_leader = self.members.elects && (again || way != Consistency::Quorum);
        let leader = self.leader.leader().filter(|_| by_leader);
        let lease = way == Consistency::Lease;
        match leader {
            Some(me) if me == self.setup.id => {
                self.reads.questions.push(Question { from: me, id, lease });
            }
            Some(leader) => self.send(To::One(leader), Message::Read(ReadMessage::Index { id, lease })),
            None => {}
        }
        if leader.is_none() || again || way == Consistency::Quorum {
            self.ask_acceptors(id, again);
        }
        if again {
            // Another process may know the slot that it waits for.
            let informed = leader.filter(|leader| self.members.learners.contains(*leader));
            let peer: NodeSet = informed.into_iter().collect();
            self.send(To::Each(self.others(peer)), self.progress());
            // If nobody has told it of that slot, all may have forgotten, and the leader can propose it again.
            let from = self.chosen.first_unknown();
            if bound.is_some_and(|bound| bound > from) && !self.chosen.is_behind() {
                let unaware = self.setup.config.proposers.without(self.members.learners);
                self.send(To::Each(self.others(unaware.union(peer))), Message::CatchUp { from });
                if leader == Some(self.setup.id) {
                    self.on_catch_up(self.setup.id, from);
                }
            }
        }
    }

    fn ask_acceptors(&mut self, id: ReadId, again: bool) {
        if !self.reads.turn_to_acceptors(id) {
            return;
        }
        let config = self.setup.config.clone();
        let me = self.setup.id;
        let to = if config.thrifty && !again {
            config.quorums.minimal_quorum(Phase::One, me)
        } else {
            self.members.acceptors
        };
        let mine = self.acceptor.as_ref().filter(|_| to.contains(me)).map(Acceptor::voted_below);
        if let Some(slot) = mine.filter(|slot| *slot < self.chosen.limit()) {
            self.reads.on_voted_below(me, id, slot, &*config.quorums);
        }
        self.send(To::Each(self.others(to)), Message::Read(ReadMessage::Votes { id }));
    }

    /// Handles a leader's answer for one of this process's rounds.
    fn on_read_at(&mut self, id: ReadId, slot: Option<Slot>) {
        match slot {
            Some(slot) => self.reads.on_bound(id, slot),
            None => self.ask_acceptors(id, false),
        }
    }

    /// Notes, as a leader, how far the log goes, and answers when it is certain that it still led after the question.
    /// An acceptor answers a heartbeat only if it has promised no higher ballot, and every phase 1 quorum shares an
    /// acceptor with the phase 2 quorum that answered. So when the question came, no higher ballot had completed phase
    /// 1 or chosen anything.
    fn serve_questions(&mut self) {
        let (leading, lease) = (self.leading(), self.has_lease());
        let index = self.proposer.as_ref().and_then(|proposer| proposer.read_index(&self.chosen));
        // A leader whose proposals have reached the end of its members' slots may have a successor among other
        // members, since these two sets of members promise nothing to each other. Before that end, a successor needs a
        // promise of the acceptors that answer here.
        let index = index.filter(|slot| *slot < self.chosen.limit());
        for question in std::mem::take(&mut self.reads.questions) {
            let Question { from, id, lease: by_lease } = question;
            match leading.zip(index) {
                Some((_, index)) if by_lease && lease => self.tell_index(from, id, Some(index)),
                Some((ballot, index))
                    if self.reads.wait_for_quorum(&question, ballot, index, self.beats.current()) => {}
                Some(_) | None => self.tell_index(from, id, None),
            }
        }
        self.tell_settled();
        if let Some(ballot) = leading
            && self.reads.wants_beat(self.beats.current(), self.contact_since())
        {
            self.beat(self.members.acceptors, ballot);
            // If one acceptor is a quorum, the leader's own answer may be enough.
            self.tell_settled();
        }
    }

    fn tell_settled(&mut self) {
        let (leading, since) = (self.leading(), self.contact_since());
        while let Some((from, id, index)) = self.reads.settle(leading, since) {
            self.tell_index(from, id, index);
        }
    }

    fn tell_index(&mut self, to: NodeId, id: ReadId, slot: Option<Slot>) {
        if to == self.setup.id {
            self.on_read_at(id, slot);
        } else {
            if let Some(below) = slot {
                self.tell_reader(to, below);
            }
            self.send(To::One(to), Message::Read(ReadMessage::At { id, slot }));
        }
    }
}
