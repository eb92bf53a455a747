//! Who waits for the answer to which command.

use super::{ChangeError, ProposeError, Stages};
use paxos_core::{Changed, CommandId, Executed, Settled, Slot};
use std::collections::{BTreeMap, VecDeque};
use tokio::sync::oneshot;
use tokio::time::Instant;

/// What becomes of a command.
type Outcome<R> = Result<Executed<R>, ProposeError>;

/// Where the answer to a command goes, and since when somebody waits for it.
#[derive(Debug)]
pub(super) struct Waiter<R> {
    answer: oneshot::Sender<Outcome<R>>,
    asked: Instant,
}

impl<R> Waiter<R> {
    /// Of a command that is asked for now.
    pub(super) fn new() -> (Self, oneshot::Receiver<Outcome<R>>) {
        let (answer, answered) = oneshot::channel();
        (Self { answer, asked: Instant::now() }, answered)
    }

    /// The command was not taken.
    pub(super) fn refuse(self, error: ProposeError) {
        // An error says that the asker has gone away meanwhile, and needs no answer.
        drop(self.answer.send(Err(error)));
    }
}

/// Where the answer to a change of members goes.
pub(super) type ChangeWaiter = oneshot::Sender<Result<Slot, ChangeError>>;

/// The waiters of one client, by the sequence numbers of their commands, which come without a gap.
#[derive(Debug)]
pub(super) struct Waiters<R> {
    /// The sequence number of the first one held.
    base: u64,
    /// With when it was taken.
    held: VecDeque<Option<(Waiter<R>, Instant)>>,
    /// Who waits for a change of members.
    changes: BTreeMap<u64, ChangeWaiter>,
    /// Of those that were executed.
    stages: Stages,
}

impl<R> Default for Waiters<R> {
    fn default() -> Self {
        Self { base: 0, held: VecDeque::new(), changes: BTreeMap::new(), stages: Stages::default() }
    }
}

impl<R> Waiters<R> {
    /// Where the time of the commands went that were executed.
    pub(super) fn stages(&self) -> Stages {
        self.stages
    }

    /// Notes who waits for the answer to the newest command, which was taken at `taken`.
    pub(super) fn wait(&mut self, id: CommandId, waiter: Waiter<R>, taken: Instant) {
        if self.held.is_empty() {
            self.base = id.seq;
        }
        debug_assert_eq!(id.seq, self.base + self.held.len() as u64, "sequence numbers have no gap");
        self.held.push_back(Some((waiter, taken)));
    }

    /// Notes who waits for a change of members, which is the newest command.
    pub(super) fn wait_for_change(&mut self, id: CommandId, waiter: ChangeWaiter) {
        self.changes.insert(id.seq, waiter);
        if !self.held.is_empty() {
            self.held.push_back(None);
        }
    }

    /// Hands over what came of a change of members.
    pub(super) fn changed(&mut self, changed: Changed) {
        if let Some(waiter) = self.changes.remove(&changed.id.seq) {
            _ = waiter.send(changed.result.map_err(ChangeError::from));
        }
    }

    /// Hands over what became of a command, which was `known` before it was executed. Nobody may be waiting for it: an asker may go
    /// away.
    pub(super) fn answer(&mut self, settled: Settled<R>, known: Instant) {
        if let Some(waiter) = self.changes.remove(&settled.id.seq) {
            // It was not chosen, or that is not known.
            let reason = settled.result.map_or_else(ProposeError::from, |_| ProposeError::OutcomeUnknown);
            _ = waiter.send(Err(reason.into()));
            return;
        }
        let offset = settled.id.seq.checked_sub(self.base).and_then(|n| usize::try_from(n).ok());
        if let Some((waiter, taken)) = offset.and_then(|at| self.held.get_mut(at)).and_then(Option::take) {
            if settled.result.is_ok() {
                self.stages.add(waiter.asked, taken, known, Instant::now());
            }
            drop(waiter.answer.send(settled.result.map_err(ProposeError::from)));
        }
        while let Some(None) = self.held.front() {
            self.held.pop_front();
            self.base += 1;
        }
    }
}
