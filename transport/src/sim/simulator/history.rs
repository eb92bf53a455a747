//! What clients did and saw in a run, for a check of their history.

use super::Sim;
use super::outside::Outside;
use crate::linearize::{Call, Operation};
use crate::sim::Unread;
use paxos_core::{Consistency, NodeId, Protocol, ReadId, StateMachine, Time};

/// A read that is an operation of a history.
#[derive(Debug)]
pub(super) struct Query<P: Protocol> {
    node: NodeId,
    id: ReadId,
    at: Time,
    command: P::Value,
    /// What it saw, and when.
    seen: Option<(Time, P::Reply)>,
}

impl<P: Protocol> Outside<P> {
    /// A query was answered.
    pub(super) fn answered_query(&mut self, node: NodeId, id: ReadId, reply: P::Reply) {
        let is_it = |query: &&mut Query<P>| (query.node, query.id) == (node, id) && query.seen.is_none();
        if let Some(query) = self.queries.iter_mut().rev().find(is_it) {
            query.seen = Some((self.now, reply));
        }
    }
}

impl<P, S> Sim<P, S>
where
    P: Protocol,
    S: StateMachine<Command = P::Value, Reply = P::Reply>,
{
    /// Begins a read now, at the replica of `node`, that is a part of [`Sim::history`]: `read` answers `command` from
    /// the state, without the log, as the closure of [`Replicated::read`](crate::Replicated::read) does.
    ///
    /// # Errors
    /// As [`Sim::read`].
    pub fn query(
        &mut self,
        node: NodeId,
        consistency: Consistency,
        command: P::Value,
        read: impl FnOnce(&S) -> P::Reply + 'static,
    ) -> Result<ReadId, Unread> {
        let id = self.read(node, consistency)?;
        if let Some(at) = self.at(node) {
            self.processes[at].reads.insert(id, Box::new(read));
            self.out.queries.push(Query { node, id, at: self.out.now, command, seen: None });
        }
        Ok(id)
    }

    /// What clients did and saw so far, for [`linearize::check`](crate::linearize::check): all commands, and the
    /// queries that were answered. Times are nanoseconds of virtual time, and clients are called as their processes.
    ///
    /// The outcome of a command without an answer is unknown: its process crashed or still waits, or was told that
    /// there is no answer. That is so of a refused command as well, since a network that doubles messages may bring it
    /// once more. Changes of members and queries that were not answered are left out.
    pub fn history(&self) -> Vec<Operation<Call<P::Value, P::Reply>>> {
        let commands = self.out.commands.list.iter().zip(&self.out.commands.values);
        let commands = commands.filter_map(|(command, value)| {
            let deed = Call {
                command: value.clone()?,
                reply: command.answer.as_ref().map(|answer| answer.reply.clone()),
            };
            let ended = command.answer.as_ref().map(|answer| answer.at.0);
            Some(Operation { client: command.id.client.node.0.into(), deed, begun: command.at.0, ended })
        });
        let queries = self.out.queries.iter().filter_map(|query| {
            let (ended, reply) = query.seen.clone()?;
            let deed = Call { command: query.command.clone(), reply: Some(reply) };
            Some(Operation { client: query.node.0.into(), deed, begun: query.at.0, ended: Some(ended.0) })
        });
        let mut history: Vec<_> = commands.chain(queries).collect();
        history.sort_by_key(|operation| operation.begun);
        history
    }
}
