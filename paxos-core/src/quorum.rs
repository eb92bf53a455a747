//! Quorum systems: which sets of acceptors decide, and the proof that they may.

use crate::{NodeId, NodeSet};
use core::fmt::{self, Debug};
use std::sync::Arc;

/// What a quorum is needed for.
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
    /// The phase in which votes of such a ballot are counted.
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

/// Which sets of acceptors are quorums.
///
/// The law, to be proven by the constructor: every phase 1 quorum shares an acceptor with every phase 2 quorum
/// (Howard, Malkhi, Spiegelman 2016, §3), and with the common part of every two fast phase 2 quorums (Howard,
/// Charapko, Mortier 2021, §3; Lamport's *Fast Quorum Requirement* relaxed). A superset of a quorum is a quorum.
///
/// ```
/// use paxos_core::{NodeSet, Phase, QuorumSystem};
///
/// /// Acceptor 0 alone decides; the others only listen. Any two quorums share acceptor 0.
/// #[derive(Debug)]
/// struct Dictator(NodeSet);
/// impl QuorumSystem for Dictator {
///     fn acceptors(&self) -> NodeSet { self.0 }
///     fn is_quorum(&self, phase: Phase, answered: NodeSet) -> bool {
///         phase != Phase::TwoFast && answered.contains(paxos_core::NodeId(0))
///     }
/// }
/// assert!(!Dictator(NodeSet::first(3)).has_fast_rounds());
/// ```
pub trait QuorumSystem: Debug + Send + Sync {
    /// The acceptors, the only processes whose answers count.
    fn acceptors(&self) -> NodeSet;

    /// Whether `answered` contains a quorum; members that are no acceptors do not count.
    fn is_quorum(&self, phase: Phase, answered: NodeSet) -> bool;

    /// The same kind of quorums over other acceptors, for a change of members. All processes compute it, and must
    /// come to the same.
    ///
    /// # Errors
    /// If there are none; by default always.
    fn over(&self, _acceptors: NodeSet) -> Result<Arc<dyn QuorumSystem>, QuorumError> {
        Err(QuorumError::Fixed)
    }

    /// Whether fast ballots may be used at all.
    fn has_fast_rounds(&self) -> bool {
        self.is_quorum(Phase::TwoFast, self.acceptors())
    }

    /// Whether a value that `voted` voted for in the highest ballot reported, of kind `phase`, may have been or
    /// may yet be chosen there, when exactly the acceptors `promised` have answered phase 1: some quorum's
    /// intersection with `promised` all voted for it (Lamport 2006, §2.2, observation O4, for any quorum system).
    ///
    /// Quorums being closed upwards, that is to ask if those who voted for it and those who were not heard
    /// contain a quorum.
    fn may_be_chosen(&self, phase: Phase, promised: NodeSet, voted: NodeSet) -> bool {
        let unheard = self.acceptors().without(promised);
        self.is_quorum(phase, voted.intersection(promised).union(unheard))
    }

    /// A smallest-by-inclusion quorum, with `prefer` in it if possible: whom a thrifty proposer asks.
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
}

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
    /// A phase 1 quorum that would not hear of what a phase 2 quorum chose.
    #[error(
        "phase 1 quorum {one} and {phase} quorum {two} share no acceptor; make |Q1| + |Q2| exceed {acceptors}"
    )]
    Disjoint {
        /// A phase 1 quorum.
        one: NodeSet,
        /// The phase concerned.
        phase: Phase,
        /// A quorum of that phase, disjoint from `one`.
        two: NodeSet,
        /// How many acceptors there are.
        acceptors: usize,
    },
    /// Two fast quorums between whose values a phase 1 quorum could not tell.
    #[error(
        "phase 1 quorum {one} and fast quorums {a} and {b} share no acceptor; make |Q1| + 2|Q2f| exceed {needed}"
    )]
    Ambiguous {
        /// A phase 1 quorum.
        one: NodeSet,
        /// A fast quorum.
        a: NodeSet,
        /// Another fast quorum; the three have no common member.
        b: NodeSet,
        /// Twice the number of acceptors.
        needed: usize,
    },
}

/// Quorums by number: any `q1` acceptors promise, any `q2` vote in a classic ballot, any `fast` in a fast one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts {
    acceptors: NodeSet,
    q1: usize,
    q2: usize,
    fast: Option<usize>,
}

impl Counts {
    /// More than half for either phase, no fast ballots.
    ///
    /// # Errors
    /// [`QuorumError::NoAcceptors`] if there are none.
    pub fn majority(acceptors: NodeSet) -> Result<Self, QuorumError> {
        let q = acceptors.len() / 2 + 1;
        Self::flexible(acceptors, q, q)
    }

    /// Majorities, and the smallest fast quorums that go with them (Lamport 2006, §2.2): the smallest `q` with
    /// 2q + (⌊n/2⌋ + 1) > 2n, for n = 3, 4, 5, 7: 3, 3, 4, 6.
    ///
    /// # Errors
    /// [`QuorumError::NoAcceptors`] if there are none.
    pub fn fast(acceptors: NodeSet) -> Result<Self, QuorumError> {
        let q = acceptors.len() / 2 + 1;
        let fast = (2 * acceptors.len()).saturating_sub(q) / 2 + 1;
        Self::fast_flexible(acceptors, q, q, fast)
    }

    /// Quorums of `q1` for phase 1 and of `q2` for phase 2 (Howard, Malkhi, Spiegelman 2016).
    ///
    /// # Errors
    /// A [`QuorumError`] that names two disjoint quorums unless q1 + q2 > n.
    pub fn flexible(acceptors: NodeSet, q1: usize, q2: usize) -> Result<Self, QuorumError> {
        Self { acceptors, q1, q2, fast: None }.proven()
    }

    /// As [`Counts::flexible`], with fast quorums of `fast` (Howard, Charapko, Mortier 2021).
    ///
    /// # Errors
    /// A [`QuorumError`] that names the violating quorums unless q1 + q2 > n and q1 + 2 fast > 2n.
    pub fn fast_flexible(acceptors: NodeSet, q1: usize, q2: usize, fast: usize) -> Result<Self, QuorumError> {
        Self { acceptors, q1, q2, fast: Some(fast) }.proven()
    }

    /// How many acceptors a quorum of this phase has, none where there are no fast ballots.
    pub fn size(&self, phase: Phase) -> Option<usize> {
        match phase {
            Phase::One => Some(self.q1),
            Phase::TwoClassic => Some(self.q2),
            Phase::TwoFast => self.fast,
        }
    }

    fn proven(self) -> Result<Self, QuorumError> {
        let n = self.acceptors.len();
        if n == 0 {
            return Err(QuorumError::NoAcceptors);
        }
        for phase in [Phase::One, Phase::TwoClassic, Phase::TwoFast] {
            let Some(size) = self.size(phase) else { continue };
            if size == 0 || size > n {
                return Err(QuorumError::Size { phase, size, acceptors: n });
            }
            if phase != Phase::One && self.q1 + size <= n {
                let (one, two) = (self.take(0, self.q1), self.take(n - size, size));
                return Err(QuorumError::Disjoint { one, phase, two, acceptors: n });
            }
        }
        let Some(fast) = self.fast else { return Ok(self) };
        if self.q1 + 2 * fast <= 2 * n {
            // The first quorum misses the last n − fast acceptors, the second the n − fast before those; what
            // both contain is at most n − q1, so a phase 1 quorum fits outside.
            let missed = n - fast;
            let a = self.take(0, fast);
            let b = self.acceptors.without(self.take(n.saturating_sub(2 * missed), missed));
            let one_of = self.acceptors.without(a.intersection(b));
            let one = one_of.iter().take(self.q1).collect();
            return Err(QuorumError::Ambiguous { one, a, b, needed: 2 * n });
        }
        Ok(self)
    }

    fn take(&self, skip: usize, size: usize) -> NodeSet {
        self.acceptors.iter().skip(skip).take(size).collect()
    }
}

impl QuorumSystem for Counts {
    fn acceptors(&self) -> NodeSet {
        self.acceptors
    }

    /// Majorities stay majorities. Other counts keep the size of phase 2 quorums, which is what each command
    /// costs, and phase 1 quorums are as large as that requires.
    fn over(&self, acceptors: NodeSet) -> Result<Arc<dyn QuorumSystem>, QuorumError> {
        let (old, new) = (self.acceptors.len(), acceptors.len());
        let majority = self.q1 == self.q2 && self.q2 == old / 2 + 1;
        let q2 = if majority { new / 2 + 1 } else { self.q2.min(new) };
        let q1 = if majority { q2 } else { (new + 1).saturating_sub(q2) };
        let fast = self.fast.map(|_| (2 * new).saturating_sub(q1) / 2 + 1);
        Ok(Arc::new(Self { acceptors, q1, q2, fast }.proven()?))
    }

    #[inline]
    fn is_quorum(&self, phase: Phase, answered: NodeSet) -> bool {
        self.size(phase).is_some_and(|size| answered.intersection(self.acceptors).len() >= size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subsets(n: u16) -> impl Iterator<Item = NodeSet> {
        (0..1_u32 << n).map(move |bits| (0..n).filter(|i| bits >> i & 1 == 1).map(NodeId).collect())
    }

    /// Whether the law holds, by trying every subset.
    fn lawful(q: &Counts, n: u16) -> bool {
        let of = |phase| subsets(n).filter(|s| q.is_quorum(phase, *s)).collect::<Vec<_>>();
        let (one, two, fast) = (of(Phase::One), of(Phase::TwoClassic), of(Phase::TwoFast));
        one.iter().all(|a| two.iter().all(|b| !a.intersection(*b).is_empty()))
            && fast.iter().all(|a| {
                fast.iter().all(|b| one.iter().all(|c| !a.intersection(*b).intersection(*c).is_empty()))
            })
    }

    #[test]
    fn exactly_the_lawful_counts_are_accepted() {
        for n in 1..=5_u16 {
            let set = NodeSet::first(n);
            for (q1, q2, fast) in
                (1..=n).flat_map(|a| (1..=n).flat_map(move |b| (1..=n).map(move |c| (a, b, c))))
            {
                let (q1, q2, fast) = (usize::from(q1), usize::from(q2), usize::from(fast));
                let unproven = Counts { acceptors: set, q1, q2, fast: Some(fast) };
                let built = Counts::fast_flexible(set, q1, q2, fast);
                assert_eq!(built.is_ok(), lawful(&unproven, n), "{unproven:?}: {built:?}");
                match built {
                    Err(QuorumError::Disjoint { one, phase, two, .. }) => {
                        assert!(unproven.is_quorum(Phase::One, one) && unproven.is_quorum(phase, two));
                        assert!(one.intersection(two).is_empty());
                    }
                    Err(QuorumError::Ambiguous { one, a, b, .. }) => {
                        assert!(unproven.is_quorum(Phase::One, one), "{unproven:?} {one}");
                        assert!(
                            unproven.is_quorum(Phase::TwoFast, a) && unproven.is_quorum(Phase::TwoFast, b)
                        );
                        assert!(one.intersection(a).intersection(b).is_empty());
                    }
                    other => assert!(other.is_ok()),
                }
            }
        }
    }

    #[test]
    fn fast_quorums_have_the_sizes_of_the_paper() {
        let sizes = [3_u16, 4, 5, 6, 7, 8, 9, 11].map(|n| {
            Counts::fast(NodeSet::first(n)).expect("lawful").size(Phase::TwoFast).expect("fast rounds")
        });
        assert_eq!(sizes, [3, 3, 4, 5, 6, 6, 7, 9]);
        assert!((1..=32).all(|n| Counts::fast(NodeSet::first(n)).is_ok()));
    }

    #[test]
    fn three_of_five_is_no_fast_quorum() {
        let refused = Counts::fast_flexible(NodeSet::first(5), 3, 3, 3).expect_err("unlawful");
        assert_eq!(
            refused.to_string(),
            "phase 1 quorum {n1, n2, n3} and fast quorums {n0, n1, n2} and {n0, n3, n4} share no acceptor; make |Q1| + 2|Q2f| exceed 10"
        );
    }

    #[test]
    fn what_may_be_chosen_is_counted_as_the_paper_counts() {
        // Lamport's rule in numbers: votes ≥ |Q| + qf − n.
        for n in 1..=7_u16 {
            let set = NodeSet::first(n);
            let q = Counts::fast(set).expect("lawful");
            let fast = q.size(Phase::TwoFast).expect("fast rounds");
            for promised in subsets(n).filter(|s| q.is_quorum(Phase::One, *s)) {
                for voted in subsets(n).filter(|s| s.is_subset(promised)) {
                    let counted = voted.len() + usize::from(n) >= promised.len() + fast;
                    assert_eq!(q.may_be_chosen(Phase::TwoFast, promised, voted), counted);
                }
            }
        }
    }

    #[test]
    fn strangers_are_not_counted() {
        let q = Counts::majority(NodeSet::first(3)).expect("lawful");
        let strangers: NodeSet = [0, 7, 8, 9].map(NodeId).into_iter().collect();
        assert!(!q.is_quorum(Phase::One, strangers));
        assert_eq!(q.minimal_quorum(Phase::One, NodeId(2)), [2, 0].map(NodeId).into_iter().collect());
    }
}
