//! The proposer, which coordinates its terms: opens fast ballots, watches their votes, recovers from collisions.

mod contention;
mod lead;
mod recovery;
mod term;

use crate::learner::Tally;
use crate::{Accept, Accepted, Any, FastPaxos, Options, Promise};
use contention::Contention;
use paxos_core::{
    Again, Answer, Aside, Audience, Awaited, Ballot, Batch, Candidacy, Chosen, CommandId, Entry, Learning,
    Load, Nack, NodeId, NodeSet, Overloaded, Phase, Pipeline, Proposal, Reach, Record, Recorded as _,
    Request, Setup, Slot, SlotRange, Time, Value, Vote, Votes, answered_below,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

pub use contention::Switches;

/// Keeps proposals safe. A term begins with one phase 1 in a classic ballot, step 0. Step 0 also proposes what must be
/// proposed, and step 1, a fast ballot, opens all later slots. A slot that collides there goes to step 2, which is
/// classic again.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Proposer<V> {
    setup: Setup<Options>,
    /// The highest ballot seen.
    highest: Ballot,
    /// Step 0 of this proposer's latest term.
    ballot: Ballot,
    stage: Stage<V>,
    /// Commands that clients sent here, and classic proposals under way.
    pipeline: Pipeline<V>,
    outgoing: VecDeque<(Ballot, Slot, Batch<V>, Reach)>,
    /// The next slot for a value in step 0.
    next: Slot,
    /// Acceptors that answered in this term. Fast ballots are useful only if a fast quorum of acceptors is alive.
    alive: NodeSet,
    /// The fast ballot of this term, once open, and whether it must still be announced.
    any: Option<Any>,
    any_due: bool,
    /// Whether the members changed while it led, so that it must run phase 1 among the new ones.
    renew: bool,
    /// A change of members that waits for slots nobody proposes in.
    awaited: Awaited,
    /// The first slot with votes from phase 1 whose members are not known yet.
    found: Option<Slot>,
    /// The end of the slots in which phase 1 found votes.
    recovered: Slot,
    /// Votes of the fast ballot, or of the fast step after it, in slots not known to be chosen.
    watched: BTreeMap<Slot, Tally<V>>,
    /// Slots in `watched` with news.
    fresh: BTreeSet<Slot>,
    contention: Contention,
    /// Every slot below is known to be chosen, here or elsewhere.
    progress: Slot,
    /// The slot of the open ballot that somebody waited for last, and how often since.
    missed: (Slot, u32),
    again: Again,
    /// The command that had waited longest when `again` started, and the first slot with a proposal in progress.
    oldest: (Option<CommandId>, Option<Slot>),
    /// The number of messages sent again.
    resends: Aside<u64>,
}

/// The acceptors that phase 1 asks first.
const FIRST: Reach = Reach::Quorum(Phase::One);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Stage<V> {
    Idle,
    Preparing { candidacy: Candidacy, reports: Vec<(NodeId, Vec<Vote<V>>)>, asked_all: bool },
    Leading,
}

impl<V: Value> Proposer<V> {
    /// Step 0 of the current term, or of the last one.
    pub fn ballot(&self) -> Ballot {
        self.ballot
    }

    /// The open fast ballot.
    pub fn any(&self) -> Option<Any> {
        self.any
    }

    /// How often it went from fast ballots to classic ones because of collisions, and back.
    pub fn switches(&self) -> Switches {
        self.contention.switches.0
    }

    /// Whether it leads, and acceptors vote for what clients send them.
    fn is_open(&self) -> bool {
        matches!(self.stage, Stage::Leading) && self.any.is_some()
    }

    /// Whether it leads, and proposes all commands itself.
    fn is_classic(&self) -> bool {
        matches!(self.stage, Stage::Leading) && self.any.is_none()
    }
}

impl<V: Value, R: Answer> paxos_core::Proposer<FastPaxos<V, R>> for Proposer<V> {
    fn new(setup: &Setup<Options>) -> Self {
        Self {
            setup: setup.clone(),
            highest: Ballot::ZERO,
            ballot: Ballot::ZERO,
            stage: Stage::Idle,
            pipeline: Pipeline::new(&setup.config),
            outgoing: VecDeque::new(),
            next: Slot(0),
            alive: NodeSet::EMPTY,
            any: None,
            any_due: false,
            renew: false,
            awaited: Awaited::default(),
            found: None,
            recovered: Slot(0),
            watched: BTreeMap::new(),
            fresh: BTreeSet::new(),
            contention: Contention::default(),
            progress: Slot(0),
            missed: (Slot(0), 0),
            again: Again::default(),
            oldest: (None, None),
            resends: Aside::default(),
        }
    }

    /// One phase 1 serves one epoch. At its end everything proposed is chosen, so nothing has to wait for the former
    /// members.
    fn reconfigure(&mut self, setup: &Setup<Options>) {
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
        // While acceptors vote for what clients send, a command that reached them needs no help.
        if !leads || (self.is_open() && request.audience == Audience::Acceptors) {
            return Ok(());
        }
        let quiet = self.deadline_of_work().is_none();
        self.pipeline.push(now, request)?;
        if self.is_open() && quiet {
            self.wait(now);
        }
        Ok(())
    }

    fn campaign(&mut self, now: Time, chosen: &Chosen<V>) {
        self.missed.1 = 0;
        self.start_term(now, chosen, FIRST);
    }

    fn begins_at(&self, chosen: &Chosen<V>) -> Slot {
        chosen.first_unknown().max(self.progress)
    }

    fn step_down(&mut self) -> bool {
        self.preempted()
    }

    fn is_settled(&self) -> bool {
        self.pipeline.waiting() == 0 && self.pipeline.first_in_flight().is_none() && self.watched.is_empty()
    }

    fn on_promise(&mut self, now: Time, from: NodeId, promise: Promise<V>, chosen: &Chosen<V>) -> bool {
        match &mut self.stage {
            Stage::Leading if promise.ballot == self.ballot => _ = self.alive.insert(from),
            Stage::Idle | Stage::Leading => {}
            Stage::Preparing { candidacy, reports, .. } => {
                if !candidacy.hear(from, &promise) {
                    return false;
                }
                let more = promise.until != Slot::MAX;
                reports.push((from, promise.votes));
                // The rest is on its way.
                self.again.start(now, self.setup.config.timeouts.resend);
                let config = &self.setup.config;
                if config.quorums.is_quorum(Phase::One, candidacy.promised()) {
                    let mut votes = Votes::default();
                    for vote in reports.iter().flat_map(|(_, votes)| votes) {
                        votes.note(vote.ballot, vote.first, &vote.batch);
                    }
                    if !votes.is_plausible(candidacy.from(), config.limits.window) {
                        candidacy.forget_promises();
                        reports.clear();
                        return more;
                    }
                    self.take_the_lead(chosen);
                    if self.is_overtaken(chosen) {
                        self.start_term(now, chosen, FIRST);
                        return more;
                    }
                    self.wait(now);
                    // Slots learned since phase 1 began need no proposal.
                    self.pipeline.settle(chosen.first_unknown());
                }
                return more;
            }
        }
        false
    }

    fn on_accepted(&mut self, now: Time, from: NodeId, accepted: &Accepted<V>, chosen: &Chosen<V>) {
        if !matches!(self.stage, Stage::Leading) || !accepted.ballot.same_term(self.ballot) {
            return;
        }
        self.alive.insert(from);
        let Some(any) = self.any else { return };
        if accepted.ballot != any.ballot && Some(accepted.ballot) != self.last_fast_step() {
            return;
        }
        let slots = accepted.first.extend(accepted.batch.len() as u64);
        let Setup { id, config, .. } = &self.setup;
        // A process that does not learn hears how far the log has got, and no values.
        let learns = config.learns(*id);
        let horizon = if learns { chosen.horizon() } else { self.progress.plus(config.limits.reach()) };
        for (slot, entry) in slots.iter().zip(accepted.batch.iter()) {
            let recovering = self.pipeline.ballot_at(slot).is_some();
            if slot >= horizon.min(chosen.limit())
                || slot < any.from
                || slot < self.progress
                || recovering
                || chosen.knows(slot)
            {
                continue;
            }
            if self.watched.is_empty() {
                self.wait_longer(now);
            }
            let tally = self.watched.entry(slot).or_insert_with(|| Tally::new(accepted.ballot));
            tally.hear(accepted.ballot, from, entry);
            self.fresh.insert(slot);
        }
    }

    fn on_nack(&mut self, _now: Time, nack: &Nack) -> bool {
        self.highest = self.highest.max(nack.promised);
        if let Stage::Preparing { candidacy, .. } = &mut self.stage {
            candidacy.on_nack(nack);
        }
        // A refusal of an earlier term is not news.
        nack.refused.same_term(self.ballot) && nack.promised > self.ballot && self.preempted()
    }

    fn on_ballot(&mut self, ballot: Ballot) -> bool {
        self.highest = self.highest.max(ballot);
        ballot > self.ballot && !ballot.same_term(self.ballot) && self.preempted()
    }

    fn on_chosen(&mut self, now: Time, chosen: &Chosen<V>) {
        match &self.stage {
            Stage::Preparing { candidacy, .. } if candidacy.is_behind(chosen) => self.begin_later(chosen),
            // A process so far behind that it installed a snapshot no longer leads, or should not.
            Stage::Leading if self.progress < chosen.jumped() || self.is_overtaken(chosen) => {
                _ = self.preempted();
            }
            Stage::Idle | Stage::Preparing { .. } | Stage::Leading => {}
        }
        // Nobody else proposes what waits at a leader without a fast ballot.
        if self.pipeline.waiting() > 0 && !self.is_classic() {
            let news = SlotRange::new(self.progress, chosen.end());
            let names: Vec<Batch<V>> = chosen.within(news).map(|(_, batch)| batch).collect();
            self.pipeline.drop_all(&names.iter().flat_map(|b| b.iter()).filter_map(Entry::id).collect());
        }
        self.count_decided(chosen.first_unknown(), chosen);
        self.settle(now, chosen.first_unknown());
        self.watched.retain(|slot, _| !chosen.knows(*slot));
        self.watch_gap(now, chosen);
    }

    fn on_progress(&mut self, now: Time, slot: Slot) {
        // A proposer that learns waits for the values: the peer that reported them may crash and be the only one that
        // knew them.
        if !self.setup.config.learns(self.setup.id) {
            self.count_decided(slot, &Chosen::default());
            self.settle(now, slot);
        }
    }

    fn propose_again(&mut self, now: Time, from: Slot, chosen: &Chosen<V>) {
        // After it has started over from there, learners keep asking until they see progress.
        if from < self.progress {
            self.progress = from;
            self.start_term(now, chosen, Reach::All);
        } else if self.is_open() && self.is_unaware(from) && self.is_missed(from) {
            // Somebody knows of votes in a slot of the open ballot that were not enough, and have not arrived here.
            self.start_term(now, chosen, Reach::All);
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
        self.again.repeat(now, self.setup.config.timeouts.resend);
        self.begin_later(chosen);
        match &mut self.stage {
            Stage::Idle => {}
            Stage::Preparing { candidacy, asked_all, .. } => {
                candidacy.ask_all();
                *asked_all = true;
                self.resends.0 += 1;
            }
            Stage::Leading => {
                self.outgoing =
                    self.pipeline.in_flight().map(|v| (v.ballot, v.first, v.batch, Reach::All)).collect();
                self.any_due = self.any.is_some();
                self.resends.0 += self.outgoing.len() as u64 + u64::from(self.any_due);
                if self.is_open() && (!self.watched.is_empty() || self.pipeline.waiting() > 0) {
                    self.unstick(now, chosen);
                }
            }
        }
    }

    fn deadline(&self) -> Option<Time> {
        let linger = self.pipeline.deadline().filter(|_| self.is_classic());
        let awaited = self.awaited.deadline(&self.setup).filter(|_| matches!(self.stage, Stage::Idle));
        [self.deadline_of_work(), linger, awaited].into_iter().flatten().min()
    }

    fn poll(&mut self, now: Time, chosen: &Chosen<V>) -> Option<(Proposal<FastPaxos<V, R>>, Reach)> {
        if matches!(self.stage, Stage::Leading) {
            self.watch(now, chosen);
            // A change of members ends the fast ballot, whose slots would fill only as fast as clients send commands.
            let changing = self.any.is_some() && chosen.is_changing();
            let known = chosen.first_unknown() < chosen.limit();
            if known && (changing || self.found.is_some_and(|end| chosen.first_unknown() >= end)) {
                self.start_term(now, chosen, FIRST);
            }
        }
        match &mut self.stage {
            Stage::Idle => {
                self.awaited.watch(now, &self.setup, chosen);
                None
            }
            Stage::Preparing { candidacy, .. } => candidacy.poll(),
            Stage::Leading => {
                self.open_fast_ballot(now, chosen);
                self.poll_accept(now, chosen).map(|(accept, reach)| (Proposal::Accept(accept), reach))
            }
        }
    }

    fn reminder(&self) -> Option<Accept<V>> {
        self.any?;
        Some(self.accept(self.ballot, self.next, Batch::empty()))
    }

    fn leading(&self) -> Option<Ballot> {
        matches!(self.stage, Stage::Leading).then_some(self.ballot)
    }

    fn is_idle(&self) -> bool {
        matches!(self.stage, Stage::Idle)
    }

    /// While a fast ballot is open, acceptors fill slots that this process does not know of, so it has no read index.
    /// Otherwise this term has itself proposed all that it may have chosen, after the slots in which phase 1 found
    /// votes. Phase 1 may have found votes further ahead than any slot in which the term may propose yet.
    fn read_index(&self, chosen: &Chosen<V>) -> Option<Slot> {
        // Acceptors may have heard each other's votes in this term, so any process may know that a proposal is chosen.
        self.is_classic().then(|| answered_below(Learning::Everyone, self.recovered, self.next, chosen))
    }

    fn waits_for(&self, limit: Slot) -> bool {
        matches!(self.stage, Stage::Leading)
            && (self.next >= limit || self.found.is_some() || self.pipeline.waiting() > 0)
    }

    fn has_work(&self) -> bool {
        matches!(self.stage, Stage::Idle)
            && (self.renew || self.awaited.is_due() || self.pipeline.waiting() > 0)
    }

    fn load(&self) -> Load {
        self.pipeline.load(self.ballot, self.highest, self.resends)
    }

    fn surrender(&mut self) -> Vec<Batch<V>> {
        self.renew = false;
        self.pipeline.surrender()
    }
}
