//! Quorums by weight.

use super::places::Places;
use super::{EXHAUSTIVE, Phase, QuorumError, QuorumSystem, prove};
use crate::NodeSet;
use std::sync::Arc;

/// Quorums by weight: some acceptors count more than others (Gifford 1979). A set is a quorum of a phase if the
/// weights of its members add up to at least the phase's threshold.
///
/// The law holds where t1 + t2 > W and t1 + 2 tf > 2W, where W is the weight of all acceptors. With heavy acceptors it
/// may hold for lower thresholds: for at most [`EXHAUSTIVE`] acceptors, every set is then tried.
///
/// ```
/// use paxos_core::{NodeSet, Phase, QuorumError, QuorumSystem, Weighted};
///
/// // n0 with one other, or the three others.
/// let quorums = Weighted::majority(NodeSet::first(4), &[2, 1, 1, 1])?;
/// assert_eq!(quorums.minimal_quorums(Phase::One)?.len(), 4);
/// # Ok::<(), QuorumError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Weighted {
    acceptors: NodeSet,
    /// Indexed by the number of the node.
    weights: Vec<u32>,
    one: u64,
    two: u64,
    fast: Option<u64>,
}

impl Weighted {
    /// Creates quorums of more than half of the weight for phases 1 and 2, and fast quorums with the lowest matching
    /// threshold: the smallest t with 2t + (⌊W/2⌋ + 1) > 2W. The weights belong to the acceptors by id.
    ///
    /// # Errors
    /// [`QuorumError::Weights`] unless each acceptor has a weight, [`QuorumError::Threshold`] if all weights are 0.
    pub fn majority(acceptors: NodeSet, weights: &[u32]) -> Result<Self, QuorumError> {
        let total: u64 = weights.iter().map(|weight| u64::from(*weight)).sum();
        let half = total / 2 + 1;
        Self::fast_flexible(acceptors, weights, half, half, (2 * total).saturating_sub(half) / 2 + 1)
    }

    /// Creates quorums of weight `one` for phase 1 and of weight `two` for phase 2, without fast ballots.
    ///
    /// # Errors
    /// A [`QuorumError`] that names two disjoint quorums, if there are any.
    pub fn flexible(acceptors: NodeSet, weights: &[u32], one: u64, two: u64) -> Result<Self, QuorumError> {
        Self::new(acceptors, weights, one, two, None)?.proven()
    }

    /// As [`Weighted::flexible`], with fast quorums of weight `fast`.
    ///
    /// # Errors
    /// A [`QuorumError`] that names the quorums that break the law, if there are any.
    pub fn fast_flexible(
        acceptors: NodeSet,
        weights: &[u32],
        one: u64,
        two: u64,
        fast: u64,
    ) -> Result<Self, QuorumError> {
        Self::new(acceptors, weights, one, two, Some(fast))?.proven()
    }

    /// The threshold of a phase. None where there are no fast ballots.
    pub fn threshold(&self, phase: Phase) -> Option<u64> {
        match phase {
            Phase::One => Some(self.one),
            Phase::TwoClassic => Some(self.two),
            Phase::TwoFast => self.fast,
        }
    }

    /// The weight of a set. Processes that are not acceptors have none.
    pub fn weight(&self, set: NodeSet) -> u64 {
        let weights = set.intersection(self.acceptors).iter();
        weights.map(|node| u64::from(self.weights[usize::from(node.0)])).sum()
    }

    fn new(
        acceptors: NodeSet,
        weights: &[u32],
        one: u64,
        two: u64,
        fast: Option<u64>,
    ) -> Result<Self, QuorumError> {
        if acceptors.is_empty() {
            return Err(QuorumError::NoAcceptors);
        }
        if acceptors.len() != weights.len() {
            return Err(QuorumError::Weights { given: weights.len(), acceptors: acceptors.len() });
        }
        let mut by_node = vec![0; usize::from(NodeSet::CAPACITY)];
        for (node, weight) in acceptors.iter().zip(weights) {
            by_node[usize::from(node.0)] = *weight;
        }
        Ok(Self { acceptors, weights: by_node, one, two, fast })
    }

    fn proven(self) -> Result<Self, QuorumError> {
        let total = self.weight(self.acceptors);
        for phase in Phase::ALL {
            let Some(threshold) = self.threshold(phase) else { continue };
            if threshold == 0 || threshold > total {
                return Err(QuorumError::Threshold { phase, threshold, total });
            }
        }
        let Some(phase) = self.unproven(total) else { return Ok(self) };
        if self.acceptors.len() <= EXHAUSTIVE {
            return prove(&self).map(|()| self);
        }
        let two = self.threshold(phase).unwrap_or_default();
        Err(QuorumError::Unproven { one: self.one, phase, two, total })
    }

    /// Returns a phase whose law does not follow from the thresholds alone. Two sets without a common member have at
    /// most weight W together, and three sets without a member common to all three at most 2W.
    fn unproven(&self, total: u64) -> Option<Phase> {
        let met = |two: u64| self.one.saturating_add(two) > total;
        let told_apart = |fast: u64| self.one.saturating_add(fast).saturating_add(fast) > 2 * total;
        if !met(self.two) {
            return Some(Phase::TwoClassic);
        }
        self.fast.filter(|fast| !told_apart(*fast)).map(|_| Phase::TwoFast)
    }
}

impl QuorumSystem for Weighted {
    fn acceptors(&self) -> NodeSet {
        self.acceptors
    }

    fn is_quorum(&self, phase: Phase, answered: NodeSet) -> bool {
        self.threshold(phase).is_some_and(|threshold| self.weight(answered) >= threshold)
    }

    /// An acceptor that takes another's place takes its weight.
    fn over(&self, places: &Places) -> Result<Arc<dyn QuorumSystem>, QuorumError> {
        let now = places.renaming("weighted quorums", self.acceptors)?;
        let mut weights = vec![0; usize::from(NodeSet::CAPACITY)];
        for node in self.acceptors.iter() {
            weights[usize::from(now.node(node).0)] = self.weights[usize::from(node.0)];
        }
        Ok(Arc::new(Self { acceptors: places.acceptors(), weights, ..self.clone() }))
    }

    /// The heaviest acceptors fail first.
    fn failures_survived(&self, phase: Phase) -> Result<Option<usize>, QuorumError> {
        let Some(threshold) = self.threshold(phase) else { return Ok(None) };
        let mut weights: Vec<u64> =
            self.acceptors.iter().map(|node| self.weight(NodeSet::only(node))).collect();
        weights.sort_unstable_by(|a, b| b.cmp(a));
        let mut left = self.weight(self.acceptors);
        let survived = weights.iter().take_while(|weight| {
            left -= **weight;
            left >= threshold
        });
        Ok(Some(survived.count()))
    }
}
