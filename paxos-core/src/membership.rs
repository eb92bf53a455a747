//! Who plays which role, and how that changes while the log goes on.
//!
//! The method is that of *Paxos Made Simple*, §3: the members of slot *s* are a function of what is chosen below
//! *s* − α. A [`Change`] chosen in slot *c* takes effect in slot *c* + α. Stretches of slots with the same members
//! are [`Epoch`]s.
//!
//! [`Epochs`] says why that is safe.
//!
//! Members are named by ids that never come back: one that was removed, or lost its disk, can only return under a
//! new id. What it promised and voted under the old one is counted nowhere any more.

mod inadvisable;
mod leaving;
mod stores;
mod table;
#[cfg(test)]
mod tests;

pub use inadvisable::Inadvisable;
pub use leaving::StillNeeded;
pub use stores::{Amnesia, StoreLife, StoreMark};
pub use table::{EpochRow, EpochTable};

use crate::{NodeId, NodeSet, Overloaded, Places, QuorumSystem, Slot};
use core::fmt;
use core::hash::{Hash, Hasher};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::Arc;

/// Who plays which role.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Membership {
    /// Who may propose.
    pub proposers: NodeSet,
    /// Who promises and votes.
    pub acceptors: NodeSet,
    /// Who learns.
    pub learners: NodeSet,
}

impl Membership {
    /// Everyone with a role.
    pub const fn servers(&self) -> NodeSet {
        self.proposers.union(self.acceptors).union(self.learners)
    }

    /// Both together.
    #[must_use]
    pub const fn union(&self, other: &Self) -> Self {
        Self {
            proposers: self.proposers.union(other.proposers),
            acceptors: self.acceptors.union(other.acceptors),
            learners: self.learners.union(other.learners),
        }
    }

    /// Without some processes, in whatever role.
    #[must_use]
    pub const fn without(&self, gone: NodeSet) -> Self {
        Self {
            proposers: self.proposers.without(gone),
            acceptors: self.acceptors.without(gone),
            learners: self.learners.without(gone),
        }
    }

    /// Whether a cluster with these members can go on, and change again: somebody proposes, somebody votes, and
    /// everyone learns, since only a learner knows who the members are.
    pub const fn is_sound(&self) -> bool {
        !self.proposers.is_empty()
            && !self.acceptors.is_empty()
            && self.proposers.union(self.acceptors).is_subset(self.learners)
    }
}

/// A change of members, to be agreed on like a command.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Change {
    /// These get the roles named, besides those they have.
    pub add: Membership,
    /// These lose all roles, for ever: their ids are not used again.
    pub remove: NodeSet,
}

impl Change {
    /// Adds a server that proposes, votes and learns.
    pub const fn add(server: NodeId) -> Self {
        let only = NodeSet::only(server);
        let add = Membership { proposers: only, acceptors: only, learners: only };
        Self { add, remove: NodeSet::EMPTY }
    }

    /// Adds a process that only learns, for reads and for availability of data.
    pub const fn add_learner(learner: NodeId) -> Self {
        let learners = NodeSet::only(learner);
        let add = Membership { proposers: NodeSet::EMPTY, acceptors: NodeSet::EMPTY, learners };
        Self { add, remove: NodeSet::EMPTY }
    }

    /// Removes a process.
    pub const fn remove(member: NodeId) -> Self {
        let none = NodeSet::EMPTY;
        let add = Membership { proposers: none, acceptors: none, learners: none };
        Self { add, remove: NodeSet::only(member) }
    }

    /// Puts one server in the place of another, in one step.
    pub const fn replace(old: NodeId, new: NodeId) -> Self {
        Self { remove: NodeSet::only(old), ..Self::add(new) }
    }

    /// The members after the change of `members`.
    #[must_use]
    pub const fn of(&self, members: &Membership) -> Membership {
        members.without(self.remove).union(&self.add)
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (added, removed) = (self.add.servers(), self.remove);
        match (added.is_empty(), removed.is_empty()) {
            (true, true) => f.write_str("no change"),
            (false, true) => write!(f, "+{added}"),
            (true, false) => write!(f, "-{removed}"),
            (false, false) => write!(f, "+{added} -{removed}"),
        }
    }
}

/// Slots with the same members.
#[derive(Clone, Debug)]
pub struct Epoch {
    /// The first of them.
    pub from: Slot,
    /// The members.
    pub members: Membership,
    /// Which of its acceptors has which place of the quorum system that the cluster began with.
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

/// The members of all slots that a process can tell. A change chosen in slot *c* takes effect in slot *c* + α: the
/// α-reconfiguration of *Paxos Made Simple*, §3, and of Lamport, Malkhi and Zhou (*Reconfiguring a State Machine*, 2010).
///
/// Why that is safe:
///
/// 1. Everyone computes the members of a slot from the same chosen entries, so everyone who knows them agrees on
///    them, and the slot is an instance of Paxos with one fixed set of acceptors. Whether a change is made follows from
///    those entries as well: [`crate::Replica`] makes one whose client's session lives, once, as it executes a command.
/// 2. A proposer proposes in slot *s* only if it knows all slots up to *s* − α, hence the members of *s*; only if
///    a phase 1 quorum *of those members* has promised its ballot; and, so that one phase 1 need not serve two
///    epochs, only when all slots of earlier epochs are chosen. A learner counts votes in slot *s* under the same
///    condition.
/// 3. Whoever promises something in an epoch has all that was chosen before it on its own disk. So every phase 1
///    quorum of the new members knows the past, and the old ones may be turned off for good.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Epochs {
    alpha: u64,
    current: Epoch,
    /// What the quorums of all epochs are made from.
    origin: Origin,
    /// Agreed on, and not in force yet.
    coming: VecDeque<Epoch>,
    /// The first slot that is not executed.
    next: Slot,
    /// Grows with each change agreed on, and with each that takes effect.
    version: u64,
    /// Who was removed once.
    retired: NodeSet,
}

impl Epochs {
    /// No version is higher. Each change adds a role or removes a member, and ids do not come back: of 64 ids with three roles
    /// each, there are no more than 256 changes, and each counts when it is agreed on and when it takes effect.
    pub const LAST_VERSION: u64 = 512;

    /// With these members from the first slot on; a change takes effect `alpha` slots after its own.
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
        }
    }

    /// How many slots after its own a change takes effect.
    pub fn alpha(&self) -> u64 {
        self.alpha
    }

    /// The first slot that is not executed: every change that was made below is known.
    pub fn next_slot(&self) -> Slot {
        self.next
    }

    /// The epoch of the first slot that is not executed.
    pub fn current(&self) -> &Epoch {
        &self.current
    }

    /// The last epoch agreed on.
    pub fn last(&self) -> &Epoch {
        self.coming.back().unwrap_or(&self.current)
    }

    /// The next epoch, if a change is agreed on that is not in force.
    pub fn next(&self) -> Option<&Epoch> {
        self.coming.front()
    }

    /// The members of now and of all changes agreed on.
    pub fn everyone(&self) -> Membership {
        self.coming.iter().fold(self.current.members, |all, epoch| all.union(&epoch.members))
    }

    /// Grows with each change agreed on, and with each that takes effect.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Who was removed, as agreed.
    pub fn retired(&self) -> NodeSet {
        self.retired
    }

    /// What `change` would lead to, if it is a change that can be made.
    ///
    /// # Errors
    /// Why it cannot.
    pub fn after(&self, change: &Change) -> Result<Membership, Unchangeable> {
        self.epoch_after(change).map(|epoch| epoch.members)
    }

    /// The epoch that `change` would lead to, wherever it begins.
    pub(crate) fn epoch_after(&self, change: &Change) -> Result<Epoch, Unchangeable> {
        self.changed(Slot(0), change)
    }

    /// The epoch that `change` leads to, if it begins at `from`.
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

    /// A change is executed in `slot`: whether it can be made. The same everywhere, since it depends on nothing but
    /// what was chosen before.
    ///
    /// # Errors
    /// Why it is not made.
    pub(crate) fn note(&mut self, slot: Slot, change: &Change) -> Result<Slot, Unchangeable> {
        let epoch = self.changed(slot.plus(self.alpha), change)?;
        let from = epoch.from;
        self.retired = self.retired.union(change.remove);
        if epoch.members != self.last().members {
            self.coming.push_back(epoch);
            self.version += 1;
        }
        Ok(from)
    }

    /// Every slot below `next` is executed.
    pub(crate) fn advance(&mut self, next: Slot) {
        self.next = next;
        while self.coming.front().is_some_and(|epoch| epoch.from <= next) {
            self.version += 1;
            self.current = self.coming.pop_front().unwrap_or_else(|| self.current.clone());
        }
    }

    /// The first slot whose members are not known, or are others than those of now.
    pub(crate) fn limit(&self) -> Slot {
        let known = self.next.plus(self.alpha);
        self.coming.front().map_or(known, |epoch| epoch.from.min(known))
    }
}

/// The quorum system that a cluster began with. It is part of the configuration, so no two processes differ in it.
#[derive(Clone, Debug)]
struct Origin(Arc<dyn QuorumSystem>);

impl Origin {
    /// The same kind of quorums with these acceptors in the places.
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
    /// It names a process that was removed before.
    #[error("a removed member cannot rejoin: start it with an empty disk under an id that was never used")]
    Retired,
    /// It changes nothing.
    #[error("the change names nobody; ids of members are below 64")]
    Nothing,
    /// Nobody would propose or vote, or a proposer or acceptor would not learn.
    #[error("somebody must propose, somebody vote, and all of them learn; add the new members first")]
    Unsound,
    /// Nothing can change here.
    #[error(
        "the members of this cluster are fixed: only where all proposers and acceptors learn can they change"
    )]
    Fixed,
    /// The quorum system is for its acceptors only.
    #[error("these quorums cannot be formed of other acceptors; implement QuorumSystem::over for them")]
    Quorums,
}

/// Why a change of members is not even asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unasked {
    /// Nothing can change here.
    #[error(transparent)]
    Unchangeable(#[from] Unchangeable),
    /// The cluster might not survive it, or it has been made before.
    #[error(transparent)]
    Inadvisable(#[from] Inadvisable),
    /// Too many commands are unanswered.
    #[error(transparent)]
    Overloaded(#[from] Overloaded),
}
