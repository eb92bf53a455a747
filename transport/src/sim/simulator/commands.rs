//! The outcome of each command.

use crate::sim::Counts;
use core::time::Duration;
use paxos_core::{Changed, CommandId, NodeId, Protocol, Slot, Time, Unanswered};
use std::collections::BTreeMap;

/// A command that was submitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submitted<R> {
    /// The command's name.
    pub id: CommandId,
    /// When it was submitted.
    pub at: Time,
    /// The answer, once there is one.
    pub answer: Option<Answered<R>>,
    /// Why the command has no answer, if its client was told so.
    pub unanswered: Option<Unanswered>,
    /// The result of a change of members.
    pub changed: Option<Changed>,
    /// Whether its process crashed before the answer: the command may or may not have been executed.
    pub abandoned: bool,
}

/// The answer to a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered<R> {
    /// When the answer arrived.
    pub at: Time,
    /// The process that answered first; the client's own process if it executed the command itself.
    pub by: NodeId,
    /// The slot the command was executed in.
    pub slot: Slot,
    /// The reply of the execution.
    pub reply: R,
    /// The messages sent by all processes from the last reset of the counts to this moment.
    pub sent: Counts,
}

impl<R> Submitted<R> {
    /// The time from submission to answer.
    pub fn latency(&self) -> Option<Duration> {
        self.answer.as_ref().map(|answer| answer.at.since(self.at))
    }

    /// Whether the outcome is final.
    pub fn is_settled(&self) -> bool {
        self.abandoned || self.changed.is_some() || self.answer.is_some() || self.unanswered.is_some()
    }
}

/// All commands, in order of submission.
#[derive(Debug)]
pub(super) struct Commands<P: Protocol> {
    pub(super) list: Vec<Submitted<P::Reply>>,
    /// What each of them asks for; none of a change of members.
    pub(super) values: Vec<Option<P::Value>>,
    index: BTreeMap<CommandId, usize>,
    pub(super) open: usize,
    pub(super) unanswered: usize,
}

impl<P: Protocol> Commands<P> {
    pub(super) const fn new() -> Self {
        Self { list: Vec::new(), values: Vec::new(), index: BTreeMap::new(), open: 0, unanswered: 0 }
    }

    pub(super) fn submitted(&mut self, id: CommandId, at: Time, value: Option<P::Value>) {
        self.index.insert(id, self.list.len());
        self.list.push(Submitted { id, at, answer: None, unanswered: None, changed: None, abandoned: false });
        self.values.push(value);
        self.open += 1;
    }

    pub(super) fn get(&self, id: CommandId) -> Option<&Submitted<P::Reply>> {
        self.list.get(*self.index.get(&id)?)
    }

    pub(super) fn settled(&mut self, id: CommandId, result: Result<Answered<P::Reply>, Unanswered>) {
        let Some(command) = self.index.get(&id).and_then(|i| self.list.get_mut(*i)) else { return };
        if command.is_settled() {
            return;
        }
        match result {
            Ok(answer) => command.answer = Some(answer),
            Err(reason) => {
                command.unanswered = Some(reason);
                self.unanswered += 1;
            }
        }
        self.open -= 1;
    }

    pub(super) fn changed(&mut self, changed: Changed) {
        let Some(command) = self.index.get(&changed.id).and_then(|i| self.list.get_mut(*i)) else { return };
        if !command.is_settled() {
            command.changed = Some(changed);
            self.open -= 1;
        }
    }

    /// Marks the open commands of a process that crashed: their callers will get no answer.
    pub(super) fn abandon(&mut self, node: NodeId) {
        let theirs = self.list.iter_mut().filter(|c| c.id.client.node == node && !c.is_settled());
        for command in theirs {
            command.abandoned = true;
            self.open -= 1;
        }
    }
}
