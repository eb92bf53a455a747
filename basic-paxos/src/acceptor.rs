//! The acceptor: one promise and one vote per slot.

use crate::{Accept, Accepted, BasicPaxos, One, Options, Prepare, Promise};
use paxos_core::{Ballot, Divide, Learning, Nack, Record, Runs, Setup, Slot, SlotRange, Value, Votes};

/// The fault-tolerant memory. `promised` and the ballots of `votes` are separate (*Paxos Made Simple*, §2.2: an
/// acceptor remembers the highest-numbered proposal it ever accepted and the number of the highest-numbered prepare
/// request to which it has responded), and both survive a crash. Slots are independent (§3: each command is chosen by
/// an instance of its own).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Acceptor<V> {
    promised: Runs<Promised>,
    /// The highest ballot promised in any slot.
    highest: Ballot,
    votes: Votes<V>,
    votes_carry_values: bool,
}

/// The highest ballot promised in a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Promised(Ballot);

impl Divide for Promised {
    fn split_off(&mut self, _at: u64) -> Self {
        *self
    }
}

impl<V: Value> Acceptor<V> {
    /// The highest ballot promised in `slot`; [`Ballot::ZERO`] if none.
    pub fn promised(&self, slot: Slot) -> Ballot {
        self.promised.get(slot).map_or(Ballot::ZERO, |(_, promised)| promised.0)
    }

    /// The votes.
    pub fn votes(&self) -> &Votes<V> {
        &self.votes
    }

    /// Raises the promise in `slots` to `ballot`. A promise never decreases.
    fn promise(&mut self, slots: SlotRange, ballot: Ballot) {
        self.highest = self.highest.max(ballot);
        if slots.is_empty() {
            return;
        }
        if self.promised.end() <= slots.start {
            self.promised.insert(slots, Promised(ballot));
        } else {
            self.promised.overlay(slots, &Promised(ballot), |held| held.0 < ballot);
        }
    }

    fn refuse(&self, refused: Ballot, slot: Slot) -> Nack {
        Nack { refused, promised: self.promised(slot), slots: slot.extend(1) }
    }
}

/// A thrifty proposer's phase 2a does not reach every learner.
fn votes_carry_values(setup: &Setup<Options>) -> bool {
    let config = &setup.config;
    config.votes_carry_values() || (config.thrifty && config.learning == Learning::Everyone)
}

impl<V: Value, R: crate::Answer> paxos_core::Acceptor<BasicPaxos<V, R>> for Acceptor<V> {
    fn new(setup: &Setup<Options>) -> Self {
        Self {
            promised: Runs::default(),
            highest: Ballot::ZERO,
            votes: Votes::default(),
            votes_carry_values: votes_carry_values(setup),
        }
    }

    fn reconfigure(&mut self, setup: &Setup<Options>) {
        self.votes_carry_values = votes_carry_values(setup);
    }

    fn restore(&mut self, record: &Record<V>) {
        match record {
            Record::Started(_) | Record::Learned { .. } | Record::Met { .. } | Record::Known(_) => {}
            Record::Promised { ballot, slots } => self.promise(*slots, *ballot),
            Record::Voted { ballot, first, batch } => {
                self.promise(first.extend(batch.len() as u64), *ballot);
                self.votes.note(*ballot, *first, batch);
            }
        }
    }

    /// *Paxos Made Simple*, §2.2, phase 1(b): if the number is greater than that of any prepare request already
    /// answered, promise not to accept lower-numbered proposals, and report the highest-numbered one accepted.
    /// *The Part-Time Parliament*, §2.3, step 2: the priest sends his last vote and thereby promises to cast
    /// none between that and the new ballot.
    fn on_prepare(&mut self, prepare: &Prepare, log: &mut Vec<Record<V>>) -> Result<Promise<V>, Nack> {
        let Prepare { ballot, slot } = *prepare;
        // The acceptor no longer knows its promise and vote in a forgotten slot, so it must not report that it has no
        // vote.
        if ballot < self.promised(slot) || slot < self.votes.floor() {
            return Err(self.refuse(ballot, slot));
        }
        // A repeated request in the same ballot is answered again, but there is nothing new to write.
        if ballot > self.promised(slot) {
            self.promise(slot.extend(1), ballot);
            log.push(Record::Promised { ballot, slots: slot.extend(1) });
        }
        let vote = self.votes.within(slot.extend(1)).next();
        Ok(Promise { ballot, slot, vote: vote.and_then(|v| Some((v.ballot, One::each(&v.batch).next()?))) })
    }

    /// *Paxos Made Simple*, §2.2, phase 2(b): accept unless a prepare request with a greater number was answered.
    fn on_accept(
        &mut self,
        accept: &Accept<V>,
        log: &mut Vec<Record<V>>,
    ) -> Result<Option<Accepted<V>>, Nack> {
        let Accept { ballot, slot, ref entry } = *accept;
        // In a forgotten slot, it may have promised a higher ballot.
        if ballot < self.promised(slot) || slot < self.votes.floor() {
            return Err(self.refuse(ballot, slot));
        }
        // A vote in a ballot is also a promise of it, even without a phase 1a.
        if ballot > self.promised(slot) {
            self.promise(slot.extend(1), ballot);
        }
        // A repeated phase 2a is answered again, but there is nothing new to write.
        if !self.votes.covers(ballot, slot.extend(1)) {
            self.votes.note(ballot, slot, entry.batch());
            log.push(Record::Voted { ballot, first: slot, batch: entry.batch().clone() });
        }
        Ok(Some(Accepted { ballot, slot, entry: self.votes_carry_values.then(|| entry.clone()) }))
    }

    fn follows(&self, ballot: Ballot) -> bool {
        self.highest <= ballot
    }

    fn votes(&self) -> &Votes<V> {
        &self.votes
    }

    fn trim(&mut self, below: Slot) {
        self.promised.remove_below(below);
        self.votes.remove_below(below);
    }

    fn retained(&self, from: Slot) -> Option<Vec<Record<V>>> {
        let promises = self.promised.within(from.onwards()).map(|(slots, promised)| (promised.0, slots));
        // The highest ballot may have been promised in a forgotten slot; the acceptor no longer follows a leader below
        // it.
        let highest = (self.highest, SlotRange::new(from, from));
        Some(self.votes.records(from, promises.chain([highest])))
    }
}
