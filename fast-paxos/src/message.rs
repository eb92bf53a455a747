//! The messages of the two phases, in classic and in fast ballots. Phase 1 speaks the classic ones.

use paxos_core::{Ballot, Batch, Fact, InBallot, NodeSet, PhaseMessage, Slot, Value, in_ballot, tell_each};
use serde::{Deserialize, Serialize};

pub use paxos_core::{Prepare, Promise};

/// Phase 2a: values for consecutive slots in a classic ballot, and perhaps permission to vote for what clients send.
#[doc(alias = "2a")]
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Accept<V> {
    /// The values. Their ballot is always classic: a fast ballot with a proposed value would be a classic one in that
    /// slot.
    pub classic: paxos_core::Accept<V>,
    /// Permission to vote for what clients send.
    pub any: Option<Any>,
}

/// *Any*: acceptors may vote for what clients send, in a fast ballot of the same term.
#[doc(alias = "any")]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Any {
    /// The fast ballot.
    pub ballot: Ballot,
    /// The first slot that is open.
    pub from: Slot,
    /// The phase 1 quorum whose votes all acceptors read after a collision, to proceed by themselves in the next step,
    /// which is also fast. None: they leave recovery to the coordinator.
    pub recovery: Option<NodeSet>,
}

/// Phase 2b for consecutive slots. Unlike the classic one it always carries the values, since in a fast ballot each
/// acceptor may vote for another one: a vote without its value would say nothing.
#[doc(alias = "2b")]
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Accepted<V> {
    /// The ballot, classic or fast.
    pub ballot: Ballot,
    /// The slot of the first value.
    pub first: Slot,
    /// The values voted for.
    pub batch: Batch<V>,
}

/// The distinguished learner's announcement. It carries the values, as the votes do.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Decision<V> {
    /// The ballot in which the values were chosen.
    pub ballot: Ballot,
    /// The slot of the first value.
    pub first: Slot,
    /// The values.
    pub batch: Batch<V>,
}

in_ballot! { Accepted<V>, Decision<V> }

impl<V> InBallot for Accept<V> {
    fn ballot(&self) -> Ballot {
        self.classic.ballot
    }
}

impl<V: Value> PhaseMessage<V> for Accept<V> {
    fn is_any(&self) -> bool {
        self.classic.batch.is_empty()
    }

    fn is_sound(&self) -> bool {
        let sound = |any: Any| any.ballot.same_term(self.classic.ballot) && any.from.holds(0);
        self.any.is_none_or(sound) && self.classic.is_sound()
    }

    fn furthest(&self) -> Slot {
        self.classic.furthest().max(self.any.map_or(Slot(0), |any| any.from))
    }

    fn facts(&self, tell: &mut dyn FnMut(Fact<'_, V>)) {
        self.classic.facts(tell);
        if let Some(Any { ballot, from, .. }) = self.any {
            tell(Fact::Any { ballot, slots: from.onwards() });
        }
    }
}

impl<V: Value> PhaseMessage<V> for Accepted<V> {
    fn is_sound(&self) -> bool {
        self.first.holds(self.batch.len() as u64)
    }

    fn facts(&self, tell: &mut dyn FnMut(Fact<'_, V>)) {
        let ballot = self.ballot;
        tell_each(self.first, &self.batch, tell, |slot, entry| Fact::Vote {
            ballot,
            slot,
            entry: Some(entry),
        });
    }
}

impl<V: Value> PhaseMessage<V> for Decision<V> {
    fn is_sound(&self) -> bool {
        self.first.holds(self.batch.len() as u64)
    }

    fn facts(&self, tell: &mut dyn FnMut(Fact<'_, V>)) {
        tell_each(self.first, &self.batch, tell, |slot, entry| Fact::Chosen { slot, entry: Some(entry) });
    }
}
