//! Quorums given as a list.

use super::places::Places;
use super::{Phase, QuorumError, QuorumSystem, Remedy};
use crate::NodeSet;
use std::sync::Arc;

/// Quorums given as a list: a set is a quorum if it contains a listed set of its phase. The law is proven by trying
/// every pair of listed sets, and for fast ballots every three, for any number of acceptors.
///
/// ```
/// use paxos_core::{NodeId, NodeSet, QuorumError, QuorumSystem, Sets};
///
/// // The seven points and lines of the Fano plane: any two lines share a point.
/// let line = |a: [u16; 3]| a.map(NodeId).into_iter().collect::<NodeSet>();
/// let lines = [[0, 1, 2], [0, 3, 4], [0, 5, 6], [1, 3, 5], [1, 4, 6], [2, 3, 6], [2, 4, 5]].map(line);
/// let fano = Sets::symmetric(NodeSet::first(7), &lines)?;
/// assert!(!fano.has_fast_rounds());
/// # Ok::<(), QuorumError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sets {
    acceptors: NodeSet,
    /// The listed sets of each phase. Without fast sets, there are no fast ballots.
    minimal: [Vec<NodeSet>; 3],
}

impl Sets {
    /// Creates a system with the same quorums for phases 1 and 2.
    ///
    /// # Errors
    /// As [`Sets::new`].
    pub fn symmetric(acceptors: NodeSet, quorums: &[NodeSet]) -> Result<Self, QuorumError> {
        Self::new(acceptors, quorums, quorums, &[])
    }

    /// Creates a system from the quorums of phase 1, phase 2 and fast phase 2; without the last, no fast ballots.
    ///
    /// # Errors
    /// A [`QuorumError`] that names the quorums that break the law, or [`QuorumError::Strangers`] in a quorum.
    pub fn new(
        acceptors: NodeSet,
        one: &[NodeSet],
        two: &[NodeSet],
        fast: &[NodeSet],
    ) -> Result<Self, QuorumError> {
        if acceptors.is_empty() {
            return Err(QuorumError::NoAcceptors);
        }
        for (phase, sets) in Phase::ALL.into_iter().zip([one, two, fast]) {
            let strangers = sets.iter().fold(NodeSet::EMPTY, |all, set| all.union(*set)).without(acceptors);
            if !strangers.is_empty() {
                return Err(QuorumError::Strangers { phase, strangers });
            }
            if sets.is_empty() && phase != Phase::TwoFast {
                return Err(QuorumError::NoQuorum { phase });
            }
        }
        let sets = Self { acceptors, minimal: [one, two, fast].map(minimal) };
        sets.proven()
    }

    fn of(&self, phase: Phase) -> &[NodeSet] {
        &self.minimal[phase as usize]
    }

    fn proven(self) -> Result<Self, QuorumError> {
        let remedy = Remedy::Members;
        for &one in self.of(Phase::One) {
            for phase in [Phase::TwoClassic, Phase::TwoFast] {
                if let Some(two) = self.of(phase).iter().find(|two| two.intersection(one).is_empty()) {
                    return Err(QuorumError::Disjoint { one, phase, two: *two, remedy });
                }
            }
            for &a in self.of(Phase::TwoFast) {
                let common = one.intersection(a);
                if let Some(b) = self.of(Phase::TwoFast).iter().find(|b| b.intersection(common).is_empty()) {
                    return Err(QuorumError::Ambiguous { one, a, b: *b, remedy });
                }
            }
        }
        Ok(self)
    }
}

/// Returns the sets that contain no other set, each once.
fn minimal(sets: &[NodeSet]) -> Vec<NodeSet> {
    let mut sets = sets.to_vec();
    sets.sort_unstable();
    sets.dedup();
    let contains_other = |set: &NodeSet| sets.iter().any(|other| other != set && other.is_subset(*set));
    sets.iter().filter(|set| !contains_other(set)).copied().collect()
}

impl QuorumSystem for Sets {
    fn acceptors(&self) -> NodeSet {
        self.acceptors
    }

    fn is_quorum(&self, phase: Phase, answered: NodeSet) -> bool {
        self.of(phase).iter().any(|quorum| quorum.is_subset(answered))
    }

    /// An acceptor that takes another's place takes its place in the quorums as well.
    fn over(&self, places: &Places) -> Result<Arc<dyn QuorumSystem>, QuorumError> {
        let now = places.renaming("listed quorums", self.acceptors)?;
        let minimal = self.minimal.each_ref().map(|sets| now.sets(sets));
        Ok(Arc::new(Self { acceptors: places.acceptors(), minimal }))
    }

    fn minimal_quorums(&self, phase: Phase) -> Result<Vec<NodeSet>, QuorumError> {
        Ok(self.of(phase).to_vec())
    }
}
