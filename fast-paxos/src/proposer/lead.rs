//! What a leader proposes once a quorum has promised: what may have been chosen, then commands, then *any*.

use super::{Proposer, Stage};
use crate::choice::{assign, tallies};
use crate::{Accept, Any, Recovery};
use paxos_core::{
    Ballot, Batch, Chosen, CommandId, Entry, NodeId, NodeSet, Phase, Reach, Setup, Slot, SlotRange, Time,
    Value, Vote,
};
use std::collections::BTreeSet;

impl<V: Value> Proposer<V> {
    /// Starts to lead after a quorum has promised. Proposes what may have been chosen in the slots where it was voted
    /// for. Other commands with votes get later slots.
    pub(super) fn take_the_lead(&mut self, chosen: &Chosen<V>) {
        let stage = std::mem::replace(&mut self.stage, Stage::Leading);
        let Stage::Preparing { candidacy, mut reports, asked_all } = stage else { return };
        let from = candidacy.from();
        // Rule O4 counts within the quorum that promised. Acceptors that have reported only part of their votes are not
        // in it.
        let promised = candidacy.promised();
        reports.retain(|(acceptor, _)| promised.contains(*acceptor));
        let votes = reports.iter().flat_map(|(_, votes)| votes).filter(|vote| !vote.slots().is_empty());
        let slots = votes.map(|vote| vote.slots().end);
        let end = slots.max().unwrap_or(from).max(from);
        self.recovered = end;
        // Votes further ahead than the members are known have to wait, and so does everything after them.
        self.found = (end > chosen.limit()).then(|| chosen.limit());
        let end = end.min(chosen.limit());
        let slots = SlotRange::new(from, end);
        let tallies = tallies(&reports, slots);
        #[cfg(feature = "mistakes")]
        let Some(tallies) = crate::mistakes::read(
            self.setup.options.mistake,
            &*self.setup.config.quorums,
            Some(promised),
            tallies,
        ) else {
            self.next = end;
            return;
        };
        let mut assigned = assign(&*self.setup.config.quorums, |_| promised, &tallies);
        let entries: Batch<V> =
            slots.iter().map(|slot| assigned.remove(&slot).unwrap_or(Entry::Noop)).collect();
        self.pipeline.drop_found(&entries, chosen);
        self.requeue_losers(&entries, &reports);
        self.next = from;
        self.propose(&entries);
        self.alive = promised;
        if self.setup.config.thrifty && !asked_all {
            // Acceptors that were not asked count as alive until something times out.
            let asked = self.setup.config.quorums.minimal_quorum(Phase::One, self.setup.id);
            self.alive = promised.union(self.setup.config.acceptors().without(asked));
        }
    }

    /// Requeues commands that had votes but got no slot.
    pub(super) fn requeue_losers(&mut self, placed: &[Entry<V>], reports: &[(NodeId, Vec<Vote<V>>)]) {
        #[cfg(feature = "mistakes")]
        if self.setup.options.mistake == Some(crate::Mistake::LosersForgotten) {
            return;
        }
        let mut names: BTreeSet<CommandId> = placed.iter().filter_map(Entry::id).collect();
        let voted = reports.iter().flat_map(|(_, votes)| votes).flat_map(|vote| vote.batch.iter());
        let losers: Vec<Entry<V>> =
            voted.filter(|e| e.id().is_some_and(|id| names.insert(id))).cloned().collect();
        if !losers.is_empty() || self.pipeline.waiting() > 0 {
            self.pipeline.drop_all(&names);
            self.pipeline.push_front(losers.into());
        }
    }

    /// Proposes `entries` in step 0 from the next free slot on.
    pub(super) fn propose(&mut self, entries: &Batch<V>) {
        let mut rest = entries.clone();
        while !rest.is_empty() {
            let batch = rest.portion(self.setup.config.limits.message());
            rest = rest.tail(batch.len() as u64);
            self.pipeline.propose(self.ballot, self.next, &batch);
            self.send_next(batch);
        }
    }

    /// Queues the phase 2a for `batch`, which is proposed from the next free slot on.
    pub(super) fn send_next(&mut self, batch: Batch<V>) {
        let first = self.next;
        self.next = first.plus(batch.len() as u64);
        self.outgoing.push_back((self.ballot, first, batch, Reach::Quorum(Phase::TwoClassic)));
    }

    /// *Fast Paxos*, §2.2: if any value may be proposed, the coordinator sends *any*. Phase 1 found no vote from the
    /// first slot on in which this term has proposed nothing, so any value may be proposed in all of these slots.
    pub(super) fn open_fast_ballot(&mut self, now: Time, chosen: &Chosen<V>) {
        let quorums = &self.setup.config.quorums;
        if self.any.is_some()
            || self.found.is_some()
            || self.contention.classic
            || self.is_patient()
            || chosen.is_changing()
            || !quorums.is_quorum(Phase::TwoFast, self.alive.intersection(crate::voters(&self.setup.config)))
        {
            return;
        }
        let Some(fast) = self.ballot.next_step(true) else { return };
        while let Some(batch) = self.fresh(now, chosen) {
            self.send_next(batch);
        }
        // A ballot opened at the end of the slots whose members are known could be mistaken for one of the next
        // members.
        if self.pipeline.waiting() > 0 || self.next >= chosen.limit() {
            return;
        }
        self.any = Some(Any { ballot: fast, from: self.next, recovery: self.recovery_quorum() });
        self.any_due = true;
    }

    /// Whether it does without fast ballots for a while. A leader that clients do not send to gets their commands only when
    /// they ask again, which takes longer than a term.
    fn is_patient(&self) -> bool {
        !self.contention.patience.is_over() && crate::voters(&self.setup.config).contains(self.setup.id)
    }

    /// The quorum whose votes acceptors read if they proceed by themselves. It is as small as possible, since the votes
    /// of all its members are needed, and consists of acceptors that are alive and that clients send to.
    fn recovery_quorum(&self) -> Option<NodeSet> {
        let Setup { id, config, options } = &self.setup;
        let mut quorum = self.alive.intersection(crate::voters(config));
        if options.recovery != Recovery::Uncoordinated || !config.quorums.is_quorum(Phase::One, quorum) {
            return None;
        }
        let mut members: Vec<NodeId> = quorum.iter().collect();
        members.sort_by_key(|node| core::cmp::Reverse(node.0.wrapping_sub(id.0) % NodeSet::CAPACITY));
        for node in members {
            let smaller = quorum.without(NodeSet::only(node));
            if config.quorums.is_quorum(Phase::One, smaller) {
                quorum = smaller;
            }
        }
        Some(quorum)
    }

    pub(super) fn accept(&self, ballot: Ballot, first: Slot, batch: Batch<V>) -> Accept<V> {
        #[cfg(feature = "mistakes")]
        let (ballot, any) = crate::mistakes::say(self.setup.options.mistake, ballot, first, &batch, self.any);
        #[cfg(not(feature = "mistakes"))]
        let any = self.any;
        let classic = paxos_core::Accept { ballot, first, batch, chosen: self.progress };
        Accept { classic, any }
    }

    /// Returns the next phase 2a: values that are due, then commands if no fast ballot is open, then *any*.
    pub(super) fn poll_accept(&mut self, now: Time, chosen: &Chosen<V>) -> Option<(Accept<V>, Reach)> {
        if self.outgoing.is_empty() && self.any.is_none() && self.found.is_none() {
            let idle = self.pipeline.first_in_flight().is_none();
            if let Some(batch) = self.fresh(now, chosen) {
                if idle {
                    self.wait(now);
                }
                self.send_next(batch);
            }
        }
        // *Any* goes to all acceptors: with the values if these go to all, otherwise by itself.
        let thrifty = self.setup.config.thrifty;
        if let Some((ballot, first, batch, reach)) = self.outgoing.pop_front() {
            self.any_due &= thrifty && reach != Reach::All;
            // Values proposed after collisions, or proposed again, may exceed one message.
            let head = batch.portion(self.setup.config.limits.message());
            let rest = batch.tail(head.len() as u64);
            if !rest.is_empty() {
                self.outgoing.push_front((ballot, first.plus(head.len() as u64), rest, reach));
            }
            return Some((self.accept(ballot, first, head), reach));
        }
        let any_due = std::mem::replace(&mut self.any_due, false);
        any_due.then(|| (self.accept(self.ballot, self.next, Batch::empty()), Reach::All))
    }

    /// Returns the next commands, or no-ops that bring a pending change of members into effect.
    pub(super) fn fresh(&mut self, now: Time, chosen: &Chosen<V>) -> Option<Batch<V>> {
        let batch = self.pipeline.propose_next(now, self.ballot, self.next, chosen.limit());
        if let Some(batch) = &batch {
            self.count_proposed(self.next, batch);
        }
        batch.or_else(|| self.pipeline.propose_nothing(self.ballot, self.next, chosen))
    }

    /// When to ask again, if anything is unanswered.
    pub(super) fn deadline_of_work(&self) -> Option<Time> {
        let waiting = match self.stage {
            Stage::Idle => false,
            Stage::Preparing { .. } => true,
            Stage::Leading => {
                self.pipeline.first_in_flight().is_some()
                    || !self.watched.is_empty()
                    || (self.any.is_some() && self.pipeline.waiting() > 0)
            }
        };
        self.again.at().filter(|_| waiting)
    }
}
