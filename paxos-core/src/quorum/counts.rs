//! Quorums by number.

use super::places::Places;
use super::{Phase, QuorumError, QuorumSystem, Remedy};
use crate::NodeSet;
use std::sync::Arc;

/// Quorums by number: any `q1` acceptors for phase 1, any `q2` for a classic phase 2, any `fast` for a fast one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts {
    acceptors: NodeSet,
    q1: usize,
    q2: usize,
    fast: Option<usize>,
}

impl Counts {
    /// Creates majority quorums for phases 1 and 2, without fast ballots.
    ///
    /// # Errors
    /// [`QuorumError::NoAcceptors`] if there are none.
    pub fn majority(acceptors: NodeSet) -> Result<Self, QuorumError> {
        let q = acceptors.len() / 2 + 1;
        Self::flexible(acceptors, q, q)
    }

    /// Creates majority quorums, with the smallest matching fast quorums (Lamport 2006, §2.2): the smallest `q` with
    /// 2q + (⌊n/2⌋ + 1) > 2n, which is 3, 3, 4, 6 for n = 3, 4, 5, 7.
    ///
    /// # Errors
    /// [`QuorumError::NoAcceptors`] if there are none.
    pub fn fast(acceptors: NodeSet) -> Result<Self, QuorumError> {
        let q = acceptors.len() / 2 + 1;
        let fast = (2 * acceptors.len()).saturating_sub(q) / 2 + 1;
        Self::fast_flexible(acceptors, q, q, fast)
    }

    /// Creates quorums of `q1` for phase 1 and of `q2` for phase 2 (Howard, Malkhi, Spiegelman 2016).
    ///
    /// # Errors
    /// A [`QuorumError`] that names two disjoint quorums unless q1 + q2 > n.
    pub fn flexible(acceptors: NodeSet, q1: usize, q2: usize) -> Result<Self, QuorumError> {
        Self { acceptors, q1, q2, fast: None }.proven()
    }

    /// As [`Counts::flexible`], with fast quorums of `fast` (Howard, Charapko, Mortier 2021).
    ///
    /// # Errors
    /// A [`QuorumError`] that names the quorums that break the law, unless q1 + q2 > n and q1 + 2 fast > 2n.
    pub fn fast_flexible(acceptors: NodeSet, q1: usize, q2: usize, fast: usize) -> Result<Self, QuorumError> {
        Self { acceptors, q1, q2, fast: Some(fast) }.proven()
    }

    /// The size of a quorum of this phase. None where there are no fast ballots.
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
        for phase in Phase::ALL {
            let Some(size) = self.size(phase) else { continue };
            if size == 0 || size > n {
                return Err(QuorumError::Size { phase, size, acceptors: n });
            }
            if phase != Phase::One && self.q1 + size <= n {
                let (one, two) = two_apart(self.acceptors, self.q1, size);
                return Err(QuorumError::Disjoint { one, phase, two, remedy: Remedy::Sizes(n) });
            }
        }
        let Some(fast) = self.fast else { return Ok(self) };
        if self.q1 + 2 * fast <= 2 * n {
            let (one, a, b) = three_apart(self.acceptors, self.q1, fast);
            return Err(QuorumError::Ambiguous { one, a, b, remedy: Remedy::Sizes(n) });
        }
        Ok(self)
    }
}

/// Returns a set of `q1` and a set of `q2` members without a common member, if q1 + q2 ≤ n.
pub(super) fn two_apart(all: NodeSet, q1: usize, q2: usize) -> (NodeSet, NodeSet) {
    (part(all, 0, q1), part(all, all.len() - q2, q2))
}

/// Returns a set of `q1` and two sets of `fast` members without a member common to all three, if q1 + 2 fast ≤ 2n.
pub(super) fn three_apart(all: NodeSet, q1: usize, fast: usize) -> (NodeSet, NodeSet, NodeSet) {
    // The first fast set leaves out the last n − fast members, the second the n − fast before those. Their
    // intersection has at most n − q1 members, so a set of q1 fits outside it.
    let (n, missed) = (all.len(), all.len() - fast);
    let a = part(all, 0, fast);
    let b = all.without(part(all, n.saturating_sub(2 * missed), missed));
    (part(all.without(a.intersection(b)), 0, q1), a, b)
}

/// Returns the `size` members after the first `skip`, by id.
pub(super) fn part(all: NodeSet, skip: usize, size: usize) -> NodeSet {
    all.iter().skip(skip).take(size).collect()
}

impl QuorumSystem for Counts {
    fn acceptors(&self) -> NodeSet {
        self.acceptors
    }

    /// With the same number of acceptors, all sizes stay. Otherwise majorities stay majorities. Other counts keep the
    /// size of phase 2 quorums, which is what each command costs, and take the phase 1 quorums that this requires.
    fn over(&self, places: &Places) -> Result<Arc<dyn QuorumSystem>, QuorumError> {
        let acceptors = places.acceptors();
        let (old, new) = (self.acceptors.len(), acceptors.len());
        if old == new {
            return Ok(Arc::new(Self { acceptors, ..self.clone() }));
        }
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

    fn failures_survived(&self, phase: Phase) -> Result<Option<usize>, QuorumError> {
        Ok(self.size(phase).map(|size| self.acceptors.len() - size))
    }

    /// All acceptors are alike, so each is in a share of `size` / n of the quorums.
    fn load(&self, phase: Phase) -> Result<Option<f64>, QuorumError> {
        Ok(self.size(phase).map(|size| size as f64 / self.acceptors.len() as f64))
    }
}
