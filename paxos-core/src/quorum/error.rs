//! Why a quorum system is refused, by name of the quorums that break the law.

use super::{EXHAUSTIVE, Phase};
use crate::NodeSet;

/// Why a quorum system is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QuorumError {
    /// There is nobody to ask.
    #[error("a quorum system needs at least one acceptor; name one")]
    NoAcceptors,
    /// Quorums that are made for their acceptors.
    #[error("these quorums cannot be formed of other acceptors; implement QuorumSystem::over for them")]
    Fixed,
    /// Quorums whose form fits only so many acceptors.
    #[error("{system} of {from} acceptors cannot be formed of {to}; take exactly {from}")]
    Resized {
        /// What kind of quorums.
        system: &'static str,
        /// How many acceptors they have.
        from: usize,
        /// How many they were to have.
        to: usize,
    },
    /// A quorum larger than the set it is taken from, or of no acceptor.
    #[error("{phase} quorums of {size} cannot be formed from {acceptors} acceptors; take 1 to {acceptors}")]
    Size {
        /// The phase concerned.
        phase: Phase,
        /// The size asked for.
        size: usize,
        /// How many acceptors there are.
        acceptors: usize,
    },
    /// Not one weight for each acceptor.
    #[error("{given} weights for {acceptors} acceptors; give each of them one, by the order of their ids")]
    Weights {
        /// How many weights.
        given: usize,
        /// How many acceptors there are.
        acceptors: usize,
    },
    /// A threshold that everyone's weight together does not reach, or that nobody's weight reaches.
    #[error(
        "{phase} quorums of weight {threshold} cannot be formed from a weight of {total}; take 1 to {total}"
    )]
    Threshold {
        /// The phase concerned.
        phase: Phase,
        /// The weight asked for.
        threshold: u64,
        /// The weight of all acceptors.
        total: u64,
    },
    /// Thresholds too low to be proven by their sum, of too many acceptors to try every set.
    #[error(
        "quorums of weight {one} for phase 1 and {two} for {phase} are not proven to meet; {}",
        Remedy::Weights(*total).of(*phase)
    )]
    Unproven {
        /// The threshold of phase 1.
        one: u64,
        /// The other phase concerned.
        phase: Phase,
        /// Its threshold.
        two: u64,
        /// The weight of all acceptors.
        total: u64,
    },
    /// A grid with too few places, or too many.
    #[error(
        "a grid of {rows} × {columns} does not hold {acceptors} acceptors; make rows × columns {acceptors}"
    )]
    Grid {
        /// How many rows.
        rows: usize,
        /// How many columns.
        columns: usize,
        /// How many acceptors there are.
        acceptors: usize,
    },
    /// Zones that share an acceptor.
    #[error("zones {a} and {b} share an acceptor; put each acceptor into one zone")]
    Overlap {
        /// A zone.
        a: NodeSet,
        /// Another one.
        b: NodeSet,
    },
    /// A quorum of more zones than there are, or of none.
    #[error("{phase} quorums of {asked} zones cannot be formed from {zones}; take 1 to {zones}")]
    ZoneCount {
        /// The phase concerned.
        phase: Phase,
        /// How many zones were asked for.
        asked: usize,
        /// How many zones there are.
        zones: usize,
    },
    /// A quorum within a zone that has too few members for it, or of none.
    #[error("{phase} quorums with {members} of zone {zone} cannot be formed; take 1 to {}", zone.len())]
    ZoneSize {
        /// The phase concerned.
        phase: Phase,
        /// The zone.
        zone: NodeSet,
        /// How many of its members were asked for.
        members: usize,
    },
    /// Quorums that count somebody who is no acceptor.
    #[error("{strangers} are no acceptors, and a {phase} quorum counts them; count acceptors only")]
    Strangers {
        /// The phase concerned.
        phase: Phase,
        /// Who is counted.
        strangers: NodeSet,
    },
    /// Nobody can ever decide.
    #[error("not even all acceptors are a {phase} quorum; give this phase at least one")]
    NoQuorum {
        /// The phase concerned.
        phase: Phase,
    },
    /// A larger set that is no quorum.
    #[error("{quorum} is a {phase} quorum and {larger} is none; make every superset of a quorum one")]
    NotClosed {
        /// The phase concerned.
        phase: Phase,
        /// A quorum.
        quorum: NodeSet,
        /// A superset of it.
        larger: NodeSet,
    },
    /// Too many acceptors to try every set of them.
    #[error(
        "quorums of {acceptors} acceptors cannot be proven by trying every set; take at most {EXHAUSTIVE}, or \
         quorums with a formula: by number, weight, grid or zones"
    )]
    TooMany {
        /// How many acceptors there are.
        acceptors: usize,
    },
    /// A phase 1 quorum that would not hear of what a phase 2 quorum chose.
    #[error("phase 1 quorum {one} and {phase} quorum {two} share no acceptor; {}", remedy.of(Phase::TwoClassic))]
    Disjoint {
        /// A phase 1 quorum.
        one: NodeSet,
        /// The phase concerned.
        phase: Phase,
        /// A quorum of that phase, disjoint from `one`.
        two: NodeSet,
        /// What to do about it.
        remedy: Remedy,
    },
    /// Two fast quorums between whose values a phase 1 quorum could not tell.
    #[error(
        "phase 1 quorum {one} and fast quorums {a} and {b} share no acceptor; {}", remedy.of(Phase::TwoFast)
    )]
    Ambiguous {
        /// A phase 1 quorum.
        one: NodeSet,
        /// A fast quorum.
        a: NodeSet,
        /// Another fast quorum; the three have no common member.
        b: NodeSet,
        /// What to do about it.
        remedy: Remedy,
    },
}

/// What makes quorums meet that do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Remedy {
    /// Larger sizes, of so many acceptors.
    Sizes(usize),
    /// Higher thresholds, of so much weight.
    Weights(u64),
    /// Larger quorums, of more zones or of more members of each.
    Zones,
    /// More members.
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
