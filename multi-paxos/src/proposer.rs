//! The proposer: phase 1 once for all slots, then phase 2 only, pipelined.

use crate::{Accept, MultiPaxos, Prepare, Promise};
use paxos_core::{
    Ballot, Batch, Chosen, Entry, Nack, NodeId, NodeSet, Overloaded, Phase, Pipeline, Proposal, Reach,
    Record, Request, Setup, Slot, SlotRange, Time, Value, Votes,
};
use std::collections::VecDeque;

/// Keeps proposals safe. Its state is what it is in the middle of.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Proposer<V> {
    setup: Setup<()>,
    /// The highest ballot heard of.
    highest: Ballot,
    /// Its own latest ballot.
    ballot: Ballot,
    stage: Stage<V>,
    pipeline: Pipeline<V>,
    /// What of the proposals under way is to be sent, first or again.
    outgoing: VecDeque<(Slot, Batch<V>, Reach)>,
    /// The next free slot.
    next: Slot,
    /// All below is chosen, as learners elsewhere say.
    progress: Slot,
    resend_at: Option<Time>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Stage<V> {
    Idle,
    Preparing {
        from: Slot,
        promised: NodeSet,
        votes: Votes<V>,
        ask: Option<Reach>,
        started: bool,
        /// An acceptor has forgotten slots from `from` on, since they are chosen: this process is behind.
        behind: bool,
    },
    Leading,
}

impl<V: Value> Proposer<V> {
    /// The ballot it is in or was in last.
    pub fn ballot(&self) -> Ballot {
        self.ballot
    }

    /// Slots proposed in this ballot and not known to be chosen.
    pub fn in_flight(&self) -> u64 {
        self.pipeline.first_in_flight().map_or(0, |first| self.next.0 - first.0)
    }

    /// Commands that wait for a place in the window.
    pub fn waiting(&self) -> usize {
        self.pipeline.waiting()
    }

    fn settle(&mut self, now: Time, slot: Slot) {
        if self.pipeline.settle(slot) {
            self.wait(now);
        }
    }

    fn wait(&mut self, now: Time) {
        self.resend_at = self.setup.config.timeouts.resend.map(|d| now.after(d));
    }

    /// Leaves the ballot. What was proposed may yet be chosen or not: it is proposed again if this process leads
    /// again, and executes once all the same.
    #[cold]
    fn preempted(&mut self) -> bool {
        if matches!(self.stage, Stage::Idle) {
            return false;
        }
        self.stage = Stage::Idle;
        self.outgoing.clear();
        self.resend_at = None;
        self.pipeline.requeue();
        true
    }

    /// What was learned meanwhile needs no phase 1. The ballot stays, since nothing was proposed in it yet; promises
    /// for other slots do not count for these (*Paxos Made Simple*, §2.2, phase 2(a): answers to *this* request).
    #[cold]
    fn begin_later(&mut self, chosen: &Chosen<V>) {
        let known = chosen.first_unknown().max(self.progress);
        if let Stage::Preparing { from, promised, votes, ask, behind, .. } = &mut self.stage
            && *from < known
        {
            (*from, *promised, *votes) = (known, NodeSet::EMPTY, Votes::default());
            (*ask, *behind) = (Some(Reach::All), false);
        }
    }

    /// Whether a higher ballot has chosen something: another value than its own, or one in a slot where it has not
    /// proposed yet, of which no promise told.
    fn is_overtaken(&self, chosen: &Chosen<V>) -> bool {
        chosen.end() > self.next || self.pipeline.is_contradicted(chosen)
    }

    /// A quorum has promised. *Paxos Made Simple*, §3: the new leader proposes, in every slot for which a vote
    /// was reported, the value of the highest-numbered one, and no-ops in the gaps between.
    #[cold]
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
        self.pipeline.drop_found(&entries, chosen);
        let recovered: Batch<V> = entries.into();
        let mut first = from;
        while first < end {
            let batch = recovered.tail(first.0 - from.0).head(self.setup.config.limits.batch.max(1) as u64);
            let next = first.plus(batch.len() as u64);
            self.pipeline.propose(self.ballot, first, &batch);
            self.outgoing.push_back((first, batch, Reach::Quorum(Phase::TwoClassic)));
            first = next;
        }
        self.next = end;
    }
}

impl<V: Value, R: crate::Answer> paxos_core::Proposer<MultiPaxos<V, R>> for Proposer<V> {
    fn new(setup: &Setup<()>) -> Self {
        Self {
            setup: setup.clone(),
            highest: Ballot::ZERO,
            ballot: Ballot::ZERO,
            stage: Stage::Idle,
            pipeline: Pipeline::new(setup.config.limits.queue),
            outgoing: VecDeque::new(),
            next: Slot(0),
            progress: Slot(0),
            resend_at: None,
        }
    }

    fn restore(&mut self, record: &Record<V>) {
        // A ballot is never used twice by its owner, not even across a crash.
        let (Record::Started(ballot) | Record::Promised { ballot, .. } | Record::Voted { ballot, .. }) =
            record;
        self.highest = self.highest.max(*ballot);
    }

    fn retained(&self) -> Option<Vec<Record<V>>> {
        let highest = self.highest.max(self.ballot);
        Some((highest > Ballot::ZERO).then_some(Record::Started(highest)).into_iter().collect())
    }

    fn on_request(&mut self, _now: Time, request: &Request<V>, leads: bool) -> Result<(), Overloaded> {
        if leads { self.pipeline.push(request) } else { Ok(()) }
    }

    fn campaign(&mut self, now: Time, chosen: &Chosen<V>) {
        self.preempted();
        let Some(ballot) = self.highest.max(self.ballot).next_term(self.setup.id) else { return };
        self.ballot = ballot;
        self.highest = ballot;
        let from = chosen.first_unknown().max(self.progress);
        let ask = Some(Reach::Quorum(Phase::One));
        self.stage = Stage::Preparing {
            from,
            promised: NodeSet::EMPTY,
            votes: Votes::default(),
            ask,
            started: false,
            behind: false,
        };
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
        let config = &self.setup.config;
        if config.quorums.is_quorum(Phase::One, *promised) {
            if !votes.is_plausible(*first, config.limits.window) {
                // Asked again in due time, perhaps others answer.
                (*promised, *votes) = (NodeSet::EMPTY, Votes::default());
                return;
            }
            self.take_the_lead(chosen);
            if self.is_overtaken(chosen) {
                return paxos_core::Proposer::<MultiPaxos<V, R>>::campaign(self, now, chosen);
            }
            self.wait(now);
            // What was learned since phase 1 began needs no proposal.
            self.settle(now, chosen.first_unknown());
        }
    }

    fn on_nack(&mut self, _now: Time, nack: &Nack) -> bool {
        self.highest = self.highest.max(nack.promised);
        if let Stage::Preparing { from, behind, .. } = &mut self.stage
            && nack.refused == self.ballot
            && nack.promised <= self.ballot
        {
            *behind |= nack.slots.start == *from;
        }
        // A refusal of an earlier ballot is no news.
        nack.refused == self.ballot && nack.promised > self.ballot && self.preempted()
    }

    fn on_ballot(&mut self, ballot: Ballot) -> bool {
        self.highest = self.highest.max(ballot);
        ballot > self.ballot && self.preempted()
    }

    fn on_chosen(&mut self, now: Time, chosen: &Chosen<V>) {
        if matches!(self.stage, Stage::Idle) {
            return;
        }
        if let Stage::Preparing { from, behind, .. } = self.stage
            && (behind || from < chosen.jumped())
        {
            self.begin_later(chosen);
        }
        // The `chosen` of a phase 2a vouches for the values of its ballot, so a leader that finds another value
        // chosen must not go on vouching.
        if self.stage == Stage::Leading && self.is_overtaken(chosen) {
            self.preempted();
        }
        self.settle(now, chosen.first_unknown());
    }

    fn on_progress(&mut self, now: Time, slot: Slot) {
        // A proposer that learns waits for the values: only they can contradict what it proposed, and who told of
        // them may crash and be the only one that knew.
        if !self.setup.config.all_learners().contains(self.setup.id) {
            self.progress = self.progress.max(slot);
            self.settle(now, slot);
        }
    }

    fn propose_again(&mut self, now: Time, from: Slot, chosen: &Chosen<V>) {
        // Once it has started over from there, it asks until it hears of progress.
        if from < self.progress {
            self.progress = from;
            paxos_core::Proposer::<MultiPaxos<V, R>>::campaign(self, now, chosen);
        }
    }

    fn on_timeout(&mut self, now: Time, chosen: &Chosen<V>) {
        self.begin_later(chosen);
        match &mut self.stage {
            Stage::Idle => {}
            Stage::Preparing { ask, .. } => *ask = Some(Reach::All),
            Stage::Leading => {
                self.outgoing = self.pipeline.in_flight().map(|v| (v.first, v.batch, Reach::All)).collect();
            }
        }
        self.wait(now);
    }

    fn deadline(&self) -> Option<Time> {
        let waiting =
            self.pipeline.first_in_flight().is_some() || matches!(self.stage, Stage::Preparing { .. });
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
                let (first, batch, reach) = if let Some(again) = self.outgoing.pop_front() {
                    again
                } else {
                    let limits = self.setup.config.limits;
                    let room = limits.window.saturating_sub(self.in_flight() as usize).min(limits.batch);
                    let batch = self.pipeline.take(room)?;
                    if self.pipeline.first_in_flight().is_none() {
                        self.wait(now);
                    }
                    let first = self.next;
                    self.next = first.plus(batch.len() as u64);
                    self.pipeline.propose(ballot, first, &batch);
                    (first, batch, Reach::Quorum(Phase::TwoClassic))
                };
                let chosen = chosen.first_unknown();
                Some((Proposal::Accept(Accept { ballot, first, batch, chosen }), reach))
            }
        }
    }

    fn leading(&self) -> Option<Ballot> {
        matches!(self.stage, Stage::Leading).then_some(self.ballot)
    }

    fn has_work(&self) -> bool {
        self.pipeline.waiting() > 0
    }

    fn surrender(&mut self) -> Vec<Batch<V>> {
        self.pipeline.surrender()
    }
}
