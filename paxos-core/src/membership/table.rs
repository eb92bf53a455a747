//! The members, as a snapshot holds them.

use super::{Epoch, Epochs, Membership, Unchangeable};
use crate::{Incarnation, NodeId, NodeSet, Places, Slot};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};

/// An [`Epoch`] without its quorums, which follow from the places.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct EpochRow {
    /// The first of its slots.
    pub from: Slot,
    /// The members.
    pub members: Membership,
    /// The places of its acceptors.
    pub places: Places,
}

/// The members from a slot on, as determined by the log below it, to be written to a snapshot.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct EpochTable {
    /// The epoch in force.
    pub current: EpochRow,
    /// The epochs that are chosen and not in force.
    pub coming: Vec<EpochRow>,
    /// [`Epochs::version`].
    pub version: u64,
    /// All members that were removed.
    pub retired: NodeSet,
    /// [`Epochs::stores`].
    pub stores: BTreeMap<NodeId, Incarnation>,
}

impl Epoch {
    fn row(&self) -> EpochRow {
        EpochRow { from: self.from, members: self.members, places: self.places.clone() }
    }
}

impl Epochs {
    /// Returns the table for a snapshot.
    pub fn table(&self) -> EpochTable {
        let coming = self.coming.iter().map(Epoch::row).collect();
        let (current, stores) = (self.current.row(), self.stores.clone());
        EpochTable { current, coming, version: self.version, retired: self.retired, stores }
    }

    /// Takes over a snapshot that covers every slot below `next`, and holds `table`. None: the first members. A table
    /// of a cluster with other quorums changes nothing.
    pub(crate) fn take_over(&mut self, next: Slot, table: Option<&EpochTable>) {
        self.next = next;
        let Some(table) = table else { return };
        let epoch = |row: &EpochRow| {
            let EpochRow { from, members, places } = row.clone();
            if !places.fits(members.acceptors) {
                return Err(Unchangeable::Quorums);
            }
            self.origin.over(&places).map(|quorums| Epoch { from, members, places, quorums })
        };
        let coming: Result<VecDeque<Epoch>, _> = table.coming.iter().map(epoch).collect();
        if let (Ok(current), Ok(coming)) = (epoch(&table.current), coming) {
            (self.current, self.coming) = (current, coming);
            (self.version, self.retired) = (table.version, table.retired);
            self.stores.clone_from(&table.stores);
        }
    }
}
