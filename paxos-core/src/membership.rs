//! The roles of the processes, and how they change while the log grows.
//!
//! The method is that of *Paxos Made Simple*, §3: the members of slot *s* are a function of what is chosen below *s* −
//! α. A [`Change`] chosen in slot *c* takes effect in slot *c* + α. Consecutive slots with the same members are an
//! [`Epoch`].
//!
//! [`Epochs`] explains why this is safe.
//!
//! Ids of members are never reused. A process that was removed, or that lost its disk, can return only under a new id.
//! What it promised and voted under the old id no longer counts.

mod awaited;
mod change;
mod inadvisable;
mod leaving;
mod stores;
mod table;
#[cfg(test)]
mod tests;

pub use awaited::Awaited;
pub use change::{Change, Reconfiguration};
pub use inadvisable::Inadvisable;
pub use leaving::StillNeeded;
pub use stores::{Amnesia, Former, Incarnation, Start, StoreMark};
pub use table::{EpochRow, EpochTable};

use crate::{NodeId, NodeSet, Overloaded, Places, QuorumSystem, Slot};
use core::hash::{Hash, Hasher};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// The processes of each role.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Membership {
    /// The processes that may propose.
    pub proposers: NodeSet,
    /// The processes that promise and vote.
    pub acceptors: NodeSet,
    /// The processes that learn.
    pub learners: NodeSet,
}

impl Membership {
    /// The processes that may promise or propose after `change`, and could not before. What they said before does not
    /// count, so they may join with any store.
    pub(crate) fn newly_bound(&self, change: &Change) -> NodeSet {
        change.add.servers().without(self.proposers.union(self.acceptors))
    }

    /// Every process with a role.
    pub const fn servers(&self) -> NodeSet {
        self.proposers.union(self.acceptors).union(self.learners)
    }

    /// Returns the union of both, role by role.
    #[must_use]
    pub const fn union(&self, other: &Self) -> Self {
        Self {
            proposers: self.proposers.union(other.proposers),
            acceptors: self.acceptors.union(other.acceptors),
            learners: self.learners.union(other.learners),
        }
    }

    /// Removes some processes from all roles.
    #[must_use]
    pub const fn without(&self, gone: NodeSet) -> Self {
        Self {
            proposers: self.proposers.without(gone),
            acceptors: self.acceptors.without(gone),
            learners: self.learners.without(gone),
        }
    }

    /// Whether a cluster with these members can work, and change again. It needs a proposer and an acceptor, and all
    /// of them must learn, since only a learner knows the members.
    pub const fn is_sound(&self) -> bool {
        !self.proposers.is_empty()
            && !self.acceptors.is_empty()
            && self.proposers.union(self.acceptors).is_subset(self.learners)
    }
}

/// Consecutive slots with the same members.
#[derive(Clone, Debug)]
pub struct Epoch {
    /// The first slot.
    pub from: Slot,
    /// The members.
    pub members: Membership,
    /// The places of its acceptors in the quorum system that the cluster began with.
    pub places: Places,
    /// The quorums of its acceptors.
    pub quorums: Arc<dyn QuorumSystem>,
}

/// The quorums follow from the places.
impl PartialEq for Epoch {
    fn eq(&self, other: &Self) -> bool {
        (self.from, self.members, &self.places) == (other.from, other.members, &other.places)
    }
}

impl Eq for Epoch {}

impl Hash for Epoch {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.from, self.members, &self.places).hash(state);
    }
}

/// The known members of all slots. A change chosen in slot *c* takes effect in slot *c* + α: the α-reconfiguration of
/// *Paxos Made Simple*, §3, and of Lamport, Malkhi and Zhou (*Reconfiguring a State Machine*, 2010).
///
/// This is safe for three reasons:
///
/// 1. Every process computes the members of a slot from the same chosen entries. So all that know the members agree on
///    them, and the slot is an instance of Paxos with one fixed set of acceptors. Whether a change is made follows
///    from these entries as well: [`crate::Replica`] makes it once, if its client's session is alive, as it executes a
///    command.
/// 2. A proposer proposes in slot *s* only if it knows all slots up to *s* − α, hence the members of *s*; only if a
///    phase 1 quorum *of those members* has promised its ballot; and only when all slots of earlier epochs are chosen,
///    so that no phase 1 serves two epochs. A learner counts votes in slot *s* under the same condition.
/// 3. An acceptor that promises in an epoch has everything that was chosen before it on its own disk. So every phase 1
///    quorum of the new members knows the past, and the old members may be turned off forever.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Epochs {
    alpha: u64,
    current: Epoch,
    /// The source of the quorums of all epochs.
    origin: Origin,
    /// Epochs that are chosen and not in force yet.
    coming: VecDeque<Epoch>,
    /// The first slot that is not executed.
    next: Slot,
    /// Grows with each change that is chosen, and with each that takes effect.
    version: u64,
    /// All members that were ever removed.
    retired: NodeSet,
    /// The stores of the members that joined by a change.
    stores: BTreeMap<NodeId, Incarnation>,
}

impl Epochs {
    /// The highest possible version. Each change adds a role or removes a member, and ids are never reused. So 64 ids
    /// with three roles each allow at most 256 changes. Each counts when it is chosen and when it takes effect.
    pub const LAST_VERSION: u64 = 512;

    /// Creates epochs with these members from slot 0 on. A change takes effect `alpha` slots after its own slot.
    pub fn new(alpha: u64, members: Membership, quorums: Arc<dyn QuorumSystem>) -> Self {
        let origin = Origin(quorums.clone());
        let current = Epoch { from: Slot(0), members, places: Places::of(members.acceptors), quorums };
        Self {
            alpha: alpha.max(1),
            current,
            origin,
            coming: VecDeque::new(),
            next: Slot(0),
            version: 0,
            retired: NodeSet::EMPTY,
            stores: BTreeMap::new(),
        }
    }

    /// The number of slots after which a change takes effect.
    pub fn alpha(&self) -> u64 {
        self.alpha
    }

    /// The first slot that is not executed. Every change below it is known.
    pub fn next_slot(&self) -> Slot {
        self.next
    }

    /// The epoch of the first slot that is not executed.
    pub fn current(&self) -> &Epoch {
        &self.current
    }

    /// The last epoch that is chosen.
    pub fn last(&self) -> &Epoch {
        self.coming.back().unwrap_or(&self.current)
    }

    /// The next epoch, if a change is chosen and not in force yet.
    pub fn next(&self) -> Option<&Epoch> {
        self.coming.front()
    }

    /// The current members, and those of all epochs that are chosen.
    pub fn everyone(&self) -> Membership {
        self.coming.iter().fold(self.current.members, |all, epoch| all.union(&epoch.members))
    }

    /// Grows with each change that is chosen, and with each that takes effect.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// All members that were removed by a chosen change.
    pub fn retired(&self) -> NodeSet {
        self.retired
    }

    /// The stores with which members joined, as far as the changes name them.
    pub fn stores(&self) -> &BTreeMap<NodeId, Incarnation> {
        &self.stores
    }

    /// Returns the members that `change` would lead to.
    ///
    /// # Errors
    /// The reason, if the change cannot be made.
    pub fn after(&self, change: &Change) -> Result<Membership, Unchangeable> {
        self.epoch_after(change).map(|epoch| epoch.members)
    }

    /// Returns the epoch that `change` would lead to, wherever it begins.
    pub(crate) fn epoch_after(&self, change: &Change) -> Result<Epoch, Unchangeable> {
        self.changed(Slot(0), change)
    }

    /// Returns the epoch that `change` leads to, if it begins at `from`.
    fn changed(&self, from: Slot, change: &Change) -> Result<Epoch, Unchangeable> {
        if change.add.servers().is_empty() && change.remove.is_empty() {
            return Err(Unchangeable::Nothing);
        }
        let members = change.of(&self.last().members);
        if !change.add.servers().intersection(self.retired.union(change.remove)).is_empty() {
            return Err(Unchangeable::Retired);
        }
        if !members.is_sound() {
            return Err(Unchangeable::Unsound);
        }
        let places = self.last().places.after(members.acceptors);
        let quorums = self.origin.over(&places)?;
        Ok(Epoch { from, members, places, quorums })
    }

    /// Makes a change that is executed in `slot`, if possible. The result depends only on what was chosen before, so
    /// it is the same at every process.
    ///
    /// # Errors
    /// The reason, if the change is not made.
    pub(crate) fn note(&mut self, slot: Slot, new: &Reconfiguration) -> Result<Slot, Unchangeable> {
        let Reconfiguration { change, stores } = new;
        let epoch = self.changed(slot.plus(self.alpha), change)?;
        let from = epoch.from;
        let new = self.last().members.newly_bound(change);
        for (node, store) in stores.iter().filter(|(node, _)| new.contains(**node)) {
            self.stores.entry(*node).or_insert(*store);
        }
        self.retired = self.retired.union(change.remove);
        if epoch.members != self.last().members {
            self.coming.push_back(epoch);
            self.version += 1;
        }
        Ok(from)
    }

    /// Notes that every slot below `next` is executed.
    pub(crate) fn advance(&mut self, next: Slot) {
        self.next = next;
        while self.coming.front().is_some_and(|epoch| epoch.from <= next) {
            self.version += 1;
            self.current = self.coming.pop_front().unwrap_or_else(|| self.current.clone());
        }
    }

    /// The first slot whose members are unknown or different from the current members.
    pub(crate) fn limit(&self) -> Slot {
        let known = self.next.plus(self.alpha);
        self.coming.front().map_or(known, |epoch| epoch.from.min(known))
    }
}

/// The quorum system that the cluster began with. It is part of the configuration, so it is the same at all processes.
#[derive(Clone, Debug)]
struct Origin(Arc<dyn QuorumSystem>);

impl Origin {
    /// Returns quorums of the same kind, with these acceptors in the places.
    fn over(&self, places: &Places) -> Result<Arc<dyn QuorumSystem>, Unchangeable> {
        if *places == Places::of(self.0.acceptors()) {
            return Ok(self.0.clone());
        }
        self.0.over(places).map_err(|_| Unchangeable::Quorums)
    }
}

impl PartialEq for Origin {
    fn eq(&self, _other: &Self) -> bool {
        true
    }
}

impl Eq for Origin {}

impl Hash for Origin {
    fn hash<H: Hasher>(&self, _state: &mut H) {}
}

/// Why a change of members is not made.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Unchangeable {
    /// It adds a process that was removed before.
    #[error("a removed member cannot rejoin: start it with an empty disk under an id that was never used")]
    Retired,
    /// It changes nothing.
    #[error("the change names no process; ids of members are below 64")]
    Nothing,
    /// There would be no proposer or no acceptor, or one of them would not learn.
    #[error("proposers and acceptors are needed, and all of them must learn; add the new members first")]
    Unsound,
    /// The members of this cluster cannot change.
    #[error(
        "the members of this cluster are fixed: they can change only where all proposers and acceptors learn"
    )]
    Fixed,
    /// The quorum system allows no other acceptors.
    #[error("these quorums cannot be formed of other acceptors; implement QuorumSystem::over for them")]
    Quorums,
}

/// Why a change of members is not even proposed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unasked {
    /// The change cannot be made.
    #[error(transparent)]
    Unchangeable(#[from] Unchangeable),
    /// The cluster might not survive the change, or it has been made before.
    #[error(transparent)]
    Inadvisable(#[from] Inadvisable),
    /// Too many commands are unanswered.
    #[error(transparent)]
    Overloaded(#[from] Overloaded),
}
