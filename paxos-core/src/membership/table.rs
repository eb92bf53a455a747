//! The members as a snapshot carries them.

use super::{Epoch, Epochs, Membership, Unchangeable};
use crate::{NodeSet, Places, Slot};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// An [`Epoch`] without its quorums, which follow from the places.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct EpochRow {
    /// The first of its slots.
    pub from: Slot,
    /// The members.
    pub members: Membership,
    /// Which of its acceptors has which place.
    pub places: Places,
}

/// The members from some slot on, as far as the log below tells, to be written down.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct EpochTable {
    /// Those in force.
    pub current: EpochRow,
    /// Those agreed on and not in force.
    pub coming: Vec<EpochRow>,
    /// [`Epochs::version`].
    pub version: u64,
    /// Who was removed.
    pub retired: NodeSet,
}

impl Epoch {
    fn row(&self) -> EpochRow {
        EpochRow { from: self.from, members: self.members, places: self.places.clone() }
    }
}

impl Epochs {
    /// What a snapshot carries of them.
    pub fn table(&self) -> EpochTable {
        let coming = self.coming.iter().map(Epoch::row).collect();
        EpochTable { current: self.current.row(), coming, version: self.version, retired: self.retired }
    }

    /// A snapshot stands for every slot below `next`, and carried this; none: the first members. One of a cluster with
    /// other quorums changes nothing.
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
        }
    }
}
