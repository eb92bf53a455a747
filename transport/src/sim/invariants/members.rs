//! The invariants of changes of members: which processes count in which slot.

use super::{Verdict, hold};
use core::marker::PhantomData;
use core::slice;
use paxos_core::{
    Answering, Ballot, Config, Decided, Entry, Epoch, Epochs, NodeId, NodeSet, Places, QuorumSystem, Replica,
    Reply, Slot, StateMachine, Value,
};
use std::sync::Arc;

/// The members of every slot, and the reply to each entry, computed only from the chosen entries and independently of
/// what processes know.
#[derive(Debug)]
pub struct Members<V: Value> {
    epochs: Option<Epochs>,
    /// All epochs so far, by their first slots.
    past: Vec<Epoch>,
    /// A replica that only tracks the sessions of clients.
    log: Replica<Nothing<V>>,
}

/// A state machine that does nothing.
#[derive(Debug)]
struct Nothing<V>(PhantomData<V>);

impl<V: Value> StateMachine for Nothing<V> {
    type Command = V;
    type Reply = ();
    fn apply(&mut self, _slot: Slot, _command: &V) {}
}

impl<V: Value> Members<V> {
    /// Starts with the first members of the cluster; `changes` says whether they can change.
    pub fn new(config: &Config, changes: bool) -> Self {
        let (members, quorums) = (config.members(), config.quorums.clone());
        let places = Places::of(members.acceptors);
        let first = Epoch { from: Slot(0), members, places, quorums };
        let epochs = if changes { config.epochs() } else { None };
        Self { epochs, past: vec![first], log: Replica::new(Nothing(PhantomData), &config.limits) }
    }

    /// The first slot that has not been read yet.
    pub fn next(&self) -> Slot {
        self.log.next()
    }

    /// Reads the chosen entry of the next slot. Returns the reply to its client, if any.
    pub fn read(&mut self, entry: &Entry<V>) -> Option<Reply<()>> {
        let (first, answering) = (self.next(), Answering::everyone());
        let members = self.epochs.as_mut();
        self.log.execute(Decided { first, entries: slice::from_ref(entry), answering, members });
        if let Some(last) = self.epochs.as_ref().map(Epochs::last)
            && self.past.last().is_some_and(|past| past.from != last.from)
        {
            self.past.push(last.clone());
        }
        self.log.answers().next()
    }

    /// The members of `slot`, or the last known ones if they are not decided yet.
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
        self.epochs.as_ref().map_or(Slot::MAX, |epochs| self.next().plus(epochs.alpha()))
    }

    /// All processes that ever were acceptors.
    pub fn acceptors(&self) -> NodeSet {
        self.past.iter().fold(NodeSet::EMPTY, |all, epoch| all.union(epoch.members.acceptors))
    }
}

/// The members of slot *s* are determined by the commands up to *s* − α, so a proposer may be at most α commands ahead
/// (*Paxos Made Simple*, §3).
///
/// # Errors
/// If a slot is proposed whose members are not decided.
pub fn members_are_known<V: Value>(members: &Members<V>, slot: Slot, ballot: Ballot) -> Verdict {
    hold("members_are_known", slot < members.known(), || {
        format!(
            "{ballot} proposes in {slot}, while the members are decided only below {}, by what is chosen below {}",
            members.known(),
            members.next()
        )
    })
}

/// An acceptor that makes a promise among new members has on its disk everything that was chosen before their epoch:
/// the former members may be gone for good.
///
/// # Errors
/// If `node`, whose disk holds what is chosen below `learned`, promises slots from `slot` on.
pub fn the_past_is_kept<V: Value>(members: &Members<V>, node: NodeId, learned: Slot, slot: Slot) -> Verdict {
    let epoch = members.of(slot);
    hold("the_past_is_kept", learned >= epoch.from, || {
        format!(
            "{node} promises slots from {slot} on, where the members are those since {}, but knows only what is chosen \
             below {learned}",
            epoch.from
        )
    })
}
