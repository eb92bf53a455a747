//! Reasons to refuse a quorum system. The error names the quorums that break the law.

use super::{EXHAUSTIVE, Phase};
use crate::NodeSet;

/// Why a quorum system is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QuorumError {
    /// There is no acceptor.
    #[error("a quorum system needs at least one acceptor; name one")]
    NoAcceptors,
    /// The quorums are defined for their acceptors only.
    #[error("these quorums cannot be formed of other acceptors; implement QuorumSystem::over for them")]
    Fixed,
    /// The form of the quorums fits only one number of acceptors.
    #[error("{system} of {from} acceptors cannot be formed of {to}; take exactly {from}")]
    Resized {
        /// The kind of quorums.
        system: &'static str,
        /// The number of acceptors they have.
        from: usize,
        /// The number of acceptors they should get.
        to: usize,
    },
    /// A quorum is larger than the set it is taken from, or empty.
    #[error("{phase} quorums of {size} cannot be formed from {acceptors} acceptors; take 1 to {acceptors}")]
    Size {
        /// The phase of the quorum.
        phase: Phase,
        /// The requested size.
        size: usize,
        /// The number of acceptors.
        acceptors: usize,
    },
    /// The number of weights differs from the number of acceptors.
    #[error("{given} weights for {acceptors} acceptors; give each one weight, in the order of their ids")]
    Weights {
        /// The number of weights.
        given: usize,
        /// The number of acceptors.
        acceptors: usize,
    },
    /// The threshold is 0, or higher than the weight of all acceptors together.
    #[error(
        "{phase} quorums of weight {threshold} cannot be formed from a weight of {total}; take 1 to {total}"
    )]
    Threshold {
        /// The phase of the quorum.
        phase: Phase,
        /// The requested threshold.
        threshold: u64,
        /// The weight of all acceptors.
        total: u64,
    },
    /// The thresholds are too low for a proof by their sum, and there are too many acceptors to try every set.
    #[error(
        "quorums of weight {one} for phase 1 and {two} for {phase} are not proven to meet; {}",
        Remedy::Weights(*total).of(*phase)
    )]
    Unproven {
        /// The threshold of phase 1.
        one: u64,
        /// The other phase.
        phase: Phase,
        /// Its threshold.
        two: u64,
        /// The weight of all acceptors.
        total: u64,
    },
    /// The grid has too few places, or too many.
    #[error(
        "a grid of {rows} × {columns} does not hold {acceptors} acceptors; make rows × columns {acceptors}"
    )]
    Grid {
        /// The number of rows.
        rows: usize,
        /// The number of columns.
        columns: usize,
        /// The number of acceptors.
        acceptors: usize,
    },
    /// Two zones share an acceptor.
    #[error("zones {a} and {b} share an acceptor; put each acceptor into one zone")]
    Overlap {
        /// The first zone.
        a: NodeSet,
        /// The second zone.
        b: NodeSet,
    },
    /// A quorum has more zones than there are, or none.
    #[error("{phase} quorums of {asked} zones cannot be formed from {zones}; take 1 to {zones}")]
    ZoneCount {
        /// The phase of the quorum.
        phase: Phase,
        /// The requested number of zones.
        asked: usize,
        /// The number of zones.
        zones: usize,
    },
    /// A quorum within a zone has more members than the zone, or none.
    #[error("{phase} quorums with {members} of zone {zone} cannot be formed; take 1 to {}", zone.len())]
    ZoneSize {
        /// The phase of the quorum.
        phase: Phase,
        /// The zone.
        zone: NodeSet,
        /// The requested number of members.
        members: usize,
    },
    /// The quorums count processes that are not acceptors.
    #[error("{strangers} are not acceptors, but a {phase} quorum counts them; count acceptors only")]
    Strangers {
        /// The phase of the quorum.
        phase: Phase,
        /// The processes that are not acceptors.
        strangers: NodeSet,
    },
    /// The phase has no quorum, so nothing can be chosen.
    #[error("not even all acceptors are a {phase} quorum; give this phase at least one")]
    NoQuorum {
        /// The phase without a quorum.
        phase: Phase,
    },
    /// A superset of a quorum is not a quorum.
    #[error("{quorum} is a {phase} quorum and {larger} is not; make every superset of a quorum one")]
    NotClosed {
        /// The phase of the quorum.
        phase: Phase,
        /// A quorum.
        quorum: NodeSet,
        /// A superset of it that is not a quorum.
        larger: NodeSet,
    },
    /// There are too many acceptors to try every set of them.
    #[error(
        "quorums of {acceptors} acceptors cannot be proven by trying every set; take at most {EXHAUSTIVE}, or \
         quorums with a formula: by number, weight, grid or zones"
    )]
    TooMany {
        /// The number of acceptors.
        acceptors: usize,
    },
    /// A phase 1 quorum would not hear of what a phase 2 quorum chose.
    #[error("phase 1 quorum {one} and {phase} quorum {two} share no acceptor; {}", remedy.of(Phase::TwoClassic))]
    Disjoint {
        /// A phase 1 quorum.
        one: NodeSet,
        /// The phase of the other quorum.
        phase: Phase,
        /// A quorum of that phase, disjoint from `one`.
        two: NodeSet,
        /// The remedy.
        remedy: Remedy,
    },
    /// A phase 1 quorum could not tell which of two fast quorums chose a value.
    #[error(
        "phase 1 quorum {one} and fast quorums {a} and {b} share no acceptor; {}", remedy.of(Phase::TwoFast)
    )]
    Ambiguous {
        /// A phase 1 quorum.
        one: NodeSet,
        /// A fast quorum.
        a: NodeSet,
        /// Another fast quorum. The three have no common member.
        b: NodeSet,
        /// The remedy.
        remedy: Remedy,
    },
}

/// The change that makes the quorums intersect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Remedy {
    /// Larger quorums, of this number of acceptors.
    Sizes(usize),
    /// Higher thresholds, of this total weight.
    Weights(u64),
    /// Quorums of more zones, or of more members of each zone.
    Zones,
    /// More members in the quorums.
    Members,
}

impl Remedy {
    fn of(self, phase: Phase) -> String {
        let fast = phase == Phase::TwoFast;
        match self {
            Self::Sizes(n) if fast => format!("make |Q1| + 2|Q2f| exceed {}", 2 * n),
            Self::Sizes(n) => format!("make |Q1| + |Q2| exceed {n}"),
            Self::Weights(all) if fast => {
                format!("make the weight of phase 1 and twice that of fast phase 2 exceed {}", 2 * all)
            }
            Self::Weights(all) => format!("make the weights of phase 1 and phase 2 exceed {all} together"),
            Self::Zones => "make them of more zones, or of more members of each".into(),
            Self::Members => "make them larger until they meet".into(),
        }
    }
}
