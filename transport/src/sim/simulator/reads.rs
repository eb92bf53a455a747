//! The outcome of each read.

use super::Sim;
use super::queue::Happening;
use core::time::Duration;
use paxos_core::{Consistency, NodeId, Protocol, ReadError, ReadId, Readable, Slot, StateMachine, Time};

/// A read that has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The process that reads.
    pub node: NodeId,
    /// The read's name at that process.
    pub id: ReadId,
    /// The required consistency.
    pub consistency: Consistency,
    /// When the read began.
    pub at: Time,
    /// The result, once there is one.
    pub seen: Option<Seen>,
    /// Whether its process crashed before the result.
    pub abandoned: bool,
    /// Why its process will not answer it, if so.
    pub refused: Option<ReadError>,
    /// Every slot below must have been executed.
    floor: Slot,
}

/// The result of a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// When the read ended.
    pub at: Time,
    /// Every slot below was executed.
    pub applied: Slot,
}

impl Reading {
    /// The time from the beginning to the end of the read.
    pub fn latency(&self) -> Option<Duration> {
        self.seen.map(|seen| seen.at.since(self.at))
    }

    /// Whether the read has a result, was refused, or was abandoned.
    pub const fn has_ended(&self) -> bool {
        self.seen.is_some() || self.refused.is_some() || self.abandoned
    }
}

/// Why a read did not begin.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unread {
    /// The process does not exist, or is down.
    #[error("process {0} is not up; restart it, or read at another")]
    Down(NodeId),
    /// The process refuses the read.
    #[error(transparent)]
    Refused(#[from] ReadError),
}

/// All reads, in the order in which they began.
#[derive(Debug, Default)]
pub(super) struct Readings {
    list: Vec<Reading>,
    /// The indices of the reads that have not ended.
    open: Vec<usize>,
}

impl Readings {
    pub(super) fn begun(
        &mut self,
        node: NodeId,
        id: ReadId,
        consistency: Consistency,
        at: Time,
        floor: Slot,
    ) {
        self.open.push(self.list.len());
        let (seen, abandoned, refused) = (None, false, None);
        self.list.push(Reading { node, id, consistency, at, seen, abandoned, refused, floor });
    }

    /// Notes the end of a read. Returns its consistency and its floor.
    pub(super) fn ended(
        &mut self,
        node: NodeId,
        readable: Readable,
        at: Time,
    ) -> Option<(Consistency, Slot)> {
        let Readable { id, applied } = readable;
        let reading = self.close(node, id)?;
        reading.seen = Some(Seen { at, applied });
        Some((reading.consistency, reading.floor))
    }

    /// Notes that the process will not answer the read.
    pub(super) fn refused(&mut self, node: NodeId, id: ReadId, why: ReadError) {
        if let Some(reading) = self.close(node, id) {
            reading.refused = Some(why);
        }
    }

    fn close(&mut self, node: NodeId, id: ReadId) -> Option<&mut Reading> {
        let is_it = |place: &usize| (self.list[*place].node, self.list[*place].id) == (node, id);
        let place = self.open.remove(self.open.iter().position(is_it)?);
        Some(&mut self.list[place])
    }

    /// Marks the open reads of a process that crashed.
    pub(super) fn abandon(&mut self, node: NodeId) {
        let list = &mut self.list;
        self.open.retain(|place| {
            let theirs = list[*place].node == node;
            list[*place].abandoned |= theirs;
            !theirs
        });
    }
}

impl<P, S> Sim<P, S>
where
    P: Protocol,
    S: StateMachine<Command = P::Value, Reply = P::Reply>,
{
    /// Begins a read now, at the replica of `node`.
    ///
    /// # Errors
    /// If the process is not up, has no replica, or has too many open reads.
    pub fn read(&mut self, node: NodeId, consistency: Consistency) -> Result<ReadId, Unread> {
        let at = self.at(node).filter(|at| self.processes[*at].up).ok_or(Unread::Down(node))?;
        let process = &mut self.processes[at];
        let id = process.node.read(process.local(self.out.now), consistency)?;
        self.out.read_begun(node, id, consistency);
        self.awake.insert(at);
        Ok(id)
    }

    /// Begins a read at a future time, if that is possible then; see [`Sim::unsubmitted`].
    pub fn read_at(&mut self, at: Time, node: NodeId, consistency: Consistency) {
        self.out.queue.push(at.max(self.out.now), Happening::Read(node, consistency));
    }

    /// All reads, in the order in which they began.
    pub fn reads(&self) -> &[Reading] {
        &self.out.reads.list
    }

    /// Whether every read has ended, was refused, or was abandoned because its process crashed.
    pub fn all_read(&self) -> bool {
        self.out.reads.open.is_empty()
    }
}
