//! The proposer: phase 1 with its own log, then phase 2 with all of the log that is not known to be chosen.

use super::{Accept, Accepted, Dialect, Prepare, Promise, Reached, reached};
use paxos_core::{
    Aside, Ballot, Batch, Chosen, Entry, Leadership, Load, Nack, NodeId, NodeSet, Overloaded, Phase,
    Pipeline, Proposal, Reach, Record, Recorded as _, Request, Setup, Slot, Time, Value, Votes,
};

/// Keeps proposals safe.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Proposer<V> {
    setup: Setup<()>,
    /// The highest ballot heard of.
    highest: Ballot,
    /// Its own latest ballot.
    ballot: Ballot,
    stage: Stage<V>,
    /// The votes of the acceptor of this process, as far as they are on disk.
    own: Votes<V>,
    pipeline: Pipeline<V>,
    /// The question of the stage is to be asked now.
    ask: Option<Reach>,
    /// An acceptor needs the log from here on.
    back: Option<Slot>,
    resend_at: Option<Time>,
    /// Questions asked again.
    resends: Aside<u64>,
    /// All below is chosen, as learners elsewhere say, if this process does not learn.
    progress: Slot,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Stage<V> {
    Idle,
    Preparing {
        from: Slot,
        /// How far the log is that it shows, if it shows one.
        shown: Option<Reached>,
        /// That log, or the one furthest ahead of those that it was lent.
        votes: Votes<V>,
        promised: NodeSet,
    },
    /// With its log, from slot 0 on.
    Leading(Vec<Entry<V>>),
}

impl<V: Value> Proposer<V> {
    fn ask(&mut self, now: Time, reach: Reach) {
        self.ask = Some(reach);
        self.resend_at = self.setup.config.timeouts.resend.map(|d| now.after(d));
    }

    /// Leaves the ballot. What was proposed may yet be chosen or not: it waits again, and executes once all the same.
    fn preempted(&mut self) -> bool {
        let was_active = self.stage != Stage::Idle;
        self.stage = Stage::Idle;
        (self.ask, self.back) = (None, None);
        self.pipeline.requeue();
        was_active
    }

    /// Everything below is chosen.
    fn known(&self, chosen: &Chosen<V>) -> Slot {
        chosen.first_unknown().max(self.progress)
    }

    /// Whether more is chosen than its log holds, or something else: somebody with a higher ballot has taken over.
    fn is_overtaken(&self, chosen: &Chosen<V>) -> bool {
        let Stage::Leading(log) = &self.stage else { return false };
        self.known(chosen).max(chosen.end()) > Slot(log.len() as u64) || self.pipeline.is_contradicted(chosen)
    }

    /// Whether a process that is refused because of its log can leave it to others to stand: they do, by a timeout.
    fn others_stand(&self) -> bool {
        let config = &self.setup.config;
        matches!(config.leadership, Leadership::Elected { .. }) && config.timeouts.election.is_some()
    }

    /// A quorum has promised, and this is its log: all of it that may not be chosen is proposed again in this ballot. A log
    /// with a gap is no acceptor's.
    fn take_the_lead(&mut self, now: Time, votes: &Votes<V>, chosen: &Chosen<V>) -> Option<()> {
        let known = self.known(chosen);
        let end = reached(votes).map_or(Slot(0), |(_, end)| end).max(chosen.first_unknown());
        let mut log: Vec<Entry<V>> = Vec::new();
        while Slot(log.len() as u64) < end {
            let slot = Slot(log.len() as u64);
            log.push(chosen.get(slot).or_else(|| Some(votes.get(slot)?.1))?.clone());
        }
        let tail = log.get(known.index() as usize..).unwrap_or_default();
        self.pipeline.drop_found(&log, chosen);
        if !tail.is_empty() {
            self.pipeline.propose(self.ballot, known, &Batch::from(tail.to_vec()));
            self.ask(now, Reach::Quorum(Phase::TwoClassic));
        }
        self.stage = Stage::Leading(log);
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
            own: Votes::default(),
            pipeline: Pipeline::new(&setup.config),
            ask: None,
            back: None,
            resend_at: None,
            resends: Aside::default(),
            progress: Slot(0),
        }
    }

    /// *Paxos Made Simple*, §2.5: no ballot is used twice by its owner, not even across a crash.
    fn restore(&mut self, record: &Record<V>) {
        self.highest = self.highest.max(record.ballot().unwrap_or_default());
        if let Record::Voted { ballot, first, batch } = record {
            self.own.note(*ballot, *first, batch);
        }
    }

    fn on_request(&mut self, now: Time, request: &Request<V>, leads: bool) -> Result<(), Overloaded> {
        if leads { self.pipeline.push(now, request) } else { Ok(()) }
    }

    fn campaign(&mut self, now: Time, chosen: &Chosen<V>) {
        self.preempted();
        let Some(ballot) = self.highest.max(self.ballot).next_term(self.setup.id) else { return };
        (self.ballot, self.highest) = (ballot, ballot);
        let shown = reached(&self.own).filter(|_| self.others_stand());
        let votes = if shown.is_some() { self.own.clone() } else { Votes::default() };
        self.stage = Stage::Preparing { from: self.known(chosen), shown, votes, promised: NodeSet::EMPTY };
        self.ask(now, Reach::Quorum(Phase::One));
    }

    fn begins_at(&self, chosen: &Chosen<V>) -> Slot {
        self.known(chosen)
    }

    fn step_down(&mut self) -> bool {
        self.preempted()
    }

    /// Every acceptor that promises has a log that is not ahead of `votes`: of one that is shown, the acceptor sees to that, and of
    /// those that are lent, the one furthest ahead is taken (Liskov and Cowling 2012, §4.2, do so in each view change).
    fn on_promise(&mut self, now: Time, from: NodeId, promise: Promise<V>, chosen: &Chosen<V>) -> bool {
        let Stage::Preparing { from: first, shown, votes, promised } = &mut self.stage else { return false };
        // An answer to another question says nothing about this one; a second one from the same acceptor does not count again.
        if (promise.ballot, promise.from) != (self.ballot, *first) || !promised.insert(from) {
            return false;
        }
        if shown.is_none() {
            let mut lent = Votes::default();
            for vote in &promise.votes {
                lent.note(vote.ballot, vote.first, &vote.batch);
            }
            if reached(&lent) > reached(votes) {
                *votes = lent;
            }
        }
        if !self.setup.config.quorums.is_quorum(Phase::One, *promised) {
            return false;
        }
        *promised = NodeSet::EMPTY;
        let votes = core::mem::take(votes);
        if self.take_the_lead(now, &votes, chosen).is_none() {
            self.preempted();
        } else if self.is_overtaken(chosen) {
            paxos_core::Proposer::<P>::campaign(self, now, chosen);
        }
        false
    }

    /// Votes of the acceptor of this process, once they are on disk: its log.
    fn on_accepted(&mut self, _now: Time, from: NodeId, accepted: &Accepted<V>, _chosen: &Chosen<V>) {
        if from == self.setup.id
            && let Some(batch) = &accepted.batch
        {
            self.own.note(accepted.ballot, accepted.slots.start, batch);
        }
    }

    fn on_nack(&mut self, now: Time, nack: &Nack) -> bool {
        self.highest = self.highest.max(nack.promised);
        // A refusal of an earlier ballot is no news.
        if nack.refused != self.ballot {
            return false;
        }
        if nack.promised > self.ballot {
            return self.preempted();
        }
        // In phase 1 its log is behind one acceptor's, and perhaps not behind a quorum's. In phase 2 an acceptor's log is behind.
        if matches!(self.stage, Stage::Leading(_)) {
            self.back = Some(self.back.unwrap_or(nack.slots.start).min(nack.slots.start));
            self.ask(now, Reach::All);
        }
        false
    }

    fn on_ballot(&mut self, ballot: Ballot) -> bool {
        self.highest = self.highest.max(ballot);
        ballot > self.ballot && self.preempted()
    }

    fn on_chosen(&mut self, _now: Time, chosen: &Chosen<V>) {
        if self.is_overtaken(chosen) {
            self.preempted();
        }
        self.pipeline.settle(chosen.first_unknown());
    }

    fn on_progress(&mut self, _now: Time, slot: Slot) {
        // A proposer that learns waits for the values: who told of them may crash and be the only one that knew.
        if !self.setup.config.all_learners().contains(self.setup.id) {
            self.progress = self.progress.max(slot);
            self.pipeline.settle(slot);
            if matches!(&self.stage, Stage::Leading(log) if slot > Slot(log.len() as u64)) {
                self.preempted();
            }
        }
    }

    fn propose_again(&mut self, now: Time, from: Slot, chosen: &Chosen<V>) {
        if from < self.progress {
            self.progress = from;
            paxos_core::Proposer::<P>::campaign(self, now, chosen);
        }
    }

    fn on_timeout(&mut self, now: Time, _chosen: &Chosen<V>) {
        self.pipeline.on_timeout(now);
        if self.resend_at.is_some_and(|at| at <= now) {
            self.resends.0 += 1;
            self.ask(now, Reach::All);
        }
    }

    fn deadline(&self) -> Option<Time> {
        let leads = matches!(self.stage, Stage::Leading(_));
        let waits = if leads { self.pipeline.first_in_flight().is_some() } else { self.stage != Stage::Idle };
        let linger = self.pipeline.deadline().filter(|_| leads);
        [self.resend_at.filter(|_| waits), linger].into_iter().flatten().min()
    }

    fn poll(&mut self, now: Time, chosen: &Chosen<V>) -> Option<(Proposal<P>, Reach)> {
        let ballot = self.ballot;
        if let Stage::Preparing { from, shown, .. } = self.stage {
            let reach = self.ask.take()?;
            let prepare = Prepare { ballot, from, log: shown };
            return Some((Proposal::Prepare(prepare, Some(Record::Started(ballot))), reach));
        }
        let known = self.known(chosen);
        let Stage::Leading(log) = &mut self.stage else { return None };
        let mut grows = false;
        while let Some(batch) =
            self.pipeline.propose_next(now, ballot, Slot(log.len() as u64), chosen.limit())
        {
            log.extend(batch.iter().cloned());
            grows = true;
        }
        let first = self.back.take().unwrap_or(known).min(known);
        let batch: Batch<V> = log.get(first.index() as usize..)?.to_vec().into();
        if grows {
            let reach = self.ask.unwrap_or(Reach::Quorum(Phase::TwoClassic));
            self.ask(now, reach);
        }
        let reach = self.ask.take().filter(|_| !batch.is_empty())?;
        Some((Proposal::Accept(Accept { ballot, first, batch, chosen: chosen.first_unknown() }), reach))
    }

    fn leading(&self) -> Option<Ballot> {
        matches!(self.stage, Stage::Leading(_)).then_some(self.ballot)
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
