//! The proposer: phase 1 once a term, then phase 2 for one slot after the other.

use super::{Accept, Dialect, Prepare, Promise};
use paxos_core::{
    Amount, Aside, Ballot, Batch, Chosen, Entry, Load, Nack, NodeId, NodeSet, Overloaded, Phase, Pipeline,
    Proposal, Reach, Record, Recorded as _, Request, Setup, Slot, Time, Value, Votes,
};

/// A proposer that keeps its proposals safe.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Proposer<V> {
    setup: Setup<()>,
    /// The highest ballot heard of.
    highest: Ballot,
    /// Its own latest ballot.
    ballot: Ballot,
    stage: Stage,
    /// The votes reported in this ballot.
    found: Votes<V>,
    /// The waiting commands, and the one proposal under way.
    pipeline: Pipeline<V>,
    /// Set if the message of the current stage must be sent now.
    ask: Option<Reach>,
    resend_at: Option<Time>,
    /// The number of messages sent again.
    resends: Aside<u64>,
    /// If this process does not learn: all lower slots are chosen, according to learners elsewhere.
    progress: Slot,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Stage {
    Idle,
    Preparing { from: Slot, promised: NodeSet },
    Leading,
}

impl<V: Value> Proposer<V> {
    fn ask(&mut self, now: Time, reach: Reach) {
        self.ask = Some(reach);
        self.resend_at = self.setup.config.timeouts.resend.map(|d| now.after(d));
    }

    /// The slot to propose in. Patience means that there is never more than one.
    fn slot(&self, chosen: &Chosen<V>) -> Slot {
        chosen.first_unknown().max(self.progress)
    }

    /// Leaves the ballot. Its proposal may or may not be chosen later. The command waits again, and is still executed
    /// only once.
    fn preempted(&mut self) -> bool {
        let was_active = self.stage != Stage::Idle;
        self.stage = Stage::Idle;
        self.ask = None;
        self.pipeline.requeue();
        was_active
    }

    fn settle(&mut self, below: Slot) {
        if self.pipeline.settle(below) {
            self.ask = None;
        }
    }

    /// *Paxos Made Simple*, §2.2, phase 2(a): propose the value of the highest vote reported in the slot, or any
    /// value if none was.
    fn begin(&mut self, now: Time, chosen: &Chosen<V>) -> Option<()> {
        let slot = self.slot(chosen);
        let batch = match self.found.get(slot) {
            Some((_, entry)) => Batch::from(entry.clone()),
            // The vote above implies that this slot is chosen, but no promise reports a vote in it. So it was chosen in
            // a higher ballot than this one, which can choose nothing here any more. Refusals will follow.
            None if slot < self.found.end() => Batch::from(Entry::Noop),
            None => self.pipeline.take(Amount { count: 1, bytes: usize::MAX })?,
        };
        self.pipeline.propose(self.ballot, slot, &batch);
        self.ask(now, Reach::Quorum(Phase::TwoClassic));
        Some(())
    }
}

impl<V: Value, P: Dialect<V>> paxos_core::Proposer<P> for Proposer<V> {
    fn new(setup: &Setup<()>) -> Self {
        Self {
            setup: setup.clone(),
            highest: Ballot::ZERO,
            ballot: Ballot::ZERO,
            stage: Stage::Idle,
            found: Votes::default(),
            pipeline: Pipeline::new(&setup.config),
            ask: None,
            resend_at: None,
            resends: Aside::default(),
            progress: Slot(0),
        }
    }

    /// *Paxos Made Simple*, §2.5: no ballot is used twice by its owner, not even across a crash.
    fn restore(&mut self, record: &Record<V>) {
        self.highest = self.highest.max(record.ballot().unwrap_or_default());
    }

    fn on_request(&mut self, now: Time, request: &Request<V>, leads: bool) -> Result<(), Overloaded> {
        if leads { self.pipeline.push(now, request) } else { Ok(()) }
    }

    fn campaign(&mut self, now: Time, chosen: &Chosen<V>) {
        self.preempted();
        let Some(ballot) = self.highest.max(self.ballot).next_term(self.setup.id) else { return };
        (self.ballot, self.highest) = (ballot, ballot);
        self.found = Votes::default();
        self.stage = Stage::Preparing { from: self.slot(chosen), promised: NodeSet::EMPTY };
        self.ask(now, Reach::Quorum(Phase::One));
    }

    fn begins_at(&self, chosen: &Chosen<V>) -> Slot {
        self.slot(chosen)
    }

    fn step_down(&mut self) -> bool {
        self.preempted()
    }

    fn on_promise(&mut self, _now: Time, from: NodeId, promise: Promise<V>, chosen: &Chosen<V>) -> bool {
        let Stage::Preparing { from: first, promised } = &mut self.stage else { return false };
        // An answer to an earlier ballot, or about other slots, does not count for this one, nor does a second one from
        // the same acceptor.
        let told = (promise.ballot, promise.from, promise.until);
        if told != (self.ballot, *first, Slot::MAX) || !promised.insert(from) {
            return false;
        }
        for vote in &promise.votes {
            self.found.note(vote.ballot, vote.first, &vote.batch);
        }
        if self.setup.config.quorums.is_quorum(Phase::One, *promised) {
            self.stage = Stage::Leading;
            self.ask = None;
            let found: Vec<Entry<V>> =
                self.found.within(Slot(0).onwards()).flat_map(|vote| vote.batch.to_vec()).collect();
            self.pipeline.drop_found(&found, chosen);
        }
        false
    }

    fn on_nack(&mut self, _now: Time, nack: &Nack) -> bool {
        self.highest = self.highest.max(nack.promised);
        // A refusal of an earlier ballot has no effect.
        nack.refused == self.ballot && nack.promised > self.ballot && self.preempted()
    }

    fn on_ballot(&mut self, ballot: Ballot) -> bool {
        self.highest = self.highest.max(ballot);
        ballot > self.ballot && self.preempted()
    }

    fn on_chosen(&mut self, _now: Time, chosen: &Chosen<V>) {
        // If another value is chosen in the slot, a proposer with a higher ballot has taken over.
        if self.pipeline.is_contradicted(chosen) {
            self.preempted();
        }
        self.settle(chosen.first_unknown());
    }

    fn on_progress(&mut self, _now: Time, slot: Slot) {
        // A proposer that learns waits for the values: the process that reported them may crash, and no other may know
        // them.
        if !self.setup.config.all_learners().contains(self.setup.id) {
            self.progress = self.progress.max(slot);
            self.settle(slot);
        }
    }

    fn propose_again(&mut self, now: Time, from: Slot, chosen: &Chosen<V>) {
        if from < self.progress {
            self.progress = from;
            paxos_core::Proposer::<P>::campaign(self, now, chosen);
        }
    }

    fn on_timeout(&mut self, now: Time, _chosen: &Chosen<V>) {
        self.resends.0 += 1;
        self.ask(now, Reach::All);
    }

    fn deadline(&self) -> Option<Time> {
        let waits = match self.stage {
            Stage::Idle => false,
            Stage::Preparing { .. } => true,
            Stage::Leading => self.pipeline.first_in_flight().is_some(),
        };
        self.resend_at.filter(|_| waits)
    }

    fn poll(&mut self, now: Time, chosen: &Chosen<V>) -> Option<(Proposal<P>, Reach)> {
        let ballot = self.ballot;
        match self.stage {
            Stage::Idle => None,
            Stage::Preparing { from, .. } => {
                let reach = self.ask.take()?;
                Some((Proposal::Prepare(Prepare { ballot, from }, Some(Record::Started(ballot))), reach))
            }
            Stage::Leading => {
                if self.pipeline.first_in_flight().is_none() {
                    self.begin(now, chosen)?;
                }
                let reach = self.ask.take()?;
                let vote = self.pipeline.in_flight().next()?;
                let accept = Accept { ballot, first: vote.first, batch: vote.batch, chosen: vote.first };
                Some((Proposal::Accept(accept), reach))
            }
        }
    }

    fn leading(&self) -> Option<Ballot> {
        (self.stage == Stage::Leading).then_some(self.ballot)
    }

    fn is_idle(&self) -> bool {
        self.stage == Stage::Idle
    }

    fn has_work(&self) -> bool {
        self.pipeline.waiting() > 0
    }

    fn load(&self) -> Load {
        self.pipeline.load(self.ballot, self.highest, self.resends)
    }

    fn surrender(&mut self) -> Vec<Batch<V>> {
        self.pipeline.surrender()
    }
}
