//! Why a change of members is not asked for unless it is forced.

use crate::{NodeId, Slot};

/// Why a change of members is not asked for, as far as the process that was to ask for it knows. It would be agreed on all
/// the same, and might end the cluster: a member counts for quorums whether or not it runs.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Inadvisable {
    /// One that is to be added has these roles already.
    #[error("{0} is a member already")]
    Member(NodeId),
    /// One that is to be removed never was a member.
    #[error("{0} is no member")]
    NoMember(NodeId),
    /// One that is to be removed was removed before.
    #[error("{0} was removed already")]
    Removed(NodeId),
    /// The process asked is no member, so it does not hear how far others are.
    #[error("this process is no member, and cannot tell who is there: ask a member")]
    Outside,
    /// One that is to be added has said nothing lately.
    #[error("not heard from {0}: start it as a spare, where it reaches this process")]
    NotHeard(NodeId),
    /// One that is to be added has not caught up.
    #[error("{node} has {} of {} slots: wait until it has caught up", known.index(), of.index())]
    Behind {
        /// It.
        node: NodeId,
        /// How many slots it knows to be chosen, from the first one on.
        known: Slot,
        /// How many the process asked knows.
        of: Slot,
    },
    /// Too few of the acceptors that there would be have said something lately.
    #[error("{reachable} of {members} members would be reachable, a quorum is {quorum}")]
    NoQuorum {
        /// Acceptors that there would be, and that the process asked hears, itself included.
        reachable: usize,
        /// Acceptors that there would be.
        members: usize,
        /// How many of them make a small quorum.
        quorum: usize,
    },
}

impl Inadvisable {
    /// Whether it may be otherwise soon, without anybody's doing: a process starts or catches up.
    pub const fn may_pass(&self) -> bool {
        matches!(self, Self::NotHeard(_) | Self::Behind { .. } | Self::NoQuorum { .. })
    }
}
