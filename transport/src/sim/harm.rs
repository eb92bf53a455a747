//! What the faults of a run did.

use super::Fault;
use paxos_core::{NodeId, Time};
use std::collections::{BTreeMap, BTreeSet};

/// What the faults of a run did to processes and to messages. A fault that changed nothing leaves no trace here: a
/// crash of a process that is down, a lost disk that nobody would miss, a cut that no message meets. A message counts
/// only if its receiver was up when it was sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Harm {
    /// The faults that changed something, and when. A pause, a stopped clock and a stopped disk change nothing while
    /// the process is down.
    pub faults: Vec<(Time, Fault)>,
    /// How many messages each cut stopped, by its index in [`super::Links::cuts`].
    pub cut: BTreeMap<usize, u64>,
    /// The messages that were lost by chance.
    pub lost: u64,
    /// The messages that were duplicated.
    pub doubled: u64,
    /// The messages that took longer than usual ([`super::Delay::Tailed`]).
    pub late: u64,
    /// The processes that are down.
    down: BTreeSet<NodeId>,
}

impl Harm {
    /// Whether this fault changed something at this moment.
    pub fn did(&self, at: Time, fault: Fault) -> bool {
        self.faults.contains(&(at, fault))
    }

    /// Notes that a process stopped or started.
    pub(super) fn is_up(&mut self, node: NodeId, up: bool) {
        if up {
            self.down.remove(&node);
        } else {
            self.down.insert(node);
        }
    }

    /// Notes a message that was lost by chance, and all cuts that would have stopped it.
    pub(super) fn loses(&mut self, to: NodeId, by_chance: bool, by: impl Iterator<Item = usize>) {
        if self.down.contains(&to) {
            return;
        }
        self.lost += u64::from(by_chance);
        for cut in by {
            *self.cut.entry(cut).or_default() += 1;
        }
    }

    /// Notes a message that was not lost.
    pub(super) fn carries(&mut self, to: NodeId, late: bool, doubled: bool) {
        let up = !self.down.contains(&to);
        self.late += u64::from(up && late);
        self.doubled += u64::from(up && doubled);
    }
}
