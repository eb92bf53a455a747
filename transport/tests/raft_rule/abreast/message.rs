//! The messages of the two phases. Those of phase 1 are its own: a phase 1a shows how far the proposer's log is. Those
//! of phase 2 are the classic ones. A phase 2a carries all of the log that is not known to be chosen; votes and
//! decisions carry their values.

use paxos_core::{Ballot, Fact, PhaseMessage, Slot, Value, Vote, Votes, in_ballot};
use serde::{Deserialize, Serialize};

pub use paxos_core::{Accept, Accepted, Decision};

/// How far a log is: the highest ballot with a vote in it, and the slot after the last vote in that ballot. Logs are
/// compared by the ballot, and of two with the same ballot the longer one is ahead (Raft's rule, Ongaro 2014, §3.6.1).
pub type Reached = (Ballot, Slot);

/// How far the log is that consists of these votes; none if it is empty. Votes from that slot on are not part of it:
/// the leader that cast the ballot did not have them.
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
    /// From this slot on, `votes` are all votes of the acceptor: from the start of its log if it lends it, else from
    /// its end.
    pub since: Slot,
    /// The log that the acceptor lends; empty for a proposer that has shown its own.
    pub votes: Vec<Vote<V>>,
}

in_ballot! { Prepare, Promise<V> }

impl<V: Value> PhaseMessage<V> for Prepare {
    fn is_sound(&self) -> bool {
        self.from.holds(0) && self.log.is_none_or(|(ballot, end)| ballot < self.ballot && end.holds(0))
    }

    fn facts(&self, tell: &mut dyn FnMut(Fact<'_, V>)) {
        tell(Fact::Prepare { ballot: self.ballot, slots: self.from.onwards() });
    }
}

impl<V: Value> PhaseMessage<V> for Promise<V> {
    fn is_sound(&self) -> bool {
        self.from.holds(0)
            && self.since.holds(0)
            && self.votes.iter().all(|vote| vote.first >= self.since && vote.is_below(self.ballot))
    }

    /// It states the votes that the message tells all of. There is no fact for a promise that says nothing of its
    /// votes, so one that lends no log states that there are none behind its end.
    fn facts(&self, tell: &mut dyn FnMut(Fact<'_, V>)) {
        let votes: Vec<_> = self.votes.iter().flat_map(Vote::iter).collect();
        tell(Fact::Promise { ballot: self.ballot, slots: self.since.onwards(), votes: &votes });
    }
}
