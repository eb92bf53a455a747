//! The acceptor: one promise for all slots, one vote per slot.

use crate::{Accept, Accepted, MultiPaxos, Prepare, Promise};
use paxos_core::{Amount, Ballot, Nack, Record, Setup, Slot, SlotRange, Value, Votes, WrittenPromise};

/// The fault-tolerant memory. `promised` and the ballots of `votes` are separate (*Paxos Made Simple*, §2.2: an
/// acceptor remembers the highest-numbered proposal it ever accepted and the number of the highest-numbered prepare
/// request to which it has responded), and both survive a crash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Acceptor<V> {
    promised: Ballot,
    /// The most votes that one promise carries.
    piece: Amount,
    written: WrittenPromise,
    votes: Votes<V>,
    votes_carry_values: bool,
}

impl<V: Value> Acceptor<V> {
    /// The highest ballot promised.
    pub fn promised(&self) -> Ballot {
        self.promised
    }

    /// The votes.
    pub fn votes(&self) -> &Votes<V> {
        &self.votes
    }

    fn refuse(&self, refused: Ballot, slots: SlotRange) -> Nack {
        Nack { refused, promised: self.promised, slots }
    }
}

impl<V: Value, R: crate::Answer> paxos_core::Acceptor<MultiPaxos<V, R>> for Acceptor<V> {
    fn new(setup: &Setup<()>) -> Self {
        let votes_carry_values = setup.config.votes_carry_values();
        Self {
            promised: Ballot::ZERO,
            piece: setup.config.limits.message(),
            written: WrittenPromise::default(),
            votes: Votes::default(),
            votes_carry_values,
        }
    }

    fn reconfigure(&mut self, setup: &Setup<()>) {
        self.votes_carry_values = setup.config.votes_carry_values();
    }

    fn restore(&mut self, record: &Record<V>) {
        match record {
            Record::Started(_) | Record::Learned { .. } | Record::Met { .. } | Record::Known(_) => {}
            Record::Promised { ballot, slots } => {
                self.promised = self.promised.max(*ballot);
                self.written = WrittenPromise::restored(*ballot, slots.start);
            }
            Record::Voted { ballot, first, batch } => {
                self.promised = self.promised.max(*ballot);
                self.votes.note(*ballot, *first, batch);
            }
        }
    }

    /// *Paxos Made Simple*, §2.2, phase 1(b): if the number is greater than that of any prepare request already
    /// answered, promise not to accept lower-numbered proposals, and report the highest-numbered one accepted.
    /// §3: one answer for all instances, with the proposals of those in which one was accepted.
    fn on_prepare(&mut self, prepare: &Prepare, log: &mut Vec<Record<V>>) -> Result<Promise<V>, Nack> {
        let Prepare { ballot, from } = *prepare;
        // The acceptor cannot report forgotten votes. An empty report would mean "no vote", and another value might be
        // proposed where one is chosen (§3: the new leader must know what was chosen before).
        if ballot < self.promised || from < self.votes.floor() {
            return Err(self.refuse(ballot, from.onwards()));
        }
        self.promised = ballot;
        Ok(self.written.answer(prepare, &self.votes, self.piece, log))
    }

    /// *Paxos Made Simple*, §2.2, phase 2(b): accept unless a prepare request with a greater number was answered.
    fn on_accept(
        &mut self,
        accept: &Accept<V>,
        log: &mut Vec<Record<V>>,
    ) -> Result<Option<Accepted<V>>, Nack> {
        let Accept { ballot, first, ref batch, .. } = *accept;
        let slots = first.extend(batch.len() as u64);
        if ballot < self.promised {
            return Err(self.refuse(ballot, slots));
        }
        if slots.is_empty() {
            return Ok(None);
        }
        self.promised = ballot;
        // A repeated phase 2a is answered again, but there is nothing new to write.
        if !self.votes.covers(ballot, slots) {
            self.votes.note(ballot, first, batch);
            log.push(Record::Voted { ballot, first, batch: batch.clone() });
        }
        Ok(Some(Accepted { ballot, slots, batch: self.votes_carry_values.then(|| batch.clone()) }))
    }

    fn has_promised(&self, prepare: &Prepare) -> bool {
        self.promised == prepare.ballot && self.written.covers(prepare.ballot, prepare.from)
    }

    fn follows(&self, ballot: Ballot) -> bool {
        self.promised <= ballot
    }

    fn votes(&self) -> &Votes<V> {
        &self.votes
    }

    /// Refuses any later phase 1a that begins below. A phase 2a is still accepted: what a ballot proposes is safe there
    /// too, whether or not this acceptor remembers its earlier vote.
    fn trim(&mut self, below: Slot) {
        self.votes.remove_below(below);
    }

    fn retained(&self, from: Slot) -> Option<Vec<Record<V>>> {
        Some(self.votes.records(from, [(self.promised, from.onwards())]))
    }
}
