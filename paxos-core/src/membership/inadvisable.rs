//! Reasons not to ask for a change of members, unless it is forced.

use crate::{NodeId, Slot};

/// The reason why a change of members is not asked for, as far as the process asked knows. Such a change could be
/// chosen, and could end the cluster: a member counts for quorums whether or not it runs.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Inadvisable {
    /// A process to be added already has these roles.
    #[error("{0} is already a member")]
    Member(NodeId),
    /// A process to be removed was never a member.
    #[error("{0} is not a member")]
    NoMember(NodeId),
    /// A process to be removed was removed before.
    #[error("{0} was already removed")]
    Removed(NodeId),
    /// The process asked is not a member, so it does not hear the others' progress.
    #[error("this process is not a member, and does not know which processes run: ask a member")]
    Outside,
    /// A process to be added has not been heard recently.
    #[error("not heard from {0}: start it as a spare, where it reaches this process")]
    NotHeard(NodeId),
    /// A process to be added has not caught up.
    #[error("{node} has {} of {} slots: wait until it has caught up", known.index(), of.index())]
    Behind {
        /// The process to be added.
        node: NodeId,
        /// The number of slots that it knows to be chosen, from the first one on.
        known: Slot,
        /// The number of slots that the process asked knows.
        of: Slot,
    },
    /// Too few of the future acceptors were heard recently.
    #[error("{reachable} of {members} members would be reachable, a quorum is {quorum}")]
    NoQuorum {
        /// The number of future acceptors that the process asked hears, itself included.
        reachable: usize,
        /// The number of future acceptors.
        members: usize,
        /// The size of a small quorum of them.
        quorum: usize,
    },
}

impl Inadvisable {
    /// Whether it may pass without intervention, when a process starts or catches up.
    pub const fn may_pass(&self) -> bool {
        matches!(self, Self::NotHeard(_) | Self::Behind { .. } | Self::NoQuorum { .. })
    }
}
