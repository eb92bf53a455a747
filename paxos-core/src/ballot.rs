//! Ballots: the numbered attempts to get a value chosen ("rounds" in the Fast Paxos paper).

use crate::NodeId;
use core::cmp::Ordering;
use core::fmt;
use serde::{Deserialize, Serialize};

/// One attempt, classic or fast, owned by one proposer.
///
/// Ballots are ordered by their fields in the order written. All ballots of one `(round, owner)` form a *term*;
/// its `step`s follow one another with no foreign ballot in between. That adjacency is what allows a phase 2b of
/// one step to be read as a phase 1b of the next (Lamport, *Fast Paxos*, §3.2: coordinated recovery goes from
/// round *i* to round *i*+1 of the same coordinator), and one phase 1 to serve every step of its term.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Ballot {
    /// The term's number; 0 only in [`Ballot::ZERO`].
    pub round: u64,
    /// The only proposer that may use this ballot.
    pub owner: NodeId,
    /// Position within the term, from 0.
    pub step: u8,
    /// Whether acceptors may vote for values that come from clients directly.
    pub fast: bool,
}

impl Ballot {
    /// Below every ballot in use: nothing promised, nothing voted.
    pub const ZERO: Self = Self { round: 0, owner: NodeId(0), step: 0, fast: false };

    /// The first, classic ballot of a term.
    pub const fn classic(round: u64, owner: NodeId) -> Self {
        Self { round, owner, step: 0, fast: false }
    }

    /// The ballot with which `owner` starts a term above this one, or `None` if the rounds are used up
    /// (only a faulty peer gets there).
    #[must_use]
    pub fn next_term(self, owner: NodeId) -> Option<Self> {
        Some(Self::classic(self.round.checked_add(1)?, owner))
    }

    /// The next step of the same term, or `None` after 255 of them.
    #[must_use]
    pub fn next_step(self, fast: bool) -> Option<Self> {
        Some(Self { step: self.step.checked_add(1)?, fast, ..self })
    }

    /// Whether both belong to one term, that is, to one phase 1 of one proposer.
    pub fn same_term(self, other: Self) -> bool {
        self.round == other.round && self.owner == other.owner
    }

    /// Whether `self` is the step that directly follows `other`: no ballot lies between them.
    pub fn directly_follows(self, other: Self) -> bool {
        self.same_term(other) && Some(self.step) == other.step.checked_add(1)
    }

    /// Owner, step and kind as one number that orders as they do.
    #[inline]
    fn within_round(self) -> u32 {
        (u32::from(self.owner.0) << 16) | (u32::from(self.step) << 8) | u32::from(self.fast)
    }

    /// One integer that orders all ballots of a run as `Ord` does, for traces: `round · 2²⁴ + owner · 2⁸ + step`.
    pub fn number(self) -> u64 {
        (self.round << 24) | (u64::from(self.owner.0) << 8) | u64::from(self.step)
    }
}

impl Ord for Ballot {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        self.round.cmp(&other.round).then_with(|| self.within_round().cmp(&other.within_round()))
    }
}

impl PartialOrd for Ballot {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Ballot {
    /// `2.n1` is the classic ballot that opens term 2 of n1, `2.n1+1f` its first step, a fast one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.round, self.owner)?;
        if self.step > 0 {
            write!(f, "+{}", self.step)?;
        }
        if self.fast { f.write_str("f") } else { Ok(()) }
    }
}

impl fmt::Debug for Ballot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_lies_between_two_steps_of_a_term() {
        let one = Ballot::classic(3, NodeId(1));
        let two = one.next_step(true).expect("a step");
        assert!(two.directly_follows(one) && !one.directly_follows(two));
        for other in
            [Ballot::classic(3, NodeId(0)), Ballot::classic(3, NodeId(2)), Ballot::classic(4, NodeId(0))]
        {
            assert!(!(one < other && other < two), "{other}");
        }
    }

    #[test]
    fn the_number_orders_as_the_ballot_does() {
        let first = Ballot::classic(1, NodeId(4));
        let all =
            [Ballot::ZERO, first, first.next_step(true).expect("a step"), Ballot::classic(2, NodeId(0))];
        assert!(all.windows(2).all(|w| w[0] < w[1] && w[0].number() < w[1].number()));
    }

    #[test]
    fn a_term_above_every_round_does_not_exist() {
        assert_eq!(Ballot::classic(u64::MAX, NodeId(0)).next_term(NodeId(1)), None);
    }
}
