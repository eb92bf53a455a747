//! Reasons why a process is still needed.

use crate::{NodeId, NodeSet, Slot};

/// The reason why a process must not be turned off for good yet, or why this process cannot tell.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StillNeeded {
    /// It is a member.
    #[error("{0} is a member: remove it first")]
    Member(NodeId),
    /// Its removal is not in force yet.
    #[error("{node} may be a member below slot {}, and the log has reached slot {}: wait", until.index(), applied.index())]
    Leaving {
        /// The process.
        node: NodeId,
        /// The first slot with the members of the last change.
        until: Slot,
        /// The first slot that the process asked has not executed.
        applied: Slot,
    },
    /// It was not removed, as far as the process asked knows.
    #[error("{0} was not removed, as far as this process knows: ask a member, or remove it first")]
    NotRemoved(NodeId),
    /// Too few members have everything that it knows on their disks.
    #[error(
        "of the members {of}, only {keepers} have everything below slot {} on disk, as far as this process has heard, \
         which is not a quorum: wait, or start the others", from.index()
    )]
    NotOnDisk {
        /// The acceptors that have it on their disks.
        keepers: NodeSet,
        /// The current acceptors.
        of: NodeSet,
        /// The first slot of their epoch.
        from: Slot,
    },
}
