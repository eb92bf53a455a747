//! Reads that wait for a state that is recent enough.

use core::time::Duration;
use paxos_core::{Node, Protocol, ReadError, ReadId, Readable, Slot, Time};
use std::collections::{BTreeMap, BTreeSet};
use tokio::sync::oneshot;

/// The result of a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen<T> {
    /// What the read returned.
    pub value: T,
    /// How recent the state was: every slot below this one was executed, and no other.
    pub applied: Slot,
}

/// A read that waits for a state.
pub(super) trait Query<S>: Send {
    /// Whether the caller has stopped waiting for the answer.
    fn is_gone(&self) -> bool;
    /// Reads the state and answers, or passes on why that is impossible.
    fn answer(self: Box<Self>, state: Result<(&S, Slot), ReadError>);
}

pub(super) struct Read<F, T> {
    pub(super) read: F,
    pub(super) sender: oneshot::Sender<Result<Seen<T>, ReadError>>,
}

impl<S, T: Send, F: FnOnce(&S) -> T + Send> Query<S> for Read<F, T> {
    fn is_gone(&self) -> bool {
        self.sender.is_closed()
    }

    fn answer(self: Box<Self>, state: Result<(&S, Slot), ReadError>) {
        let Self { read, sender } = *self;
        if !sender.is_closed() {
            // Sending fails only if the caller has gone away, and then it needs no answer.
            drop(sender.send(state.map(|(machine, applied)| Seen { value: read(machine), applied })));
        }
    }
}

/// How often reads whose callers have gone away are removed, so that the node does not ask about them for ever.
const SWEEP: Duration = Duration::from_secs(1);

/// The waiting reads of a process.
pub(super) struct WaitingReads<S> {
    waiting: BTreeMap<ReadId, Box<dyn Query<S>>>,
    swept: Time,
}

impl<S> Default for WaitingReads<S> {
    fn default() -> Self {
        Self { waiting: BTreeMap::new(), swept: Time(0) }
    }
}

impl<S> WaitingReads<S> {
    pub(super) fn wait(&mut self, id: ReadId, query: Box<dyn Query<S>>) {
        self.waiting.insert(id, query);
    }

    pub(super) fn answer(&mut self, readable: Readable, machine: &S) {
        if let Some(query) = self.waiting.remove(&readable.id) {
            query.answer(Ok((machine, readable.applied)));
        }
    }

    /// Ends a read that the node will not answer.
    pub(super) fn refuse(&mut self, id: ReadId, why: ReadError) {
        if let Some(query) = self.waiting.remove(&id) {
            query.answer(Err(why));
        }
    }

    /// From time to time, gives up the reads whose callers have gone away.
    pub(super) fn sweep<P: Protocol>(&mut self, now: Time, node: &mut Node<P>) {
        if !self.waiting.is_empty() && self.swept.after(SWEEP) <= now {
            self.swept = now;
            self.give_up(node);
        }
    }

    /// Gives up the reads whose callers have gone away. Returns whether there were any.
    pub(super) fn give_up<P: Protocol>(&mut self, node: &mut Node<P>) -> bool {
        let gone: BTreeSet<ReadId> =
            self.waiting.iter().filter(|(_, query)| query.is_gone()).map(|(id, _)| *id).collect();
        if gone.is_empty() {
            return false;
        }
        self.waiting.retain(|id, _| !gone.contains(id));
        node.cancel_reads(&gone);
        true
    }
}
