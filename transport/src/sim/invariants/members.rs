//! Changes of members: who counts in which slot.

use super::{Verdict, hold};
use paxos_core::{Ballot, Config, Entry, Epoch, Epochs, NodeId, NodeSet, Places, QuorumSystem, Slot};
use std::sync::Arc;

/// The members of every slot, as far as what is chosen tells: computed from the chosen entries by themselves, and
/// from no process's knowledge.
#[derive(Debug)]
pub struct Members {
    epochs: Option<Epochs>,
    /// Every epoch so far, by its first slot.
    past: Vec<Epoch>,
    /// Everything below was read.
    read: Slot,
}

impl Members {
    /// Those that the cluster begins with; `changes`: whether they can change.
    pub fn new(config: &Config, changes: bool) -> Self {
        let (members, quorums) = (config.members(), config.quorums.clone());
        let places = Places::of(members.acceptors);
        let first = Epoch { from: Slot(0), members, places, quorums };
        let epochs = if changes { config.epochs() } else { None };
        Self { epochs, past: vec![first], read: Slot(0) }
    }

    /// The first slot that is not read yet.
    pub const fn next(&self) -> Slot {
        self.read
    }

    /// The entry of the next slot is chosen.
    pub fn read<V>(&mut self, entry: &Entry<V>) {
        if let (Some(epochs), Entry::Change(_, change)) = (&mut self.epochs, entry)
            && epochs.note(self.read, change).is_ok()
            && self.past.last().is_some_and(|last| last.members != epochs.last().members)
        {
            self.past.push(epochs.last().clone());
        }
        self.read = self.read.plus(1);
    }

    /// The members of `slot`, the last ones known if they are not decided yet.
    pub fn of(&self, slot: Slot) -> &Epoch {
        let at = self.past.partition_point(|epoch| epoch.from <= slot);
        &self.past[at.saturating_sub(1)]
    }

    /// The quorums of `slot`.
    pub fn quorums(&self, slot: Slot) -> &Arc<dyn QuorumSystem> {
        &self.of(slot).quorums
    }

    /// The first slot whose members are not decided.
    pub fn known(&self) -> Slot {
        self.epochs.as_ref().map_or(Slot::MAX, |epochs| self.read.plus(epochs.alpha()))
    }

    /// All acceptors that ever were.
    pub fn acceptors(&self) -> NodeSet {
        self.past.iter().fold(NodeSet::EMPTY, |all, epoch| all.union(epoch.members.acceptors))
    }
}

/// The members of slot *s* are those given by the commands up to *s* − α, so a proposer may be at most α commands
/// ahead (*Paxos Made Simple*, §3).
///
/// # Errors
/// If a slot is proposed in whose members are not decided.
pub fn members_are_known(members: &Members, slot: Slot, ballot: Ballot) -> Verdict {
    hold("members_are_known", slot < members.known(), || {
        format!(
            "{ballot} proposes in {slot}, while the members are decided only below {}, by what is chosen below {}",
            members.known(),
            members.next()
        )
    })
}

/// Whoever promises something among new members has on its disk all that was chosen before they came: the old
/// ones may be gone for good.
///
/// # Errors
/// If `node`, whose disk tells what is chosen below `learned`, promises slots from `slot` on.
pub fn the_past_is_kept(members: &Members, node: NodeId, learned: Slot, slot: Slot) -> Verdict {
    let epoch = members.of(slot);
    hold("the_past_is_kept", learned >= epoch.from, || {
        format!(
            "{node} promises slots from {slot} on, where the members are those since {}, and knows what is chosen below \
             {learned} only",
            epoch.from
        )
    })
}
