//! The messages of the two phases, in classic and in fast ballots.

use paxos_core::{
    Ballot, Batch, Fact, InBallot, Kind, NodeSet, Phrase, Slot, SlotRange, Value, Vote, tell_each,
};
use serde::{Deserialize, Serialize};

/// Phase 1a, for all slots from `from` on at once.
#[doc(alias = "1a")]
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Prepare {
    /// The classic ballot that opens the term.
    pub ballot: Ballot,
    /// The coordinator's first slot not known to be chosen.
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

/// Phase 2a: values for consecutive slots in a classic ballot, and perhaps permission to vote for what clients send.
#[doc(alias = "2a")]
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Accept<V> {
    /// The ballot of the values, always classic: a fast ballot with a proposed value would be a classic one in that
    /// slot.
    pub ballot: Ballot,
    /// The slot of the first value.
    pub first: Slot,
    /// The values.
    pub batch: Batch<V>,
    /// Permission to vote for what clients send.
    pub any: Option<Any>,
    /// Every slot below is chosen.
    pub chosen: Slot,
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

/// Phase 2b for consecutive slots. It carries the values, since in a fast ballot each acceptor may vote for another
/// one.
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

/// The distinguished learner's announcement.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Decision<V> {
    /// The ballot in which the values were chosen.
    pub ballot: Ballot,
    /// The slot of the first value.
    pub first: Slot,
    /// The values.
    pub batch: Batch<V>,
}

impl InBallot for Prepare {
    fn ballot(&self) -> Ballot {
        self.ballot
    }
}

impl<V> InBallot for Promise<V> {
    fn ballot(&self) -> Ballot {
        self.ballot
    }
}

impl<V> InBallot for Accept<V> {
    fn ballot(&self) -> Ballot {
        self.ballot
    }
}

impl<V> InBallot for Accepted<V> {
    fn ballot(&self) -> Ballot {
        self.ballot
    }
}

impl<V> InBallot for Decision<V> {
    fn ballot(&self) -> Ballot {
        self.ballot
    }
}

impl<V: Value> Phrase<V> for Prepare {
    fn kind(&self) -> Kind {
        Kind::Prepare
    }

    fn is_sound(&self) -> bool {
        self.from.holds(0)
    }

    fn facts(&self, tell: &mut dyn FnMut(Fact<'_, V>)) {
        tell(Fact::Prepare { ballot: self.ballot, slots: self.from.onwards() });
    }
}

impl<V: Value> Phrase<V> for Promise<V> {
    fn kind(&self) -> Kind {
        Kind::Promise
    }

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

impl<V: Value> Phrase<V> for Accept<V> {
    fn kind(&self) -> Kind {
        if self.batch.is_empty() { Kind::Any } else { Kind::Accept }
    }

    fn is_sound(&self) -> bool {
        let any = self.any.is_none_or(|any| any.ballot.same_term(self.ballot) && any.from.holds(0));
        any && self.first.holds(self.batch.len() as u64) && self.chosen.holds(0)
    }

    fn furthest(&self) -> Slot {
        let any = self.any.map_or(Slot(0), |any| any.from);
        self.first.max(self.chosen).max(any)
    }

    fn facts(&self, tell: &mut dyn FnMut(Fact<'_, V>)) {
        let ballot = self.ballot;
        tell_each(self.first, &self.batch, tell, |slot, entry| Fact::Propose { ballot, slot, entry });
        if let Some(Any { ballot, from, .. }) = self.any {
            tell(Fact::Any { ballot, slots: from.onwards() });
        }
    }
}

impl<V: Value> Phrase<V> for Accepted<V> {
    fn kind(&self) -> Kind {
        Kind::Accepted
    }

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

impl<V: Value> Phrase<V> for Decision<V> {
    fn kind(&self) -> Kind {
        Kind::Decide
    }

    fn is_sound(&self) -> bool {
        self.first.holds(self.batch.len() as u64)
    }

    fn facts(&self, tell: &mut dyn FnMut(Fact<'_, V>)) {
        tell_each(self.first, &self.batch, tell, |slot, entry| Fact::Chosen { slot, entry: Some(entry) });
    }
}
