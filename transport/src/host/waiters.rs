//! Who waits for the answer to which command.

use super::ProposeError;
use paxos_core::{CommandId, Executed, Settled};
use std::collections::VecDeque;
use tokio::sync::oneshot;

/// Where the answer to a command goes.
pub(super) type Waiter<R> = oneshot::Sender<Result<Executed<R>, ProposeError>>;

/// The waiters of one client, by the sequence numbers of their commands, which come without a gap.
#[derive(Debug)]
pub(super) struct Waiters<R> {
    /// The sequence number of the first one held.
    base: u64,
    held: VecDeque<Option<Waiter<R>>>,
}

impl<R> Default for Waiters<R> {
    fn default() -> Self {
        Self { base: 0, held: VecDeque::new() }
    }
}

impl<R> Waiters<R> {
    /// Notes who waits for the answer to the newest command.
    pub(super) fn wait(&mut self, id: CommandId, waiter: Waiter<R>) {
        if self.held.is_empty() {
            self.base = id.seq;
        }
        debug_assert_eq!(id.seq, self.base + self.held.len() as u64, "sequence numbers have no gap");
        self.held.push_back(Some(waiter));
    }

    /// Hands over what became of a command. Nobody may be waiting for it: an asker may go away.
    pub(super) fn answer(&mut self, settled: Settled<R>) {
        let offset = settled.id.seq.checked_sub(self.base).and_then(|n| usize::try_from(n).ok());
        if let Some(waiter) = offset.and_then(|at| self.held.get_mut(at)).and_then(Option::take) {
            drop(waiter.send(settled.result.map_err(ProposeError::from)));
        }
        while let Some(None) = self.held.front() {
            self.held.pop_front();
            self.base += 1;
        }
    }
}
