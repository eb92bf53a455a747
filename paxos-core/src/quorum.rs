//! Quorum systems: the sets of acceptors that are quorums, and the proof that they intersect as they must.
//!
//! [`QuorumSystem`] is the trait; [`prove`] is the proof that tries every set. The systems here prove their law when
//! they are built: [`Counts`] by number, [`Weighted`] by weight, [`Grid`] by rows and columns, [`Zones`] by quorums of
//! zones, [`Sets`] by list, and [`Composed`] of other systems by *and*, *or* and *k of* ([`Rule`]).

mod composed;
mod counts;
mod error;
mod grid;
mod load;
mod places;
mod sets;
mod table;
#[cfg(test)]
mod tests;
mod weighted;
mod zones;

pub use composed::{Composed, Rule};
pub use counts::Counts;
pub use error::{QuorumError, Remedy};
pub use grid::Grid;
pub use places::Places;
pub use sets::Sets;
pub use table::{EXHAUSTIVE, prove};
pub use weighted::Weighted;
pub use zones::{Within, ZoneQuorum, Zones};

use crate::{NodeId, NodeSet};
use core::fmt::{self, Debug};
use std::sync::Arc;

/// The purpose of a quorum.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Phase {
    /// Promises, in every ballot.
    One,
    /// Votes in a classic ballot.
    TwoClassic,
    /// Votes in a fast ballot.
    TwoFast,
}

impl Phase {
    /// All three, in this order.
    pub const ALL: [Self; 3] = [Self::One, Self::TwoClassic, Self::TwoFast];

    /// The phase that counts the votes of a ballot.
    pub fn of(ballot: crate::Ballot) -> Self {
        if ballot.fast { Self::TwoFast } else { Self::TwoClassic }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::One => "phase 1",
            Self::TwoClassic => "phase 2",
            Self::TwoFast => "fast phase 2",
        })
    }
}

/// A quorum system: which sets of acceptors are quorums.
///
/// The constructor must prove this law: every phase 1 quorum shares an acceptor with every phase 2 quorum (Howard,
/// Malkhi, Spiegelman 2016, §3), and with the intersection of every two fast phase 2 quorums (Howard, Charapko,
/// Mortier 2021, §3, which relaxes Lamport's *Fast Quorum Requirement*). A superset of a quorum is a quorum, and
/// processes that are not acceptors do not count.
///
/// Your own system states its acceptors, and which sets of them are quorums. [`prove`] proves the law by trying every
/// set. Everything else follows:
///
/// ```
/// use paxos_core::{NodeId, NodeSet, Phase, QuorumError, QuorumSystem, prove};
///
/// /// A hub and its spokes: the hub with any spoke, or all the spokes without the hub.
/// #[derive(Debug)]
/// struct Wheel {
///     hub: NodeId,
///     spokes: NodeSet,
/// }
///
/// impl QuorumSystem for Wheel {
///     fn acceptors(&self) -> NodeSet {
///         self.spokes.union(NodeSet::only(self.hub))
///     }
///
///     fn is_quorum(&self, phase: Phase, answered: NodeSet) -> bool {
///         let spoke = !self.spokes.intersection(answered).is_empty();
///         let all = self.spokes.is_subset(answered);
///         phase != Phase::TwoFast && (all || spoke && answered.contains(self.hub))
///     }
/// }
///
/// let wheel = Wheel { hub: NodeId(0), spokes: [1, 2, 3].map(NodeId).into_iter().collect() };
/// prove(&wheel)?;
/// assert!(!wheel.has_fast_rounds());
/// assert_eq!(wheel.minimal_quorums(Phase::One)?.len(), 4);
/// assert_eq!(wheel.failures_survived(Phase::One)?, Some(1));
/// # Ok::<(), QuorumError>(())
/// ```
///
/// Peers compare the `Debug` text of their quorums, and stores keep it: it must tell different quorums apart, and be the same in
/// each process and each version.
pub trait QuorumSystem: Debug + Send + Sync {
    /// The acceptors, the only processes whose answers count.
    fn acceptors(&self) -> NodeSet;

    /// Whether `answered` contains a quorum. Processes in it that are not acceptors do not count.
    fn is_quorum(&self, phase: Phase, answered: NodeSet) -> bool;

    /// Returns the same kind of quorums over other acceptors, for a change of members, and the same quorums over the
    /// same acceptors. Place k belongs to the k-th acceptor of this system by id. A system in which all acceptors are
    /// alike needs only [`Places::acceptors`]. Any other system must use the places, since an acceptor keeps its
    /// place. All processes compute this, and must get the same result.
    ///
    /// # Errors
    /// An error if there are no such quorums; by default always.
    fn over(&self, _places: &Places) -> Result<Arc<dyn QuorumSystem>, QuorumError> {
        Err(QuorumError::Fixed)
    }

    /// Whether fast ballots are possible.
    fn has_fast_rounds(&self) -> bool {
        self.is_quorum(Phase::TwoFast, self.acceptors())
    }

    /// Whether a value may have been chosen, or may still be, when exactly the acceptors `promised` have answered
    /// phase 1. `voted` are those that voted for it in the highest ballot reported, of kind `phase`. The value may be
    /// chosen if, in some quorum, all members that promised voted for it (Lamport 2006, §2.2, observation O4, for any
    /// quorum system).
    ///
    /// Supersets of quorums are quorums, so it is enough to ask whether the acceptors that voted for it and those not
    /// heard contain a quorum. For quorums by number this is votes ≥ |Q| + qf − n, as papers count; a test checks
    /// that.
    fn may_be_chosen(&self, phase: Phase, promised: NodeSet, voted: NodeSet) -> bool {
        let unheard = self.acceptors().without(promised);
        self.is_quorum(phase, voted.intersection(promised).union(unheard))
    }

    /// Returns a quorum that contains no smaller one, with `prefer` in it if possible. A thrifty proposer asks it.
    fn minimal_quorum(&self, phase: Phase, prefer: NodeId) -> NodeSet {
        let mut quorum = self.acceptors();
        let far_first = |node: &NodeId| core::cmp::Reverse(node.0.wrapping_sub(prefer.0) % NodeSet::CAPACITY);
        let mut members: Vec<NodeId> = quorum.iter().collect();
        members.sort_by_key(far_first);
        for node in members {
            let smaller = quorum.without(NodeSet::only(node));
            if self.is_quorum(phase, smaller) {
                quorum = smaller;
            }
        }
        quorum
    }

    /// Returns every quorum of this phase that contains no smaller one; none where there are no fast ballots.
    ///
    /// # Errors
    /// [`QuorumError::TooMany`] beyond [`EXHAUSTIVE`] acceptors, because every set of them is tried.
    fn minimal_quorums(&self, phase: Phase) -> Result<Vec<NodeSet>, QuorumError> {
        table::minimal_quorums(self, phase)
    }

    /// The largest number of acceptors whose failure always leaves a quorum of this phase, whichever acceptors fail.
    /// `None` where the phase has no quorums.
    ///
    /// # Errors
    /// As [`QuorumSystem::minimal_quorums`], unless the system has a formula.
    fn failures_survived(&self, phase: Phase) -> Result<Option<usize>, QuorumError> {
        table::failures_survived(self, phase)
    }

    /// The load of this phase (Naor, Wool 1998, §3): the share of requests that the busiest acceptor handles, when
    /// quorums are picked at random with the probabilities that minimize this share. It is computed by linear
    /// programming, exact except for rounding. `None` where the phase has no quorums.
    ///
    /// Picking the minimal quorums with equal probabilities may load an acceptor more, unless all acceptors are alike.
    ///
    /// # Errors
    /// As [`QuorumSystem::minimal_quorums`], unless the system has a formula.
    fn load(&self, phase: Phase) -> Result<Option<f64>, QuorumError> {
        Ok(load::load(&self.minimal_quorums(phase)?, self.acceptors()))
    }
}
