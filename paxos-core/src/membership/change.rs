//! Changes of members, as they are asked for and as they stand in the log.

use super::Membership;
use crate::{Incarnation, NodeId, NodeSet};
use core::fmt;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A change of members, chosen like a command.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Change {
    /// Processes that get these roles besides those they have.
    pub add: Membership,
    /// Processes that lose all roles forever. Their ids are never used again.
    pub remove: NodeSet,
}

impl Change {
    /// Adds a server that proposes, votes and learns.
    pub const fn add(server: NodeId) -> Self {
        let only = NodeSet::only(server);
        let add = Membership { proposers: only, acceptors: only, learners: only };
        Self { add, remove: NodeSet::EMPTY }
    }

    /// Adds a process that only learns, for reads and for availability of data.
    pub const fn add_learner(learner: NodeId) -> Self {
        let learners = NodeSet::only(learner);
        let add = Membership { proposers: NodeSet::EMPTY, acceptors: NodeSet::EMPTY, learners };
        Self { add, remove: NodeSet::EMPTY }
    }

    /// Removes a process.
    pub const fn remove(member: NodeId) -> Self {
        let none = NodeSet::EMPTY;
        let add = Membership { proposers: none, acceptors: none, learners: none };
        Self { add, remove: NodeSet::only(member) }
    }

    /// Replaces one server by another, in one step.
    pub const fn replace(old: NodeId, new: NodeId) -> Self {
        Self { remove: NodeSet::only(old), ..Self::add(new) }
    }

    /// Returns the members that this change makes of `members`.
    #[must_use]
    pub const fn of(&self, members: &Membership) -> Membership {
        members.without(self.remove).union(&self.add)
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (added, removed) = (self.add.servers(), self.remove);
        match (added.is_empty(), removed.is_empty()) {
            (true, true) => f.write_str("no change"),
            (false, true) => write!(f, "+{added}"),
            (true, false) => write!(f, "-{removed}"),
            (false, false) => write!(f, "+{added} -{removed}"),
        }
    }
}

/// A change of members as it stands in the log: with the stores of the processes that it adds.
///
/// A process that was not there when a member joined, and meets it only after its disk was exchanged, learns from the
/// log that this is not the store which joined ([`crate::StoreMark`]).
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Reconfiguration {
    /// The change.
    pub change: Change,
    /// The stores of the processes that it adds, as far as the process that asked for it knows them. Those that may
    /// have promised something before are not among them.
    pub stores: BTreeMap<NodeId, Incarnation>,
}

impl Reconfiguration {
    /// The most bytes that the stores take in a message. They count as payload.
    pub fn bytes(&self) -> usize {
        self.stores.len() * NAMED
    }
}

/// The most bytes of a process's id (3) and its store (44).
const NAMED: usize = 47;

impl From<Change> for Reconfiguration {
    fn from(change: Change) -> Self {
        Self { change, stores: BTreeMap::new() }
    }
}
