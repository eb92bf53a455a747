//! The proposer: phase 1 once for all slots, then phase 2 only, pipelined.

use crate::{Accept, MultiPaxos, Prepare, Promise};
use paxos_core::{
    Audience, Ballot, Batch, Chosen, CommandId, Entry, Nack, NodeId, NodeSet, Overloaded, Phase, Proposal,
    Reach, Record, Request, Setup, Slot, SlotRange, Time, Value, Votes,
};
use std::collections::{BTreeSet, VecDeque};

/// Keeps proposals safe. Its state is what it is in the middle of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Proposer<V> {
    setup: Setup<()>,
    /// The highest ballot heard of.
    highest: Ballot,
    /// Its own latest ballot.
    ballot: Ballot,
    stage: Stage<V>,
    /// Commands not yet proposed.
    queue: VecDeque<Batch<V>>,
    queued: usize,
    /// What is proposed in this ballot and not known to be chosen, by slot.
    in_flight: VecDeque<(Slot, Batch<V>)>,
    /// Which of it is to be sent, first or again.
    outgoing: VecDeque<(Slot, Batch<V>, Reach)>,
    /// The next free slot.
    next: Slot,
    /// All below is chosen, as learners elsewhere say.
    progress: Slot,
    /// Commands in `queue` may have been chosen from this slot on, in another ballot.
    requeued: Option<Slot>,
    resend_at: Option<Time>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Stage<V> {
    Idle,
    Preparing { from: Slot, promised: NodeSet, votes: Votes<V>, ask: Option<Reach>, started: bool },
    Leading,
}

impl<V: Value> Proposer<V> {
    /// The ballot it is in or was in last.
    pub fn ballot(&self) -> Ballot {
        self.ballot
    }

    /// Slots proposed in this ballot and not known to be chosen.
    pub fn in_flight(&self) -> u64 {
        self.in_flight.front().map_or(0, |(first, _)| self.next.0 - first.0)
    }

    /// Commands that wait for a place in the window.
    pub fn queued(&self) -> usize {
        self.queued
    }

    fn wait(&mut self, now: Time) {
        self.resend_at = self.setup.config.timeouts.resend.map(|d| now.after(d));
    }

    /// Leaves the ballot. What was proposed may yet be chosen or not: it is proposed again if this process leads
    /// again, and executes once all the same.
    fn preempted(&mut self) -> bool {
        if self.stage == Stage::Idle {
            return false;
        }
        self.stage = Stage::Idle;
        self.outgoing.clear();
        self.resend_at = None;
        if let Some((first, _)) = self.in_flight.front() {
            self.requeued = Some(self.requeued.unwrap_or(*first).min(*first));
        }
        for (_, batch) in self.in_flight.drain(..).rev() {
            self.queued += batch.len();
            self.queue.push_front(batch);
        }
        true
    }

    /// A quorum has promised. *Paxos Made Simple*, §3: the new leader proposes, in every slot for which a vote
    /// was reported, the value of the highest-numbered one, and no-ops in the gaps between.
    fn take_the_lead(&mut self, chosen: &Chosen<V>) {
        let Stage::Preparing { from, votes, .. } = std::mem::replace(&mut self.stage, Stage::Leading) else {
            return;
        };
        let end = votes.end().max(from);
        let mut entries = Vec::new();
        let mut at = from;
        for vote in votes.within(SlotRange::new(from, end)) {
            entries.extend(SlotRange::new(at, vote.first).iter().map(|_| Entry::Noop));
            entries.extend(vote.batch.iter().cloned());
            at = vote.slots().end;
        }
        self.drop_from_queue(&entries, chosen);
        let recovered: Batch<V> = entries.into();
        let mut first = from;
        while first < end {
            let batch = recovered.tail(first.0 - from.0).head(self.setup.config.limits.batch.max(1) as u64);
            let next = first.plus(batch.len() as u64);
            self.in_flight.push_back((first, batch.clone()));
            self.outgoing.push_back((first, batch, Reach::Quorum(Phase::TwoClassic)));
            first = next;
        }
        self.next = end;
    }

    /// Commands that were proposed in an earlier ballot and turn up in a slot need no second one.
    fn drop_from_queue(&mut self, recovered: &[Entry<V>], chosen: &Chosen<V>) {
        let Some(from) = self.requeued.take() else { return };
        let mut seen: BTreeSet<CommandId> = recovered.iter().filter_map(Entry::id).collect();
        for (_, batch) in chosen.within(from.onwards()) {
            seen.extend(batch.iter().filter_map(Entry::id));
        }
        let left = self.queue.drain(..).flat_map(|b| b.to_vec());
        let left: Batch<V> = left.filter(|e| e.id().is_some_and(|id| !seen.contains(&id))).collect();
        self.queued = left.len();
        if !left.is_empty() {
            self.queue.push_back(left);
        }
    }

    /// Up to `limit` queued commands, without a copy if they came together.
    fn take(&mut self, limit: usize) -> Option<Batch<V>> {
        let front = self.queue.pop_front()?;
        let batch = if front.len() > limit {
            self.queue.push_front(front.tail(limit as u64));
            front.head(limit as u64)
        } else if self.queue.is_empty() || front.len() == limit {
            front
        } else {
            let mut entries = front.to_vec();
            while let Some(more) = self.queue.pop_front() {
                let room = limit - entries.len();
                entries.extend(more.iter().take(room).cloned());
                if more.len() > room {
                    self.queue.push_front(more.tail(room as u64));
                    break;
                }
            }
            entries.into()
        };
        self.queued -= batch.len();
        Some(batch)
    }

    fn holds(&self, entry: &Entry<V>) -> bool {
        let mut held = self.queue.iter().chain(self.in_flight.iter().map(|(_, batch)| batch));
        held.any(|batch| batch.iter().any(|e| e.id() == entry.id()))
    }

    /// Forgets what lies below `slot`.
    fn settle(&mut self, now: Time, slot: Slot) {
        let before = self.in_flight.len();
        while let Some((first, batch)) = self.in_flight.front_mut() {
            let done = slot.0.saturating_sub(first.0);
            if done >= batch.len() as u64 {
                self.in_flight.pop_front();
                continue;
            }
            if done > 0 {
                (*first, *batch) = (slot, batch.tail(done));
            }
            break;
        }
        if self.in_flight.len() < before {
            self.wait(now);
        }
    }

    /// Whether another value than its own is chosen where it proposed: then a higher ballot was at work.
    fn is_contradicted(&self, chosen: &Chosen<V>) -> bool {
        let known = |first: Slot, batch: &Batch<V>| {
            let slots = first.extend(batch.len() as u64);
            chosen.within(slots).all(|(part, theirs)| {
                let ours = batch.tail(part.start.0 - first.0).head(part.len());
                ours.shares(&theirs) || ours == theirs
            })
        };
        let below = self.in_flight.iter().take_while(|(first, _)| *first < chosen.end());
        !below.into_iter().all(|(first, batch)| known(*first, batch))
    }
}

impl<V: Value, R: crate::Answer> paxos_core::Proposer<MultiPaxos<V, R>> for Proposer<V> {
    fn new(setup: &Setup<()>) -> Self {
        Self {
            setup: setup.clone(),
            highest: Ballot::ZERO,
            ballot: Ballot::ZERO,
            stage: Stage::Idle,
            queue: VecDeque::new(),
            queued: 0,
            in_flight: VecDeque::new(),
            outgoing: VecDeque::new(),
            next: Slot(0),
            progress: Slot(0),
            requeued: None,
            resend_at: None,
        }
    }

    fn restore(&mut self, record: &Record<V>) {
        // A ballot is never used twice by its owner, not even across a crash.
        let (Record::Started(ballot) | Record::Promised { ballot, .. } | Record::Voted { ballot, .. }) =
            record;
        self.highest = self.highest.max(*ballot);
    }

    fn on_request(&mut self, _now: Time, request: &Request<V>, leads: bool) -> Result<(), Overloaded> {
        let limit = self.setup.config.limits.queue;
        if !leads {
            return Ok(());
        }
        if self.queued + request.commands.len() > limit {
            return Err(Overloaded { limit });
        }
        let mut commands = request.commands.clone();
        if request.audience == Audience::Anyone {
            commands = commands.iter().filter(|e| !self.holds(e)).cloned().collect();
        }
        if !commands.is_empty() {
            self.queued += commands.len();
            self.queue.push_back(commands);
        }
        Ok(())
    }

    fn campaign(&mut self, now: Time, chosen: &Chosen<V>) {
        self.preempted();
        let Some(ballot) = self.highest.max(self.ballot).next_term(self.setup.id) else { return };
        self.ballot = ballot;
        self.highest = ballot;
        let from = chosen.first_unknown().max(self.progress);
        let ask = Some(Reach::Quorum(Phase::One));
        self.stage =
            Stage::Preparing { from, promised: NodeSet::EMPTY, votes: Votes::default(), ask, started: false };
        self.wait(now);
    }

    /// *Paxos Made Simple*, §2.2, phase 2(a): with answers from a majority (here: a phase 1 quorum), propose the
    /// value of the highest-numbered proposal among them, or any value if there is none.
    fn on_promise(&mut self, now: Time, from: NodeId, promise: Promise<V>, chosen: &Chosen<V>) {
        let Stage::Preparing { from: first, promised, votes, .. } = &mut self.stage else { return };
        // An answer to an earlier ballot, or for other slots, says nothing about this one; a second one from
        // the same acceptor does not count again.
        if promise.ballot != self.ballot || promise.from != *first || !promised.insert(from) {
            return;
        }
        for vote in &promise.votes {
            votes.note(vote.ballot, vote.first, &vote.batch);
        }
        if self.setup.config.quorums.is_quorum(Phase::One, *promised) {
            self.take_the_lead(chosen);
            self.wait(now);
        }
    }

    fn on_nack(&mut self, _now: Time, nack: &Nack) -> bool {
        self.highest = self.highest.max(nack.promised);
        // A refusal of an earlier ballot is no news.
        nack.refused == self.ballot && nack.promised > self.ballot && self.preempted()
    }

    fn on_ballot(&mut self, ballot: Ballot) -> bool {
        self.highest = self.highest.max(ballot);
        ballot > self.ballot && self.preempted()
    }

    fn on_chosen(&mut self, now: Time, chosen: &Chosen<V>) {
        // The `chosen` of a phase 2a vouches for the values of its ballot, so a leader that finds another value
        // chosen must not go on vouching.
        if self.is_contradicted(chosen) {
            self.preempted();
        }
        self.settle(now, chosen.first_unknown());
    }

    fn on_progress(&mut self, now: Time, slot: Slot) {
        self.progress = self.progress.max(slot);
        self.settle(now, slot);
    }

    fn on_timeout(&mut self, now: Time, _chosen: &Chosen<V>) {
        match &mut self.stage {
            Stage::Idle => {}
            Stage::Preparing { ask, .. } => *ask = Some(Reach::All),
            Stage::Leading => {
                let again = self.in_flight.iter().map(|(first, batch)| (*first, batch.clone(), Reach::All));
                self.outgoing = again.collect();
            }
        }
        self.wait(now);
    }

    fn deadline(&self) -> Option<Time> {
        let waiting = !self.in_flight.is_empty() || matches!(self.stage, Stage::Preparing { .. });
        self.resend_at.filter(|_| waiting)
    }

    fn poll(&mut self, now: Time, chosen: &Chosen<V>) -> Option<(Proposal<MultiPaxos<V, R>>, Reach)> {
        let ballot = self.ballot;
        match &mut self.stage {
            Stage::Idle => None,
            Stage::Preparing { from, ask, started, .. } => {
                let reach = ask.take()?;
                let record = (!std::mem::replace(started, true)).then_some(Record::Started(ballot));
                Some((Proposal::Prepare(Prepare { ballot, from: *from }, record), reach))
            }
            Stage::Leading => {
                let (first, batch, reach) = match self.outgoing.pop_front() {
                    Some(again) => again,
                    None => {
                        let limits = self.setup.config.limits;
                        let room = limits.window.saturating_sub(self.in_flight() as usize).min(limits.batch);
                        let batch = if room == 0 { None } else { self.take(room) }?;
                        if self.in_flight.is_empty() {
                            self.wait(now);
                        }
                        let first = self.next;
                        self.next = first.plus(batch.len() as u64);
                        self.in_flight.push_back((first, batch.clone()));
                        (first, batch, Reach::Quorum(Phase::TwoClassic))
                    }
                };
                let chosen = chosen.first_unknown();
                Some((Proposal::Accept(Accept { ballot, first, batch, chosen }), reach))
            }
        }
    }

    fn leading(&self) -> Option<Ballot> {
        (self.stage == Stage::Leading).then_some(self.ballot)
    }

    fn has_work(&self) -> bool {
        self.queued > 0
    }

    fn surrender(&mut self) -> Vec<Batch<V>> {
        self.queued = 0;
        self.requeued = None;
        self.queue.drain(..).collect()
    }
}
