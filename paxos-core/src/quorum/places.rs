//! Members replaced one for one: who takes whose place.

use super::QuorumError;
use crate::{NodeId, NodeSet};

/// Who takes whose place when the acceptors change. Those who stay keep theirs; the newcomers take the places of
/// those who leave, both by id. Renamed so, quorums meet as before.
pub(super) struct Places {
    leaving: Vec<NodeId>,
    coming: Vec<NodeId>,
}

impl Places {
    /// From `old` to `new` acceptors.
    ///
    /// # Errors
    /// [`QuorumError::Resized`] if there are more or fewer of them.
    pub(super) fn new(system: &'static str, old: NodeSet, new: NodeSet) -> Result<Self, QuorumError> {
        if old.len() != new.len() {
            return Err(QuorumError::Resized { system, from: old.len(), to: new.len() });
        }
        let only = |a: NodeSet, b: NodeSet| a.without(b).iter().collect();
        Ok(Self { leaving: only(old, new), coming: only(new, old) })
    }

    /// Who has the place of `node` now.
    pub(super) fn node(&self, node: NodeId) -> NodeId {
        let place = self.leaving.iter().position(|gone| *gone == node);
        place.map_or(node, |place| self.coming[place])
    }

    /// Who has the places of `set` now.
    pub(super) fn set(&self, set: NodeSet) -> NodeSet {
        set.iter().map(|node| self.node(node)).collect()
    }

    /// Who has the places of each of `sets` now.
    pub(super) fn sets(&self, sets: &[NodeSet]) -> Vec<NodeSet> {
        sets.iter().map(|set| self.set(*set)).collect()
    }
}
