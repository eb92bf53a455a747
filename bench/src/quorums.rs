//! Quorum systems by name, as the command line gives them.

use paxos_core::{Counts, NodeSet, Phase, QuorumError};
use std::fmt;
use std::str::FromStr;

/// A quorum system for any number of acceptors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum QuorumChoice {
    /// Majorities, and the fast quorums that go with them.
    #[default]
    Majority,
    /// Phase 1 and phase 2 quorums of these sizes.
    Flexible(usize, usize),
    /// And fast quorums of the third size.
    FastFlexible(usize, usize, usize),
}

impl QuorumChoice {
    /// The system over these acceptors.
    ///
    /// # Errors
    /// [`QuorumError`] if such quorums would not intersect as they must.
    pub fn over(self, acceptors: NodeSet) -> Result<Counts, QuorumError> {
        match self {
            Self::Majority => Counts::fast(acceptors),
            Self::Flexible(q1, q2) => Counts::flexible(acceptors, q1, q2),
            Self::FastFlexible(q1, q2, fast) => Counts::fast_flexible(acceptors, q1, q2, fast),
        }
    }

    /// Its name with the sizes it has over `n` acceptors, of the phases that `fast` variants use or others.
    pub fn name(self, n: usize, fast: bool) -> String {
        let Ok(counts) = self.over(NodeSet::first(n as u16)) else { return self.to_string() };
        let size = |phase| counts.size(phase).map_or("-".into(), |size| size.to_string());
        match self {
            Self::Majority if fast => format!("fast:{},{}", size(Phase::One), size(Phase::TwoFast)),
            Self::Majority => format!("majority:{}", size(Phase::One)),
            Self::Flexible(..) | Self::FastFlexible(..) => self.to_string(),
        }
    }
}

impl fmt::Display for QuorumChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Majority => f.write_str("majority"),
            Self::Flexible(q1, q2) => write!(f, "flexible:{q1},{q2}"),
            Self::FastFlexible(q1, q2, fast) => write!(f, "fast-flexible:{q1},{q2},{fast}"),
        }
    }
}

/// A quorum system that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "no quorum system is called `{0}`; write majority, flexible:Q1,Q2 or fast-flexible:Q1,Q2,FAST with sizes"
)]
pub struct UnknownQuorum(String);

impl FromStr for QuorumChoice {
    type Err = UnknownQuorum;

    fn from_str(text: &str) -> Result<Self, UnknownQuorum> {
        let unknown = || UnknownQuorum(text.to_owned());
        let (name, sizes) = text.split_once(':').unwrap_or((text, ""));
        let sizes: Vec<usize> = sizes
            .split(',')
            .filter(|size| !size.is_empty())
            .map(|size| size.trim().parse().map_err(|_| unknown()))
            .collect::<Result<_, _>>()?;
        match (name, sizes[..].as_ref()) {
            ("majority", []) => Ok(Self::Majority),
            ("flexible", [q1, q2]) => Ok(Self::Flexible(*q1, *q2)),
            ("fast-flexible", [q1, q2, fast]) => Ok(Self::FastFlexible(*q1, *q2, *fast)),
            _ => Err(unknown()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_reads_as_it_is_written() {
        for text in ["majority", "flexible:4,2", "fast-flexible:9,3,7"] {
            assert_eq!(text.parse::<QuorumChoice>().map(|q| q.to_string()), Ok(text.to_owned()));
        }
        for text in ["", "flexible", "flexible:1", "flexible:a,b", "majority:3", "flexible:-1,3"] {
            assert!(text.parse::<QuorumChoice>().is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_that_cannot_intersect_are_refused_by_name() {
        let refused = QuorumChoice::Flexible(2, 2).over(NodeSet::first(5)).expect_err("disjoint");
        assert!(refused.to_string().contains("{n0, n1}"), "{refused}");
    }
}
