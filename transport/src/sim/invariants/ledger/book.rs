//! The records of each slot, and the memory of each acceptor.

use paxos_core::{Ballot, CommandId, Divide, NodeId, NodeSet, Runs, Slot, SlotRange};
use std::collections::BTreeSet;

/// The name of a slot's entry: a command, or `None` for a no-op.
pub type Name = Option<CommandId>;

/// The votes in one slot and ballot for one value.
#[derive(Clone, Debug)]
pub struct Ballotbox {
    /// The ballot.
    pub ballot: Ballot,
    /// The value.
    pub name: Name,
    /// The acceptors whose votes are durable.
    pub voters: NodeSet,
}

/// The records of one slot.
#[derive(Clone, Debug)]
pub struct Book<R> {
    /// The proposals, one for each ballot.
    pub proposed: Vec<(Ballot, Name)>,
    /// The durable votes.
    pub votes: Vec<Ballotbox>,
    /// The value that a quorum voted for, and the ballot in which that was first noticed.
    pub chosen: Option<(Ballot, Name)>,
    /// The reply of the first replica that executed the slot.
    pub(in crate::sim::invariants) reply: Option<R>,
    /// Whether the entry had an effect on the first replica that came to it.
    pub(in crate::sim::invariants) took: Option<bool>,
}

impl<R> Default for Book<R> {
    fn default() -> Self {
        Self { proposed: Vec::new(), votes: Vec::new(), chosen: None, reply: None, took: None }
    }
}

impl<R> Book<R> {
    /// The value that was proposed in `ballot`.
    pub fn proposal(&self, ballot: Ballot) -> Option<Name> {
        self.proposed.iter().find(|(b, _)| *b == ballot).map(|(_, name)| *name)
    }

    /// The acceptors that voted for `name` in `ballot`.
    pub fn voters(&self, ballot: Ballot, name: Name) -> NodeSet {
        let mut boxes = self.votes.iter();
        boxes.find(|v| v.ballot == ballot && v.name == name).map_or(NodeSet::EMPTY, |v| v.voters)
    }

    /// The acceptors that voted in `ballot`, for any value.
    pub fn voted_in(&self, ballot: Ballot) -> NodeSet {
        let boxes = self.votes.iter().filter(|v| v.ballot == ballot);
        boxes.fold(NodeSet::EMPTY, |all, v| all.union(v.voters))
    }

    /// The votes of one acceptor.
    pub fn votes_of(&self, node: NodeId) -> impl Iterator<Item = (Ballot, Name)> {
        self.votes.iter().filter(move |v| v.voters.contains(node)).map(|v| (v.ballot, v.name))
    }

    /// The command that took effect in this slot, once a replica has executed it.
    pub fn executed(&self) -> Option<Name> {
        self.reply.as_ref().and(self.chosen).map(|(_, name)| name)
    }

    pub(in crate::sim::invariants) fn add_vote(
        &mut self,
        node: NodeId,
        ballot: Ballot,
        name: Name,
    ) -> NodeSet {
        let at = self.votes.iter().position(|v| v.ballot == ballot && v.name == name);
        let at = at.unwrap_or_else(|| {
            self.votes.push(Ballotbox { ballot, name, voters: NodeSet::EMPTY });
            self.votes.len() - 1
        });
        self.votes[at].voters.insert(node);
        self.votes[at].voters
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Promised(Ballot);

impl Divide for Promised {
    fn split_off(&mut self, _at: u64) -> Self {
        *self
    }
}

/// What an acceptor has on disk, apart from its votes.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    promised: Runs<Promised>,
    /// The acceptor knows what is chosen in every slot below, even without its votes.
    pub learned: Slot,
    /// The slots from there on whose entries it knows to be chosen.
    later: BTreeSet<Slot>,
    /// The highest ballot in which it voted in any slot.
    pub highest_vote: Ballot,
}

impl Memory {
    /// The ballot promised for `slot`, by a promise or by a vote.
    pub fn promised(&self, slot: Slot) -> Ballot {
        self.promised.get(slot).map_or(Ballot::ZERO, |(_, held)| held.0)
    }

    /// Whether `ballot` or a higher one is promised for all of `slots`.
    pub fn has_promised(&self, ballot: Ballot, slots: SlotRange) -> bool {
        let mut next = slots.start;
        for (part, held) in self.promised.within(slots) {
            if part.start > next || held.0 < ballot {
                return false;
            }
            next = part.end;
        }
        next >= slots.end
    }

    /// The first of `slots` for which a ballot higher than `ballot` is promised, and that ballot.
    pub fn promised_above(&self, ballot: Ballot, slots: SlotRange) -> Option<(Slot, Ballot)> {
        let mut parts = self.promised.within(slots);
        parts.find(|(_, held)| held.0 > ballot).map(|(part, held)| (part.start, held.0))
    }

    /// The slots within `slots` at which the promise may change, besides the start.
    pub fn edges(&self, slots: SlotRange) -> impl Iterator<Item = Slot> {
        self.promised.within(slots).flat_map(|(part, _)| [part.start, part.end])
    }

    /// The promises, by slot.
    pub fn promises(&self) -> impl Iterator<Item = (SlotRange, Ballot)> {
        self.promised.iter().map(|(slots, held)| (slots, held.0))
    }

    /// Notes a promise.
    pub fn promise(&mut self, ballot: Ballot, slots: SlotRange) {
        if !slots.is_empty() && !self.has_promised(ballot, slots) {
            self.promised.overlay(slots, &Promised(ballot), |held| held.0 < ballot);
        }
    }

    /// Notes that the entry of `slot` is known to be chosen.
    pub fn learn(&mut self, slot: Slot) {
        if slot >= self.learned {
            self.later.insert(slot);
            self.know(self.learned);
        }
    }

    /// Notes that everything below `slot` is known to be chosen.
    pub fn know(&mut self, slot: Slot) {
        self.learned = self.learned.max(slot);
        self.later = self.later.split_off(&self.learned);
        while self.later.remove(&self.learned) {
            self.learned = self.learned.plus(1);
        }
    }

    /// Forgets what is known to be chosen from [`Memory::learned`] on.
    pub fn forget_later(&mut self) {
        self.later.clear();
    }

    /// Notes a vote.
    pub fn vote(&mut self, ballot: Ballot, slot: Slot) {
        self.highest_vote = self.highest_vote.max(ballot);
        self.promise(ballot, slot.extend(1));
    }
}
