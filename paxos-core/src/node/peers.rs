//! How far other processes are, as each says itself.

use crate::{NodeId, NodeSet, Slot};
use std::collections::BTreeMap;

/// What each process that may be a member said last. At most [`NodeSet::CAPACITY`] of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Peers(BTreeMap<NodeId, Slot>);

impl Peers {
    /// `from` has everything below `durable` on its disk.
    pub(super) fn heard(&mut self, from: NodeId, durable: Slot) {
        if from.0 < NodeSet::CAPACITY {
            self.0.insert(from, durable);
        }
    }

    /// Who has everything below `slot` on its disk.
    pub(super) fn durable(&self, slot: Slot) -> NodeSet {
        self.0.iter().filter(|(_, durable)| **durable >= slot).map(|(node, _)| *node).collect()
    }
}
