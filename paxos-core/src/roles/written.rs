//! What an acceptor need not write a second time.

use crate::{Amount, Ballot, Prepare, Promise, Record, Slot, Value, Votes};

/// The last promise that an acceptor has given to be written, for all slots from one on. It may be lower than the ballot
/// that the acceptor is in: a vote is a promise, too, and so is a message that opens a fast ballot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct WrittenPromise(Option<(Ballot, Slot)>);

impl WrittenPromise {
    /// The promise of `ballot` for the slots from `from` on, restored from a record.
    pub fn restored(ballot: Ballot, from: Slot) -> Self {
        Self(Some((ballot, from)))
    }

    /// Whether it holds for `ballot` in all slots from `from` on.
    pub fn covers(self, ballot: Ballot, from: Slot) -> bool {
        self.0.is_some_and(|(written, first)| written >= ballot && first <= from)
    }

    /// Answers a phase 1a with a promise, which it writes, and as many votes as fit into `limit`.
    pub fn answer<V: Value>(
        &mut self,
        prepare: &Prepare,
        votes: &Votes<V>,
        limit: Amount,
        log: &mut Vec<Record<V>>,
    ) -> Promise<V> {
        let Prepare { ballot, from } = *prepare;
        self.write(ballot, from, log);
        let (until, votes) = votes.piece(from, limit);
        Promise { ballot, from, until, votes }
    }

    /// Writes that `ballot` is promised in all slots from `from` on, unless that is written. A phase 2a that overtook the
    /// phase 1a may have brought the acceptor into this ballot, so what it has promised does not tell what is written.
    pub fn write<V>(&mut self, ballot: Ballot, from: Slot, log: &mut Vec<Record<V>>) {
        if !self.covers(ballot, from) {
            *self = Self::restored(ballot, from);
            log.push(Record::Promised { ballot, slots: from.onwards() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NodeId;

    #[test]
    fn a_promise_is_written_once_and_again_for_a_higher_ballot_or_earlier_slots() {
        let (mut written, mut log) = (WrittenPromise::default(), Vec::<Record<u64>>::new());
        let (low, high) = (Ballot::classic(1, NodeId(0)), Ballot::classic(2, NodeId(1)));
        let mut writes = |ballot, from| {
            let before = log.len();
            written.write(ballot, Slot(from), &mut log);
            (log.len() - before, written.covers(ballot, Slot(from)))
        };
        assert_eq!([writes(low, 5), writes(low, 5), writes(low, 8)], [(1, true), (0, true), (0, true)]);
        assert_eq!([writes(low, 3), writes(high, 9), writes(high, 4)], [(1, true), (1, true), (1, true)]);
        assert_eq!(log.last(), Some(&Record::Promised { ballot: high, slots: Slot(4).onwards() }));
        let restored = WrittenPromise::restored(high, Slot(4));
        assert!(restored.covers(low, Slot(4)) && !restored.covers(high, Slot(3)));
    }
}
