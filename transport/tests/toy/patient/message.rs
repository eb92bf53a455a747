//! The messages of the two phases. All but the first carry values.

use paxos_core::{Ballot, Entry, Fact, InBallot, Kind, Phrase, Slot, Value, Vote};
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

/// Phase 1b: the ballot is promised for every slot. Reports the acceptor's votes from `from` on.
#[doc(alias = "1b")]
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Promise<V> {
    /// The ballot promised.
    pub ballot: Ballot,
    /// The first slot of the prepare that this answers.
    pub from: Slot,
    /// The vote of the highest ballot in each slot, by slot.
    pub votes: Vec<Vote<V>>,
}

/// Phase 2a for one slot. Every lower slot is chosen.
#[doc(alias = "2a")]
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Accept<V> {
    /// The ballot.
    pub ballot: Ballot,
    /// The slot.
    pub slot: Slot,
    /// The value.
    pub entry: Entry<V>,
}

/// Phase 2b for one slot.
#[doc(alias = "2b")]
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Accepted<V> {
    /// The ballot.
    pub ballot: Ballot,
    /// The slot.
    pub slot: Slot,
    /// The value.
    pub entry: Entry<V>,
}

/// The announcement of the distinguished learner.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Decision<V> {
    /// The ballot in which the value was chosen.
    pub ballot: Ballot,
    /// The slot.
    pub slot: Slot,
    /// The value.
    pub entry: Entry<V>,
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
        self.votes.iter().all(|vote| vote.is_below(self.ballot))
    }

    fn facts(&self, tell: &mut dyn FnMut(Fact<'_, V>)) {
        let votes: Vec<_> = self.votes.iter().flat_map(Vote::iter).collect();
        tell(Fact::Promise { ballot: self.ballot, slots: self.from.onwards(), votes: &votes });
    }
}

impl<V: Value> Phrase<V> for Accept<V> {
    fn kind(&self) -> Kind {
        Kind::Accept
    }

    fn is_sound(&self) -> bool {
        self.slot.holds(1)
    }

    fn furthest(&self) -> Slot {
        self.slot
    }

    fn facts(&self, tell: &mut dyn FnMut(Fact<'_, V>)) {
        tell(Fact::Propose { ballot: self.ballot, slot: self.slot, entry: &self.entry });
    }
}

impl<V: Value> Phrase<V> for Accepted<V> {
    fn kind(&self) -> Kind {
        Kind::Accepted
    }

    fn is_sound(&self) -> bool {
        self.slot.holds(1)
    }

    fn facts(&self, tell: &mut dyn FnMut(Fact<'_, V>)) {
        tell(Fact::Vote { ballot: self.ballot, slot: self.slot, entry: Some(&self.entry) });
    }
}

impl<V: Value> Phrase<V> for Decision<V> {
    fn kind(&self) -> Kind {
        Kind::Decide
    }

    fn is_sound(&self) -> bool {
        self.slot.holds(1)
    }

    fn facts(&self, tell: &mut dyn FnMut(Fact<'_, V>)) {
        tell(Fact::Chosen { slot: self.slot, entry: Some(&self.entry) });
    }
}
