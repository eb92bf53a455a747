//! Matches answers to the callers that wait for them.

use super::{ChangeError, ProposeError, Stages};
use paxos_core::{Changed, CommandId, Executed, Settled, Slot};
use std::collections::{BTreeMap, VecDeque};
use tokio::sync::oneshot;
use tokio::time::Instant;

/// The outcome of a command.
type Outcome<R> = Result<Executed<R>, ProposeError>;

/// The channel for a command's answer, and the time of the call.
#[derive(Debug)]
pub(super) struct Waiter<R> {
    answer: oneshot::Sender<Outcome<R>>,
    asked: Instant,
}

impl<R> Waiter<R> {
    /// Creates the waiter for a command that is requested now.
    pub(super) fn new() -> (Self, oneshot::Receiver<Outcome<R>>) {
        let (answer, answered) = oneshot::channel();
        (Self { answer, asked: Instant::now() }, answered)
    }

    /// Whether the caller has stopped waiting for the answer.
    pub(super) fn is_gone(&self) -> bool {
        self.answer.is_closed()
    }

    /// Tells the caller that the command was not taken.
    pub(super) fn refuse(self, error: ProposeError) {
        // Sending fails only if the caller has gone away, and then it needs no answer.
        drop(self.answer.send(Err(error)));
    }
}

/// The channel for the answer to a change of members.
pub(super) type ChangeWaiter = oneshot::Sender<Result<Slot, ChangeError>>;

/// The waiters of one client, by the sequence numbers of their commands, which have no gap.
#[derive(Debug)]
pub(super) struct Waiters<R> {
    /// The sequence number of the first waiter held.
    base: u64,
    /// The waiters, each with the time when its command was taken. `None` after the answer, and for changes of members.
    held: VecDeque<Option<(Waiter<R>, Instant)>>,
    /// The waiters for changes of members.
    changes: BTreeMap<u64, ChangeWaiter>,
    /// The times of executed commands.
    stages: Stages,
}

impl<R> Default for Waiters<R> {
    fn default() -> Self {
        Self { base: 0, held: VecDeque::new(), changes: BTreeMap::new(), stages: Stages::default() }
    }
}

impl<R> Waiters<R> {
    /// The times of the commands that were executed.
    pub(super) fn stages(&self) -> Stages {
        self.stages
    }

    /// Adds the waiter for the newest command, which was taken at `taken`.
    pub(super) fn wait(&mut self, id: CommandId, waiter: Waiter<R>, taken: Instant) {
        if self.held.is_empty() {
            self.base = id.seq;
        }
        debug_assert_eq!(id.seq, self.base + self.held.len() as u64, "sequence numbers have no gap");
        self.held.push_back(Some((waiter, taken)));
    }

    /// Adds the waiter for a change of members, which is the newest command.
    pub(super) fn wait_for_change(&mut self, id: CommandId, waiter: ChangeWaiter) {
        self.changes.insert(id.seq, waiter);
        if !self.held.is_empty() {
            self.held.push_back(None);
        }
    }

    /// Passes the result of a change of members to its waiter.
    pub(super) fn changed(&mut self, changed: Changed) {
        if let Some(waiter) = self.changes.remove(&changed.id.seq) {
            _ = waiter.send(changed.result.map_err(ChangeError::from));
        }
    }

    /// Passes the outcome of a command to its waiter, if the caller still waits. `known` is when the command was
    /// learned, before it was executed.
    pub(super) fn answer(&mut self, settled: Settled<R>, known: Instant) {
        if let Some(waiter) = self.changes.remove(&settled.id.seq) {
            // The change was not chosen, or its outcome is unknown.
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
