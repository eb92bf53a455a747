//! The proposer: phase 1 once for all slots, then phase 2 only, pipelined.

mod lead;

use crate::{Accept, MultiPaxos, Promise};
use paxos_core::{
    Again, Aside, Awaited, Ballot, Batch, Candidacy, Chosen, Load, Nack, NodeId, Overloaded, Phase, Pipeline,
    Proposal, Reach, Record, Recorded as _, Request, Setup, Slot, SlotRange, Time, Value, Votes,
    answered_below,
};
use std::collections::VecDeque;

/// Keeps proposals safe. Its state is the stage it is in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Proposer<V> {
    setup: Setup<()>,
    /// The highest ballot seen.
    highest: Ballot,
    /// This proposer's latest ballot.
    ballot: Ballot,
    stage: Stage<V>,
    pipeline: Pipeline<V>,
    /// Proposals to send, for the first time or again.
    outgoing: VecDeque<(Slot, Batch<V>, Reach)>,
    /// The next free slot.
    next: Slot,
    /// The first slot whose proposal was not yet sent in this ballot: phase 1 may have found votes far ahead.
    sent: Slot,
    /// Whether the members changed while it led, so that it must run phase 1 among the new ones.
    renew: bool,
    /// A change of members that waits for slots nobody proposes in.
    awaited: Awaited,
    /// The end of the slots in which phase 1 of this ballot found votes.
    recovered: Slot,
    /// Every slot below is chosen, according to learners elsewhere.
    progress: Slot,
    again: Again,
    /// The number of messages sent again.
    resends: Aside<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Stage<V> {
    Idle,
    Preparing { candidacy: Candidacy, votes: Votes<V> },
    Leading,
}

impl<V: Value> Proposer<V> {
    /// The current ballot, or the last one.
    pub fn ballot(&self) -> Ballot {
        self.ballot
    }

    /// The number of slots proposed in this ballot and not known to be chosen.
    pub fn in_flight(&self) -> u64 {
        self.pipeline.first_in_flight().map_or(0, |first| self.next.since(first))
    }

    /// The number of commands that wait for room in the window.
    pub fn waiting(&self) -> usize {
        self.pipeline.waiting()
    }

    fn settle(&mut self, now: Time, slot: Slot) {
        // What phase 1 found there needs no proposal any more.
        self.sent = self.sent.max(slot.min(self.next));
        if self.pipeline.settle(slot) {
            self.wait(now);
        }
    }

    fn wait(&mut self, now: Time) {
        self.again.start(now, self.setup.config.timeouts.resend);
    }

    /// Leaves the ballot. Its proposals may or may not still be chosen. They are proposed again if this process leads
    /// again, and execute once all the same.
    #[inline]
    fn preempted(&mut self) -> bool {
        !matches!(self.stage, Stage::Idle) && self.leave()
    }

    #[cold]
    fn leave(&mut self) -> bool {
        self.stage = Stage::Idle;
        self.outgoing.clear();
        self.again.stop();
        self.pipeline.requeue();
        true
    }

    /// Skips slots learned since phase 1 began, and asks about the others again.
    #[cold]
    fn begin_later(&mut self, chosen: &Chosen<V>) {
        let known = chosen.first_unknown().max(self.progress);
        if let Stage::Preparing { candidacy, votes } = &mut self.stage
            && candidacy.skip_to(known)
        {
            *votes = Votes::default();
        }
    }

    /// Whether a higher ballot has chosen something: a value that differs from this proposer's, or a value in a slot
    /// where it has not proposed yet and no promise reported a vote.
    fn is_overtaken(&self, chosen: &Chosen<V>) -> bool {
        chosen.end() > self.next || self.pipeline.is_contradicted(chosen)
    }
}

impl<V: Value, R: crate::Answer> paxos_core::Proposer<MultiPaxos<V, R>> for Proposer<V> {
    fn new(setup: &Setup<()>) -> Self {
        Self {
            setup: setup.clone(),
            highest: Ballot::ZERO,
            ballot: Ballot::ZERO,
            stage: Stage::Idle,
            pipeline: Pipeline::new(&setup.config),
            outgoing: VecDeque::new(),
            next: Slot(0),
            sent: Slot(0),
            renew: false,
            awaited: Awaited::default(),
            recovered: Slot(0),
            progress: Slot(0),
            again: Again::default(),
            resends: Aside::default(),
        }
    }

    /// One phase 1 serves one epoch. At its end everything proposed is chosen, so nothing has to wait for the former
    /// members.
    fn reconfigure(&mut self, setup: &Setup<()>) {
        self.setup = setup.clone();
        self.renew |= self.preempted();
        self.awaited = Awaited::default();
    }

    /// A proposer never uses a ballot twice, not even across a crash.
    fn restore(&mut self, record: &Record<V>) {
        self.highest = self.highest.max(record.ballot().unwrap_or_default());
    }

    fn retained(&self) -> Option<Vec<Record<V>>> {
        Some(Record::used_up_to(self.highest.max(self.ballot)))
    }

    fn on_request(&mut self, now: Time, request: &Request<V>, leads: bool) -> Result<(), Overloaded> {
        if leads { self.pipeline.push(now, request) } else { Ok(()) }
    }

    fn campaign(&mut self, now: Time, chosen: &Chosen<V>) {
        self.preempted();
        let from = chosen.first_unknown().max(self.progress);
        // The acceptors of that slot are unknown until the present epoch is executed.
        if from >= chosen.limit() {
            return;
        }
        let Some(ballot) = self.highest.max(self.ballot).next_term(self.setup.id) else { return };
        self.ballot = ballot;
        self.highest = ballot;
        self.renew = false;
        let candidacy = Candidacy::new(ballot, from, Reach::Quorum(Phase::One));
        self.stage = Stage::Preparing { candidacy, votes: Votes::default() };
        self.wait(now);
    }

    fn begins_at(&self, chosen: &Chosen<V>) -> Slot {
        chosen.first_unknown().max(self.progress)
    }

    fn step_down(&mut self) -> bool {
        self.preempted()
    }

    fn is_settled(&self) -> bool {
        self.pipeline.waiting() == 0 && self.pipeline.first_in_flight().is_none()
    }

    /// *Paxos Made Simple*, §2.2, phase 2(a): with answers from a majority (here: a phase 1 quorum), propose the value
    /// of the highest-numbered proposal among them, or any value if there is none.
    fn on_promise(&mut self, now: Time, from: NodeId, promise: Promise<V>, chosen: &Chosen<V>) -> bool {
        let Stage::Preparing { candidacy, votes } = &mut self.stage else { return false };
        if !candidacy.hear(from, &promise) {
            return false;
        }
        let more = promise.until != Slot::MAX;
        for vote in &promise.votes {
            votes.note(vote.ballot, vote.first, &vote.batch);
        }
        // The rest is on its way.
        self.again.start(now, self.setup.config.timeouts.resend);
        let config = &self.setup.config;
        if config.quorums.is_quorum(Phase::One, candidacy.promised()) {
            if !votes.is_plausible(candidacy.from(), config.limits.window) {
                candidacy.forget_promises();
                *votes = Votes::default();
                return more;
            }
            self.take_the_lead(chosen);
            if self.is_overtaken(chosen) {
                paxos_core::Proposer::<MultiPaxos<V, R>>::campaign(self, now, chosen);
                return more;
            }
            self.wait(now);
            // Slots learned since phase 1 began need no proposal.
            self.settle(now, chosen.first_unknown());
        }
        more
    }

    fn on_nack(&mut self, _now: Time, nack: &Nack) -> bool {
        self.highest = self.highest.max(nack.promised);
        if let Stage::Preparing { candidacy, .. } = &mut self.stage {
            candidacy.on_nack(nack);
        }
        // A refusal of an earlier ballot is not news.
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
        if let Stage::Preparing { candidacy, .. } = &self.stage
            && candidacy.is_behind(chosen)
        {
            self.begin_later(chosen);
        }
        // The `chosen` of a phase 2a vouches for the values of its ballot, so a leader that finds another value chosen
        // must stop vouching.
        if self.stage == Stage::Leading && self.is_overtaken(chosen) {
            self.preempted();
        }
        self.settle(now, chosen.first_unknown());
    }

    fn on_progress(&mut self, now: Time, slot: Slot) {
        // A proposer that learns waits for the values: only they can contradict its proposals, and the peer that
        // reported them may crash and be the only one that knew them.
        if !self.setup.config.learns(self.setup.id) {
            self.progress = self.progress.max(slot);
            self.settle(now, slot);
        }
    }

    fn propose_again(&mut self, now: Time, from: Slot, chosen: &Chosen<V>) {
        // After it has started over from there, learners keep asking until they see progress.
        if from < self.progress {
            self.progress = from;
            paxos_core::Proposer::<MultiPaxos<V, R>>::campaign(self, now, chosen);
        }
    }

    fn on_timeout(&mut self, now: Time, chosen: &Chosen<V>) {
        if matches!(self.stage, Stage::Idle) {
            self.awaited.watch(now, &self.setup, chosen);
        }
        self.pipeline.on_timeout(now);
        if !self.again.is_due(now) {
            return;
        }
        self.begin_later(chosen);
        match &mut self.stage {
            Stage::Idle => {}
            Stage::Preparing { candidacy, .. } => {
                candidacy.ask_all();
                self.resends.0 += 1;
            }
            Stage::Leading => {
                let sent = SlotRange::new(Slot(0), self.sent);
                self.outgoing = self.pipeline.within(sent).map(|v| (v.first, v.batch, Reach::All)).collect();
                self.resends.0 += self.outgoing.len() as u64;
            }
        }
        self.again.repeat(now, self.setup.config.timeouts.resend);
    }

    fn deadline(&self) -> Option<Time> {
        let waiting =
            self.pipeline.first_in_flight().is_some() || matches!(self.stage, Stage::Preparing { .. });
        let linger = self.pipeline.deadline().filter(|_| matches!(self.stage, Stage::Leading));
        let awaited = self.awaited.deadline(&self.setup).filter(|_| matches!(self.stage, Stage::Idle));
        [self.again.at().filter(|_| waiting), linger, awaited].into_iter().flatten().min()
    }

    fn poll(&mut self, now: Time, chosen: &Chosen<V>) -> Option<(Proposal<MultiPaxos<V, R>>, Reach)> {
        let ballot = self.ballot;
        match &mut self.stage {
            Stage::Idle => {
                self.awaited.watch(now, &self.setup, chosen);
                None
            }
            Stage::Preparing { candidacy, .. } => candidacy.poll(),
            Stage::Leading => {
                let first_time = Reach::Quorum(Phase::TwoClassic);
                let (first, batch, reach) = if let Some(again) = self.outgoing.pop_front() {
                    again
                } else if self.sent < self.next {
                    let (first, batch) = self.unsent(chosen.limit())?;
                    (first, batch, first_time)
                } else {
                    let idle = self.pipeline.first_in_flight().is_none();
                    let (first, batch) = self.fresh(now, chosen)?;
                    if idle {
                        self.wait(now);
                    }
                    (first, batch, first_time)
                };
                let chosen = chosen.first_unknown();
                Some((Proposal::Accept(Accept { ballot, first, batch, chosen }), reach))
            }
        }
    }

    fn leading(&self) -> Option<Ballot> {
        matches!(self.stage, Stage::Leading).then_some(self.ballot)
    }

    fn is_idle(&self) -> bool {
        matches!(self.stage, Stage::Idle)
    }

    fn read_index(&self, chosen: &Chosen<V>) -> Option<Slot> {
        let leads = matches!(self.stage, Stage::Leading);
        leads.then(|| answered_below(self.setup.config.learning, self.recovered, self.next, chosen))
    }

    fn waits_for(&self, limit: Slot) -> bool {
        matches!(self.stage, Stage::Leading) && self.next >= limit
    }

    fn has_work(&self) -> bool {
        self.renew || self.awaited.is_due() || self.pipeline.waiting() > 0
    }

    fn load(&self) -> Load {
        self.pipeline.load(self.ballot, self.highest, self.resends)
    }

    fn surrender(&mut self) -> Vec<Batch<V>> {
        self.renew = false;
        self.pipeline.surrender()
    }
}
