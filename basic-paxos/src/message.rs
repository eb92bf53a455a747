//! The messages of the two phases, each about one slot.

use core::fmt;
use core::ops::Deref;
use paxos_core::{Ballot, Batch, Entry, Fact, PhaseMessage, Slot, Value, in_ballot};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Phase 1a.
#[doc(alias = "1a")]
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Prepare {
    /// The ballot to promise.
    pub ballot: Ballot,
    /// The instance.
    pub slot: Slot,
}

/// Phase 1b: the promise and the vote of an acceptor.
#[doc(alias = "1b")]
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Promise<V> {
    /// The ballot promised.
    pub ballot: Ballot,
    /// The instance.
    pub slot: Slot,
    /// The vote of the highest ballot, if it has cast one.
    pub vote: Option<(Ballot, One<V>)>,
}

/// Phase 2a.
#[doc(alias = "2a")]
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Accept<V> {
    /// The ballot.
    pub ballot: Ballot,
    /// The instance.
    pub slot: Slot,
    /// The value to vote for.
    pub entry: One<V>,
}

/// Phase 2b.
#[doc(alias = "2b")]
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Accepted<V> {
    /// The ballot voted in.
    pub ballot: Ballot,
    /// The instance.
    pub slot: Slot,
    /// The value, for learners that the phase 2a may not reach.
    pub entry: Option<One<V>>,
}

/// The distinguished learner's announcement.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Decision<V> {
    /// The ballot in which the value was chosen.
    pub ballot: Ballot,
    /// The instance.
    pub slot: Slot,
    /// The value, for learners that the phase 2a may not reach.
    pub entry: Option<One<V>>,
}

/// One entry, shared with the batch it came in. Cloning copies no value, and only the entry is sent.
///
/// ```
/// use basic_paxos::One;
/// use paxos_core::{Batch, ClientId, Entry};
///
/// let batch: Batch<u64> = (0..3).map(|seq| Entry::new(ClientId::default(), seq, 10 * seq)).collect();
/// let last = One::each(&batch).last().expect("three");
/// assert_eq!(*last, Entry::new(ClientId::default(), 2, 20));
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct One<V>(Batch<V>);

impl<V> One<V> {
    /// The entries of a batch, one by one.
    pub fn each(batch: &Batch<V>) -> impl Iterator<Item = Self> {
        (0..batch.len() as u64).map(|i| Self(batch.tail(i).head(1)))
    }

    /// The entry as a batch of one.
    pub fn batch(&self) -> &Batch<V> {
        &self.0
    }
}

impl<V> From<Entry<V>> for One<V> {
    fn from(entry: Entry<V>) -> Self {
        Self(Batch::from(entry))
    }
}

impl<V> Deref for One<V> {
    type Target = Entry<V>;
    fn deref(&self) -> &Entry<V> {
        &self.0[0]
    }
}

impl<V> fmt::Debug for One<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&**self, f)
    }
}

impl<V: Serialize> Serialize for One<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (**self).serialize(serializer)
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for One<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Entry::deserialize(deserializer).map(Self::from)
    }
}

in_ballot! { Prepare, Promise<V>, Accept<V>, Accepted<V>, Decision<V> }

impl<V: Value> PhaseMessage<V> for Prepare {
    fn is_sound(&self) -> bool {
        self.slot.holds(1)
    }

    fn facts(&self, tell: &mut dyn FnMut(Fact<'_, V>)) {
        tell(Fact::Prepare { ballot: self.ballot, slots: self.slot.extend(1) });
    }
}

impl<V: Value> PhaseMessage<V> for Promise<V> {
    fn is_sound(&self) -> bool {
        self.slot.holds(1) && self.vote.as_ref().is_none_or(|(ballot, _)| *ballot <= self.ballot)
    }

    fn facts(&self, tell: &mut dyn FnMut(Fact<'_, V>)) {
        let vote = self.vote.as_ref().map(|(ballot, entry)| (self.slot, *ballot, &**entry));
        tell(Fact::Promise { ballot: self.ballot, slots: self.slot.extend(1), votes: vote.as_slice() });
    }
}

impl<V: Value> PhaseMessage<V> for Accept<V> {
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

impl<V: Value> PhaseMessage<V> for Accepted<V> {
    fn is_sound(&self) -> bool {
        self.slot.holds(1)
    }

    fn facts(&self, tell: &mut dyn FnMut(Fact<'_, V>)) {
        tell(Fact::Vote { ballot: self.ballot, slot: self.slot, entry: self.entry.as_deref() });
    }
}

impl<V: Value> PhaseMessage<V> for Decision<V> {
    fn is_sound(&self) -> bool {
        self.slot.holds(1)
    }

    fn facts(&self, tell: &mut dyn FnMut(Fact<'_, V>)) {
        tell(Fact::Chosen { slot: self.slot, entry: self.entry.as_deref() });
    }
}
