//! Commands that a proposer has taken and that are not known to be chosen, both waiting and under way.

use crate::One;
use paxos_core::{Amount, CommandId, Entry, Limits, Overloaded, Request, Value};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Holds each command once, and counts the bytes of all.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Queue<V> {
    waiting: VecDeque<One<V>>,
    waiting_bytes: usize,
    /// Waiting commands and commands that instances want chosen, with their bytes.
    mine: BTreeMap<CommandId, usize>,
    bytes: usize,
}

impl<V> Default for Queue<V> {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), waiting_bytes: 0, mine: BTreeMap::new(), bytes: 0 }
    }
}

impl<V: Value> Queue<V> {
    /// The number and bytes of the waiting commands.
    pub(crate) fn waiting(&self) -> Amount {
        Amount { count: self.waiting.len(), bytes: self.waiting_bytes }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The bytes of own commands that instances want chosen.
    pub(crate) fn under_way_bytes(&self) -> usize {
        self.bytes.saturating_sub(self.waiting_bytes)
    }

    /// Takes in a request. Commands that are already held are not queued again.
    pub(crate) fn push(&mut self, limits: &Limits, request: &Request<V>) -> Result<(), Overloaded> {
        let is_new = |entry: &&Entry<V>| entry.id().is_some_and(|id| !self.mine.contains_key(&id));
        let mut more = Amount::default();
        for entry in request.commands.iter().filter(is_new) {
            more += Amount { count: 1, bytes: entry.bytes() };
        }
        limits.admit(self.waiting(), more)?;
        for one in One::each(&request.commands) {
            let bytes = one.bytes();
            // If two commands have the same name, the first one counts.
            if let Some(id) = one.id()
                && !self.mine.contains_key(&id)
            {
                self.mine.insert(id, bytes);
                self.bytes += bytes;
                self.waiting_bytes += bytes;
                self.waiting.push_back(one);
            }
        }
        Ok(())
    }

    /// Whether the next command may join the commands under way.
    pub(crate) fn next_fits(&self, limits: &Limits) -> bool {
        let under_way = self.under_way_bytes();
        let next = self.waiting.front().map_or(0, |one| one.bytes());
        under_way == 0 || under_way.saturating_add(next) <= limits.window_bytes
    }

    pub(crate) fn pop_front(&mut self) -> Option<One<V>> {
        let one = self.waiting.pop_front()?;
        self.waiting_bytes -= one.bytes();
        Some(one)
    }

    /// Puts commands back at the head of the queue, in order.
    pub(crate) fn requeue(&mut self, lost: Vec<One<V>>) {
        for one in lost.into_iter().rev() {
            self.waiting_bytes += one.bytes();
            self.waiting.push_front(one);
        }
    }

    /// Forgets a command that was chosen or given up. Returns whether it was held. It may still be in the queue.
    pub(crate) fn done(&mut self, id: CommandId) -> bool {
        let bytes = self.mine.remove(&id);
        self.bytes -= bytes.unwrap_or(0);
        bytes.is_some()
    }

    /// Removes waiting commands that no longer need a slot.
    pub(crate) fn drop_waiting(&mut self, done: &BTreeSet<CommandId>) {
        self.waiting.retain(|one| one.id().is_none_or(|id| !done.contains(&id)));
        self.waiting_bytes = self.waiting.iter().map(|one| one.bytes()).sum();
    }

    /// Gives up all waiting commands.
    pub(crate) fn drain(&mut self) -> Vec<One<V>> {
        self.waiting_bytes = 0;
        let given_up: Vec<One<V>> = self.waiting.drain(..).collect();
        given_up.iter().filter_map(|one| one.id()).for_each(|id| _ = self.done(id));
        given_up
    }
}
