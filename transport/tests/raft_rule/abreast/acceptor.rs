//! The acceptor: one promise for all slots, and a log without gaps.

use super::{Accept, Accepted, Dialect, Prepare, Promise, reached};
use paxos_core::{Ballot, Nack, Record, Setup, Slot, SlotRange, Value, Votes};

/// The fault-tolerant memory.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Acceptor<V> {
    promised: Ballot,
    /// The last promise on disk.
    written: Ballot,
    votes: Votes<V>,
    /// What it voted for in every slot below is chosen, as far as it was told.
    sure: Slot,
}

impl<V: Value, P: Dialect<V>> paxos_core::Acceptor<P> for Acceptor<V> {
    fn new(_setup: &Setup<()>) -> Self {
        Self { promised: Ballot::ZERO, written: Ballot::ZERO, votes: Votes::default(), sure: Slot(0) }
    }

    fn restore(&mut self, record: &Record<V>) {
        match record {
            Record::Known(slots) if slots.start <= self.sure => self.sure = self.sure.max(slots.end),
            Record::Started(_) | Record::Learned { .. } | Record::Met { .. } | Record::Known(_) => {}
            Record::Promised { ballot, .. } => {
                self.promised = self.promised.max(*ballot);
                self.written = *ballot;
            }
            Record::Voted { ballot, first, batch } => {
                self.promised = self.promised.max(*ballot);
                self.votes.note(*ballot, *first, batch);
            }
        }
    }

    /// Ongaro 2014, §3.6.1: a voter refuses a candidate whose log is behind its own; logs are compared by their last term, and
    /// then by their length. A proposer without a log is lent one instead, as in phase 1(b) of *Paxos Made Simple*, §2.2.
    fn on_prepare(&mut self, prepare: &Prepare, log: &mut Vec<Record<V>>) -> Result<Promise<V>, Nack> {
        let Prepare { ballot, from, log: shown } = *prepare;
        let is_behind = shown.is_some() && shown < reached(&self.votes);
        if ballot < self.promised || is_behind {
            return Err(Nack { refused: ballot, promised: self.promised, slots: from.onwards() });
        }
        self.promised = ballot;
        if self.written < ballot {
            self.written = ballot;
            log.push(Record::Promised { ballot, slots: Slot(0).onwards() });
        }
        let since = if shown.is_some() { self.votes.end() } else { Slot(0) };
        Ok(Promise { ballot, from, since, votes: self.votes.within(since.onwards()).collect() })
    }

    /// *Paxos Made Simple*, §2.2, phase 2(b): vote, unless a higher ballot is promised. And unless the log would have a gap, or
    /// would go on from entries that may not be the leader's (Ongaro 2014, §3.5): then the leader is told from where on to send.
    fn on_accept(
        &mut self,
        accept: &Accept<V>,
        log: &mut Vec<Record<V>>,
    ) -> Result<Option<Accepted<V>>, Nack> {
        let Accept { ballot, first, ref batch, chosen } = *accept;
        let slots = first.extend(batch.len() as u64);
        if ballot < self.promised {
            return Err(Nack { refused: ballot, promised: self.promised, slots });
        }
        // Below this slot its log is the leader's: what is chosen is, and what the leader sent.
        let same = reached(&self.votes).filter(|(last, _)| *last == ballot).map_or(Slot(0), |(_, end)| end);
        let same = same.max(self.sure);
        if first > same {
            let slots = SlotRange::new(same, slots.end);
            return Err(Nack { refused: ballot, promised: self.promised, slots });
        }
        if slots.is_empty() {
            return Ok(None);
        }
        self.promised = ballot;
        if !self.votes.covers(ballot, slots) {
            self.votes.note(ballot, first, batch);
            log.push(Record::Voted { ballot, first, batch: batch.clone() });
        }
        self.sure = self.sure.max(chosen.min(slots.end));
        Ok(Some(Accepted { ballot, slots, batch: Some(batch.clone()) }))
    }

    fn follows(&self, ballot: Ballot) -> bool {
        self.promised <= ballot
    }

    fn votes(&self) -> &Votes<V> {
        &self.votes
    }

    fn voted_below(&self) -> Slot {
        reached(&self.votes).map_or(Slot(0), |(_, end)| end)
    }
}
