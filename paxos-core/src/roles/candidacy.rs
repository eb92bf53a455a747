//! Phase 1 of one ballot, for all slots from one on.

mod pieces;

use crate::{
    Ballot, Chosen, Nack, NodeId, NodeSet, Prepare, Promise, Proposal, Protocol, Reach, Record, Slot,
    SlotRange,
};
use pieces::Pieces;

/// What a candidate asks the acceptors in phase 1, and which of them have promised. *Paxos Made Simple*, §3: a new leader
/// runs phase 1 for all slots from the first unknown one on, with one message. The votes that the promises report are
/// kept by the proposer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Candidacy {
    ballot: Ballot,
    from: Slot,
    pieces: Pieces,
    ask: Option<Reach>,
    /// Whether its ballot was handed out to be written.
    started: bool,
    /// Whether an acceptor has forgotten slots from `from` on, because they are chosen: this process is behind.
    behind: bool,
}

impl Candidacy {
    /// Begins phase 1 of `ballot` for the slots from `from` on. The acceptors that `reach` names are asked first.
    pub fn new(ballot: Ballot, from: Slot, reach: Reach) -> Self {
        Self { ballot, from, pieces: Pieces::default(), ask: Some(reach), started: false, behind: false }
    }

    /// The first slot that it asks about.
    pub fn from(&self) -> Slot {
        self.from
    }

    /// The acceptors whose promises are complete.
    pub fn promised(&self) -> NodeSet {
        self.pieces.promised()
    }

    /// Takes in a promise, or a part of one. Returns whether it says something new, so that its votes count. *Paxos Made
    /// Simple*, §2.2, phase 2(a): answers to *this* request. An answer to an earlier ballot or for other slots says
    /// nothing about it, and a second answer of the same acceptor does not count again.
    pub fn hear<V>(&mut self, acceptor: NodeId, promise: &Promise<V>) -> bool {
        let slots = SlotRange::new(promise.from, promise.until);
        promise.ballot == self.ballot && self.pieces.hear(acceptor, self.from, slots)
    }

    /// Takes in a refusal. One that names no higher ballot means that the acceptor has forgotten slots asked about,
    /// perhaps after it reported earlier ones, because they are chosen: this process is behind.
    pub fn on_nack(&mut self, nack: &Nack) {
        if nack.refused == self.ballot && nack.promised <= self.ballot {
            self.behind |= nack.slots.start >= self.from;
        }
    }

    /// Whether it asks about slots that acceptors have forgotten, or that only a snapshot covers here.
    pub fn is_behind<V>(&self, chosen: &Chosen<V>) -> bool {
        self.behind || self.from < chosen.jumped()
    }

    /// Skips the slots below `known`, which were learned since phase 1 began. The ballot stays the same, since nothing
    /// was proposed in it yet. Promises for other slots do not count for the new range. Returns whether there was any
    /// slot to skip: all acceptors are asked again then, and what they have reported is void.
    pub fn skip_to(&mut self, known: Slot) -> bool {
        let skips = self.from < known;
        if skips {
            (self.from, self.pieces, self.behind) = (known, Pieces::default(), false);
            self.ask_all();
        }
        skips
    }

    /// Asks all acceptors again.
    pub fn ask_all(&mut self) {
        self.ask = Some(Reach::All);
    }

    /// Forgets the promises. The acceptors are asked again in due time, and others may answer.
    pub fn forget_promises(&mut self) {
        self.pieces = Pieces::default();
    }

    /// Returns the next question, until there is none. With the first one goes the record of the ballot.
    pub fn poll<V, P>(&mut self) -> Option<(Proposal<P>, Reach)>
    where
        P: Protocol<Value = V, Prepare = Prepare, Record = Record<V>>,
    {
        let ballot = self.ballot;
        let Some(reach) = self.ask.take() else {
            let (acceptor, from) = self.pieces.ask()?;
            return Some((Proposal::Prepare(Prepare { ballot, from }, None), Reach::One(acceptor)));
        };
        let record = (!core::mem::replace(&mut self.started, true)).then_some(Record::Started(ballot));
        Some((Proposal::Prepare(Prepare { ballot, from: self.from }, record), reach))
    }
}

#[cfg(test)]
mod tests;
