//! The acceptor: one promise for all slots, and one vote per slot.

use super::{Accept, Accepted, Dialect, Prepare, Promise};
use paxos_core::{Ballot, Nack, Record, Setup, Slot, Value, Votes};

/// The fault-tolerant memory of the protocol.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Acceptor<V> {
    promised: Ballot,
    votes: Votes<V>,
}

impl<V: Value, P: Dialect<V>> paxos_core::Acceptor<P> for Acceptor<V> {
    fn new(_setup: &Setup<()>) -> Self {
        Self { promised: Ballot::ZERO, votes: Votes::default() }
    }

    fn restore(&mut self, record: &Record<V>) {
        match record {
            Record::Started(_) | Record::Learned { .. } | Record::Met { .. } | Record::Known(_) => {}
            Record::Promised { ballot, .. } => self.promised = self.promised.max(*ballot),
            Record::Voted { ballot, first, batch } => {
                self.promised = self.promised.max(*ballot);
                self.votes.note(*ballot, *first, batch);
            }
        }
    }

    /// *Paxos Made Simple*, §2.2, phase 1(b): promise never again to vote in a lower ballot, and report the
    /// highest vote; §3: one answer for all slots.
    fn on_prepare(&mut self, prepare: &Prepare, log: &mut Vec<Record<V>>) -> Result<Promise<V>, Nack> {
        let Prepare { ballot, from } = *prepare;
        let slots = from.onwards();
        // It cannot report votes that it has forgotten (§3: the new leader must know what was chosen before).
        if ballot < self.promised || from < self.votes.floor() {
            return Err(Nack { refused: ballot, promised: self.promised, slots });
        }
        self.promised = ballot;
        // The answer to a repeated prepare is written again. This costs a sync, but needs no check of what is on disk.
        log.push(Record::Promised { ballot, slots });
        // All votes at once: this variant does not ask for the rest.
        Ok(Promise { ballot, from, until: Slot::MAX, votes: self.votes.within(slots).collect() })
    }

    /// *Paxos Made Simple*, §2.2, phase 2(b): vote, unless a higher ballot is promised.
    fn on_accept(
        &mut self,
        accept: &Accept<V>,
        log: &mut Vec<Record<V>>,
    ) -> Result<Option<Accepted<V>>, Nack> {
        let Accept { ballot, first, ref batch, .. } = *accept;
        let slots = first.extend(batch.len() as u64);
        if ballot < self.promised {
            return Err(Nack { refused: ballot, promised: self.promised, slots });
        }
        if slots.is_empty() {
            return Ok(None);
        }
        self.promised = ballot;
        self.votes.note(ballot, first, batch);
        log.push(Record::Voted { ballot, first, batch: batch.clone() });
        Ok(Some(Accepted { ballot, slots, batch: Some(batch.clone()) }))
    }

    fn follows(&self, ballot: Ballot) -> bool {
        self.promised <= ballot
    }

    fn votes(&self) -> &Votes<V> {
        &self.votes
    }

    fn trim(&mut self, below: Slot) {
        self.votes.remove_below(below);
    }
}
