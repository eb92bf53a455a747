//! The records that must survive a crash.

use crate::{Amount, Ballot, Batch, Divide, Entry, Fact, Incarnation, NodeId, Runs, Slot, SlotRange};
use serde::{Deserialize, Serialize};

/// One fact that an acceptor or proposer must never forget. Records are appended, and replayed in order.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Record<V> {
    /// A proposer starts the term of this ballot. It never uses this term or a lower one again.
    Started(Ballot),
    /// An acceptor promised `ballot` for `slots`.
    Promised {
        /// The ballot.
        ballot: Ballot,
        /// The slots.
        slots: SlotRange,
    },
    /// A learner knows that `batch` is chosen, from slot `first` on. Written when the members change, for new members
    /// that have no votes that show it; and for chosen values that the process did not vote for.
    Learned {
        /// The slot of the first entry.
        first: Slot,
        /// The values.
        batch: Batch<V>,
    },
    /// An acceptor voted in `ballot` for `batch`, from slot `first` on.
    Voted {
        /// The ballot.
        ballot: Ballot,
        /// The slot of the first entry.
        first: Slot,
        /// The values.
        batch: Batch<V>,
    },
    /// The known state of a process's store. It replaces what was known before.
    Met {
        /// The process.
        peer: NodeId,
        /// Its store, the current incarnation of it, and the number of writes that were heard of.
        store: Incarnation,
    },
    /// In these slots, the values that this process voted for, according to earlier records, are chosen.
    Known(SlotRange),
}

impl<V> Record<V> {
    /// Returns the record for a proposer that must never use the term of `ballot` or a lower one again. None is needed
    /// if no ballot was used yet.
    pub fn used_up_to(ballot: Ballot) -> Vec<Self> {
        (ballot > Ballot::ZERO).then_some(Self::Started(ballot)).into_iter().collect()
    }
}

/// A record of a variant, readable by the simulator's invariants.
pub trait Recorded<V>: Clone + core::fmt::Debug + Eq + core::hash::Hash + Send + Sync + 'static {
    /// Creates a record of what is known to be chosen.
    fn learned(first: Slot, batch: Batch<V>) -> Self;
    /// The values that the record says are chosen.
    fn as_learned(&self) -> Option<(Slot, &Batch<V>)>;
    /// Creates a record that the values voted for in `slots` are chosen.
    fn known(slots: SlotRange) -> Self;
    /// The slots in which the values voted for are chosen.
    fn as_known(&self) -> Option<SlotRange>;
    /// The ballot of the record, if it has one.
    fn ballot(&self) -> Option<Ballot>;
    /// Creates a record of the known state of a process's store.
    fn met(peer: NodeId, store: Incarnation) -> Self;
    /// The process and the state of its store, if the record is about a store.
    fn as_met(&self) -> Option<(NodeId, Incarnation)>;
    /// Reports the facts that the record states.
    fn facts(&self, tell: &mut dyn FnMut(Fact<'_, V>));
    /// The payload bytes of the record.
    fn bytes(&self) -> usize
    where
        V: crate::Value,
    {
        let mut bytes = 0;
        self.facts(&mut |fact| {
            if let Fact::Vote { entry: Some(entry), .. } | Fact::Chosen { entry: Some(entry), .. } = fact {
                bytes += entry.bytes();
            }
        });
        bytes
    }
}

impl<V: crate::Value> Recorded<V> for Record<V> {
    fn learned(first: Slot, batch: Batch<V>) -> Self {
        Self::Learned { first, batch }
    }

    fn as_learned(&self) -> Option<(Slot, &Batch<V>)> {
        if let Self::Learned { first, batch } = self { Some((*first, batch)) } else { None }
    }

    fn ballot(&self) -> Option<Ballot> {
        match self {
            Self::Started(ballot) | Self::Promised { ballot, .. } | Self::Voted { ballot, .. } => {
                Some(*ballot)
            }
            Self::Learned { .. } | Self::Met { .. } | Self::Known(_) => None,
        }
    }

    fn known(slots: SlotRange) -> Self {
        Self::Known(slots)
    }

    fn as_known(&self) -> Option<SlotRange> {
        if let Self::Known(slots) = self { Some(*slots) } else { None }
    }

    fn met(peer: NodeId, store: Incarnation) -> Self {
        Self::Met { peer, store }
    }

    fn as_met(&self) -> Option<(NodeId, Incarnation)> {
        if let Self::Met { peer, store } = self { Some((*peer, *store)) } else { None }
    }

    fn facts(&self, tell: &mut dyn FnMut(Fact<'_, V>)) {
        match self {
            Self::Started(_) | Self::Met { .. } => {}
            Self::Known(slots) => slots.iter().for_each(|slot| tell(Fact::Chosen { slot, entry: None })),
            Self::Learned { first, batch } => {
                crate::tell_each(*first, batch, tell, |slot, entry| Fact::Chosen {
                    slot,
                    entry: Some(entry),
                });
            }
            Self::Promised { ballot, slots } => {
                tell(Fact::Promise { ballot: *ballot, slots: *slots, votes: &[] });
            }
            Self::Voted { ballot, first, batch } => {
                for (slot, entry) in first.extend(batch.len() as u64).iter().zip(batch.iter()) {
                    tell(Fact::Vote { ballot: *ballot, slot, entry: Some(entry) });
                }
            }
        }
    }
}

/// Votes of one acceptor in one ballot, in consecutive slots.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Vote<V> {
    /// The slot of the first entry.
    pub first: Slot,
    /// The ballot.
    pub ballot: Ballot,
    /// The values.
    pub batch: Batch<V>,
}

impl<V> Vote<V> {
    /// The slots of the votes.
    pub fn slots(&self) -> SlotRange {
        self.first.extend(self.batch.len() as u64)
    }

    /// Whether it can be reported with a promise of `ballot`: an acceptor in a higher ballot would have refused.
    pub fn is_below(&self, ballot: Ballot) -> bool {
        self.ballot <= ballot && self.first.holds(self.batch.len() as u64)
    }

    /// Iterates over the votes, slot by slot.
    pub fn iter(&self) -> impl Iterator<Item = (Slot, Ballot, &Entry<V>)> {
        self.slots().iter().zip(self.batch.iter()).map(|(slot, entry)| (slot, self.ballot, entry))
    }
}

/// For each slot, the highest ballot with a vote, and its value. It is an acceptor's memory, and what a proposer
/// gathers from promises.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Votes<V> {
    runs: Runs<(Ballot, Batch<V>)>,
    /// The votes below this slot were forgotten. A proposer that remembers votes has no use for it.
    floor: Slot,
}

impl<V> Divide for (Ballot, Batch<V>) {
    fn split_off(&mut self, at: u64) -> Self {
        (self.0, self.1.split_off(at))
    }
}

impl<V> Default for Votes<V> {
    fn default() -> Self {
        Self { runs: Runs::default(), floor: Slot(0) }
    }
}

impl<V> Votes<V> {
    /// Notes votes, except in slots with a vote in a higher ballot.
    pub fn note(&mut self, ballot: Ballot, first: Slot, batch: &Batch<V>) {
        let slots = first.extend(batch.len() as u64);
        if !self.runs.append(slots, || (ballot, batch.clone())) {
            self.runs.overlay(slots, &(ballot, batch.clone()), |held| held.0 <= ballot);
        }
    }

    /// The records that restore the votes from `from` on, and after them those of promises.
    pub fn records(
        &self,
        from: Slot,
        promises: impl IntoIterator<Item = (Ballot, SlotRange)>,
    ) -> Vec<Record<V>> {
        let voted =
            |vote: Vote<V>| Record::Voted { ballot: vote.ballot, first: vote.first, batch: vote.batch };
        // No record is needed of an acceptor that has promised nothing.
        let promises = promises.into_iter().filter(|(ballot, _)| *ballot > Ballot::ZERO);
        let records = promises.map(|(ballot, slots)| Record::Promised { ballot, slots });
        self.within(from.onwards()).map(voted).chain(records).collect()
    }

    /// The vote in `slot`.
    pub fn get(&self, slot: Slot) -> Option<(Ballot, &Entry<V>)> {
        let (range, (ballot, batch)) = self.runs.get(slot)?;
        Some((*ballot, &batch[slot.since(range.start) as usize]))
    }

    /// The votes within `slots`, in order.
    pub fn within(&self, slots: SlotRange) -> impl Iterator<Item = Vote<V>> {
        self.runs.within(slots).map(|(range, (ballot, batch))| Vote { first: range.start, ballot, batch })
    }

    /// Returns the votes from `from` on, at most `limit` but at least one, and the slot below which they are complete:
    /// [`Slot::MAX`] if none is left out.
    pub fn piece(&self, from: Slot, limit: Amount) -> (Slot, Vec<Vote<V>>)
    where
        V: crate::Value,
    {
        let (mut sum, mut votes) = (Amount::default(), Vec::new());
        for vote in self.within(from.onwards()) {
            // Nothing follows a first command that is larger, not even a no-op, which has no bytes.
            let count = if sum.bytes > limit.bytes { 0 } else { limit.count.saturating_sub(sum.count) };
            let left = Amount { count, bytes: limit.bytes.saturating_sub(sum.bytes) };
            let fitting =
                if sum.count == 0 { vote.batch.portion(left).amount() } else { vote.batch.fitting(left) };
            let (end, all) = (vote.first.plus(fitting.count as u64), fitting.count == vote.batch.len());
            sum += fitting;
            if fitting.count > 0 {
                votes.push(Vote { batch: vote.batch.head(fitting.count as u64), ..vote });
            }
            if !all {
                return (end, votes);
            }
        }
        (Slot::MAX, votes)
    }

    /// The first run of votes.
    pub(crate) fn first(&self) -> Option<(SlotRange, &Batch<V>)> {
        self.runs.first().map(|(range, (_, batch))| (range, batch))
    }

    /// The runs of votes that overlap `slots`.
    pub(crate) fn overlapping(&self, slots: SlotRange) -> impl Iterator<Item = (SlotRange, &Batch<V>)> {
        self.runs.overlapping(slots).map(|(range, (_, batch))| (range, batch))
    }

    /// The highest ballot of the votes in `slots`; [`Ballot::ZERO`] if there is none.
    pub fn highest_ballot(&self, slots: SlotRange) -> Ballot {
        if self.runs.end() <= slots.start {
            return Ballot::ZERO;
        }
        self.runs.within(slots).map(|(_, (ballot, _))| ballot).max().unwrap_or_default()
    }

    /// Whether there is a vote in `ballot` in every one of `slots`.
    pub fn covers(&self, ballot: Ballot, slots: SlotRange) -> bool {
        self.runs.end() > slots.start
            && self.runs.within(slots).filter(|(_, held)| held.0 == ballot).map(|(s, _)| s.len()).sum::<u64>()
                == slots.len()
    }

    /// Whether these can be the votes, from `from` on, of a phase 1 quorum of correct acceptors, where no leader has
    /// more than `window` slots in progress. In every chosen slot, at least one of them has voted. So there cannot be
    /// more slots without a vote than a dozen leaders in a row could have left. A leader that filled larger gaps with
    /// no-ops might never finish.
    pub fn is_plausible(&self, from: Slot, window: usize) -> bool {
        let end = self.runs.end();
        let voted: u64 = self.runs.overlapping(from.onwards()).map(|(slots, _)| slots.len()).sum();
        SlotRange::new(from, end).len() <= voted.saturating_add((window as u64).saturating_mul(16))
    }

    /// The first slot with a vote.
    pub fn start(&self) -> Option<Slot> {
        Some(self.runs.first()?.0.start)
    }

    /// The slot after the last slot with a vote.
    pub fn end(&self) -> Slot {
        self.runs.end()
    }

    /// Forgets the votes below `slot`.
    pub fn remove_below(&mut self, slot: Slot) {
        self.runs.remove_below(slot);
        self.floor = self.floor.max(slot);
    }

    /// The slot below which votes were forgotten; slot 0 if none were.
    pub const fn floor(&self) -> Slot {
        self.floor
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Batch, ClientId};

    #[test]
    fn nothing_follows_a_command_that_is_larger_than_a_piece() {
        let mut votes = Votes::default();
        let large = Batch::from(Entry::new(ClientId::default(), 0, 7_u64));
        let noop = Batch::from(Entry::Noop);
        for (slot, batch) in [(0, &large), (1, &noop), (2, &noop)] {
            votes.note(Ballot::classic(1, NodeId(0)), Slot(slot), batch);
        }
        let limit = Amount { count: 9, bytes: 7 };
        let slots = |from| {
            let (end, votes) = votes.piece(Slot(from), limit);
            (end, votes.iter().map(|vote| vote.batch.len()).sum())
        };
        assert_eq!((slots(0), slots(1)), ((Slot(1), 1), (Slot::MAX, 2)));
    }

    #[test]
    fn what_was_forgotten_stays_forgotten() {
        let mut votes = Votes::default();
        let batch = Batch::from(Entry::new(ClientId::default(), 0, 7_u64));
        for slot in 0..5 {
            votes.note(Ballot::classic(1, NodeId(0)), Slot(slot), &batch);
        }
        assert_eq!(votes.floor(), Slot(0));
        for below in [3, 1] {
            votes.remove_below(Slot(below));
            assert_eq!((votes.floor(), votes.start()), (Slot(3), Some(Slot(3))));
        }
    }
}
