//! Why a process is still needed.

use crate::{NodeId, NodeSet, Slot};

/// Why a process must not be turned off for good yet, or why that is not known here.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StillNeeded {
    /// It is a member.
    #[error("{0} is a member: remove it first")]
    Member(NodeId),
    /// It was removed, and that is not in force.
    #[error("{node} may be a member below slot {}, and the log has come to slot {}: wait", until.index(), applied.index())]
    Leaving {
        /// It.
        node: NodeId,
        /// The first slot whose members are those of the last change.
        until: Slot,
        /// The first slot that the process asked has not executed.
        applied: Slot,
    },
    /// It was never removed, as far as the process asked knows.
    #[error("{0} was not removed, as far as this process knows: ask a member, or remove it first")]
    NotRemoved(NodeId),
    /// Too few members have on their disks what it knows.
    #[error(
        "of the members {of} only {keepers} have all below slot {} on disk, as far as this process has heard, and that is \
         no quorum: wait, or start the others", from.index()
    )]
    NotOnDisk {
        /// Acceptors that have it on their disks.
        keepers: NodeSet,
        /// The acceptors of now.
        of: NodeSet,
        /// Where their epoch begins.
        from: Slot,
    },
}
