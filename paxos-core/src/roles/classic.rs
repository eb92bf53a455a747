//! The five messages of the two phases for consecutive slots, with the facts that they state. A variant takes those
//! that say what it says, and writes only the others itself.

use super::{Fact, PhaseMessage, Vote, tell_each};
use crate::{Ballot, Batch, Chosen, Slot, SlotRange, Value, in_ballot};
use serde::{Deserialize, Serialize};

/// Phase 1a, for all slots from `from` on at once.
#[doc(alias = "1a")]
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Prepare {
    /// The ballot to promise.
    pub ballot: Ballot,
    /// The proposer's first slot not known to be chosen.
    pub from: Slot,
}

/// Phase 1b: the promise for all slots, and the votes from `from` on.
#[doc(alias = "1b")]
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Promise<V> {
    /// The ballot promised.
    pub ballot: Ballot,
    /// The first slot, as in the [`Prepare`].
    pub from: Slot,
    /// The end of the slots that the votes cover; [`Slot::MAX`] if there are no further votes. The proposer asks for
    /// the rest with another phase 1a from here on, so a promise always fits in a message.
    pub until: Slot,
    /// The vote of the highest ballot in each slot, in slot order. The acceptor cast no vote in a slot that is missing.
    pub votes: Vec<Vote<V>>,
}

/// Phase 2a for consecutive slots.
#[doc(alias = "2a")]
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Accept<V> {
    /// The ballot.
    pub ballot: Ballot,
    /// The slot of the first value.
    pub first: Slot,
    /// The values.
    pub batch: Batch<V>,
    /// Every slot below is chosen. In a variant whose leaders stop when another value is chosen than they proposed
    /// (Multi-Paxos, but not Fast Paxos), the value that this ballot proposed there is the one chosen.
    pub chosen: Slot,
}

/// Phase 2b for consecutive slots.
#[doc(alias = "2b")]
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Accepted<V> {
    /// The ballot.
    pub ballot: Ballot,
    /// The slots in which the acceptor voted.
    pub slots: SlotRange,
    /// The values, for learners that do not receive the phase 2a.
    pub batch: Option<Batch<V>>,
}

/// The distinguished learner's announcement.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Decision<V> {
    /// The ballot in which the values were chosen.
    pub ballot: Ballot,
    /// The slots.
    pub slots: SlotRange,
    /// The values, for learners that do not receive the phase 2a.
    pub batch: Option<Batch<V>>,
}

impl<V> Decision<V> {
    /// Adds the values to what is known to be chosen, if it carries them.
    pub fn add_to(&self, chosen: &mut Chosen<V>) {
        if let Some(batch) = &self.batch {
            chosen.choose(self.slots.start, batch.clone());
        }
    }
}

/// Whether `slots` are valid, and `batch`, if present, has a value for each.
fn agree<V>(slots: SlotRange, batch: Option<&Batch<V>>) -> bool {
    slots.start.holds(slots.len()) && batch.is_none_or(|batch| batch.len() as u64 == slots.len())
}

in_ballot! { Prepare, Promise<V>, Accept<V>, Accepted<V>, Decision<V> }

impl<V: Value> PhaseMessage<V> for Prepare {
    fn is_sound(&self) -> bool {
        self.from.holds(0)
    }

    fn facts(&self, tell: &mut dyn FnMut(Fact<'_, V>)) {
        tell(Fact::Prepare { ballot: self.ballot, slots: self.from.onwards() });
    }
}

impl<V: Value> PhaseMessage<V> for Promise<V> {
    fn is_sound(&self) -> bool {
        self.from.holds(0) && self.votes.iter().all(|vote| vote.is_below(self.ballot))
    }

    fn facts(&self, tell: &mut dyn FnMut(Fact<'_, V>)) {
        let votes: Vec<_> = self.votes.iter().flat_map(Vote::iter).collect();
        tell(Fact::Promise {
            ballot: self.ballot,
            slots: SlotRange::new(self.from, self.until),
            votes: &votes,
        });
    }
}

impl<V: Value> PhaseMessage<V> for Accept<V> {
    fn is_sound(&self) -> bool {
        self.first.holds(self.batch.len() as u64) && self.chosen.holds(0)
    }

    fn furthest(&self) -> Slot {
        self.first.max(self.chosen)
    }

    fn facts(&self, tell: &mut dyn FnMut(Fact<'_, V>)) {
        let ballot = self.ballot;
        tell_each(self.first, &self.batch, tell, |slot, entry| Fact::Propose { ballot, slot, entry });
    }
}

impl<V: Value> PhaseMessage<V> for Accepted<V> {
    fn is_sound(&self) -> bool {
        agree(self.slots, self.batch.as_ref())
    }

    fn facts(&self, tell: &mut dyn FnMut(Fact<'_, V>)) {
        let values = self.batch.as_deref().unwrap_or_default();
        for (i, slot) in self.slots.iter().enumerate() {
            tell(Fact::Vote { ballot: self.ballot, slot, entry: values.get(i) });
        }
    }
}

impl<V: Value> PhaseMessage<V> for Decision<V> {
    fn is_sound(&self) -> bool {
        agree(self.slots, self.batch.as_ref())
    }

    fn facts(&self, tell: &mut dyn FnMut(Fact<'_, V>)) {
        let values = self.batch.as_deref().unwrap_or_default();
        for (i, slot) in self.slots.iter().enumerate() {
            tell(Fact::Chosen { slot, entry: values.get(i) });
        }
    }
}

#[cfg(test)]
mod tests;
