//! The messages of the two phases. A phase 1a shows how far the proposer's log is, and a phase 2a carries all of the log that
//! is not known to be chosen.

use paxos_core::{Ballot, Batch, Entry, Fact, InBallot, Kind, Phrase, Slot, Value, Vote, Votes, tell_each};
use serde::{Deserialize, Serialize};

/// How far a log is: the highest ballot with a vote in it, and the slot after the last vote in that ballot. Logs are compared
/// by the ballot, and of two with the same ballot the longer one is ahead (Raft's rule, Ongaro 2014, §3.6.1).
pub type Reached = (Ballot, Slot);

/// How far the log is that consists of these votes; none if it is empty. Votes from that slot on are not part of it: the
/// leader that cast the ballot did not have them.
pub fn reached<V>(votes: &Votes<V>) -> Option<Reached> {
    votes.within(Slot(0).onwards()).map(|vote| (vote.ballot, vote.slots().end)).max()
}

/// Phase 1a, for the whole log.
#[doc(alias = "1a")]
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Prepare {
    /// The ballot to promise.
    pub ballot: Ballot,
    /// The proposer's first slot not known to be chosen.
    pub from: Slot,
    /// How far the proposer's log is. None: it has no log to show, and asks to be lent one.
    pub log: Option<Reached>,
}

/// Phase 1b: promised for every slot.
#[doc(alias = "1b")]
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Promise<V> {
    /// The ballot promised.
    pub ballot: Ballot,
    /// As asked.
    pub from: Slot,
    /// From this slot on, `votes` are all votes of the acceptor: from the start of its log if it lends it, else from its end.
    pub since: Slot,
    /// The log that the acceptor lends; empty for a proposer that has shown its own.
    pub votes: Vec<Vote<V>>,
}

/// Phase 2a: the leader's log from some slot to its end.
#[doc(alias = "2a")]
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Accept<V> {
    /// The ballot.
    pub ballot: Ballot,
    /// The slot of the first value.
    pub first: Slot,
    /// The values.
    pub batch: Batch<V>,
    /// In every slot below, what the leader's log holds is chosen.
    pub chosen: Slot,
}

/// Phase 2b for all slots of a phase 2a.
#[doc(alias = "2b")]
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Accepted<V> {
    /// The ballot.
    pub ballot: Ballot,
    /// The slot of the first value.
    pub first: Slot,
    /// The values.
    pub batch: Batch<V>,
}

/// What the distinguished learner announces.
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

macro_rules! in_ballot {
    ($($name:ident)+) => {$(
        impl<V> InBallot for $name<V> {
            fn ballot(&self) -> Ballot {
                self.ballot
            }
        }
    )+};
}

in_ballot! { Promise Accept Accepted Decision }

impl<V: Value> Phrase<V> for Prepare {
    fn kind(&self) -> Kind {
        Kind::Prepare
    }

    fn is_sound(&self) -> bool {
        self.from.holds(0) && self.log.is_none_or(|(ballot, end)| ballot < self.ballot && end.holds(0))
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
        self.from.holds(0)
            && self.since.holds(0)
            && self.votes.iter().all(|vote| vote.first >= self.since && vote.is_below(self.ballot))
    }

    /// It states the votes that the message tells all of. There is no fact for a promise that says nothing of its votes, so one that
    /// lends no log states that there are none behind its end.
    fn facts(&self, tell: &mut dyn FnMut(Fact<'_, V>)) {
        let votes: Vec<_> = self.votes.iter().flat_map(Vote::iter).collect();
        tell(Fact::Promise { ballot: self.ballot, slots: self.since.onwards(), votes: &votes });
    }
}

impl<V: Value> Phrase<V> for Accept<V> {
    fn kind(&self) -> Kind {
        Kind::Accept
    }

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
        self.slot.holds(1)
    }

    fn facts(&self, tell: &mut dyn FnMut(Fact<'_, V>)) {
        tell(Fact::Chosen { slot: self.slot, entry: Some(&self.entry) });
    }
}
