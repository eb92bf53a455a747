//! What a process knows to be chosen, on its disk.
//!
//! Votes say what may have been chosen. Whoever starts again with nothing but votes has to ask the others which of them
//! was, and if all do, a leader has to propose the whole log again. So a process also writes what it knows: of what it voted for
//! itself no more than the slots ([`Recorded::known`]), now and then with its votes; of the rest the values
//! ([`Recorded::learned`]), when somebody may rely on it or they are short.
//!
//! That a vote is for what is chosen does not change any more, in whatever ballots the slot is voted in again: "if a proposal with
//! value v is chosen, then every higher-numbered proposal that is chosen has value v", and so has every one that is accepted
//! (*Paxos Made Simple*, §2.2, P2 and P2a). The record stands behind the vote that it speaks of, so that of a torn write there is
//! the vote alone, or both.

use super::Node;
use crate::{Acceptor, Batch, Entry, Protocol, Recorded, Slot, SlotRange};
use std::mem;

/// So many bytes of the log are written at once when an epoch begins, and the rest of one batch.
const PIECE: usize = 1 << 20;

/// What an entry costs besides its payload, as a rule.
const ENTRY: usize = 16;

/// After so many slots, what is known is written with the next votes, and with each write that has so many bytes. What was not
/// written is proposed again when all processes start again at once.
const SLOTS: u64 = 64;
const BYTES: usize = 1 << 16;

impl<P: Protocol> Node<P> {
    /// Has the next write say which of this process's votes are for what is chosen, if there is enough to be said.
    pub(super) fn mark(&mut self) {
        let known = SlotRange::new(self.marked.max(self.settled), self.chosen.first_unknown());
        let is_large = || self.out.records.iter().map(P::Record::bytes).sum::<usize>() >= BYTES;
        // What an epoch begins with is written piece by piece.
        if self.is_settling() || known.is_empty() || known.len() < SLOTS && !is_large() {
            return;
        }
        self.marked = known.end;
        let mut records = mem::take(&mut self.out.records);
        let whole = self.say_known(known, BYTES, &mut records);
        self.out.records = records;
        if known.start <= self.settled {
            self.settled = self.settled.max(whole);
        }
    }

    /// Adds to `records` that what is known in `slots` is chosen, in their order: of what this process voted for itself, whose votes
    /// are among the records before, the slots; of the rest the values, as long as there are no more bytes than `most`. Below
    /// which slot nothing was left out.
    fn say_known(&self, slots: SlotRange, most: usize, records: &mut Vec<P::Record>) -> Slot {
        let (mut run, mut whole, mut bytes) = (SlotRange::new(slots.start, slots.start), None, 0);
        for (slots, batch) in self.chosen.within(slots) {
            let voted = self.has_voted_for(slots, &batch);
            if voted && run.end == slots.start {
                run.end = slots.end;
                continue;
            }
            if !run.is_empty() {
                records.push(P::Record::known(run));
            }
            run = SlotRange::new(slots.end, slots.end);
            if voted {
                run.start = slots.start;
                continue;
            }
            bytes += batch.amount().bytes + batch.len() * ENTRY;
            if bytes <= most {
                records.push(P::Record::learned(slots.start, batch));
            } else {
                whole = whole.or(Some(slots.start));
            }
        }
        if !run.is_empty() {
            records.push(P::Record::known(run));
        }
        whole.unwrap_or(slots.end)
    }

    /// Whether this process voted for `batch`, which is chosen in `slots`.
    fn has_voted_for(&self, slots: SlotRange, batch: &Batch<P::Value>) -> bool {
        let Some(votes) = self.acceptor.as_ref().and_then(Acceptor::votes) else { return false };
        let mut next = slots.start;
        for vote in votes.within(slots) {
            let chosen = batch.tail(vote.first.since(slots.start)).head(vote.batch.len() as u64);
            // Entries of one name are the same.
            let names = || vote.batch.iter().map(Entry::id).eq(chosen.iter().map(Entry::id));
            if vote.first != next || !(vote.batch.shares(&chosen) || names()) {
                return false;
            }
            next = vote.slots().end;
        }
        next == slots.end
    }

    /// A process that starts again reads that what it voted for in `slots` is chosen.
    pub(super) fn recall_known(&mut self, slots: SlotRange) {
        let Some(votes) = self.acceptor.as_ref().and_then(Acceptor::votes) else { return };
        for vote in votes.within(slots) {
            self.chosen.choose(vote.first, vote.batch);
        }
        self.marked = self.marked.max(slots.end);
    }

    /// Writes what this process knows below `slot`, before it promises or votes anything from there on: the
    /// acceptors that voted for it may be turned off now, and who remains must be able to tell it.
    ///
    /// The log may be long: it is written piece by piece. Whether the last one is written, or is about to be.
    pub(super) fn settle(&mut self, slot: Slot) -> bool {
        if self.acceptor.is_none() || self.settled >= slot {
            return true;
        }
        if self.is_settling() {
            return false;
        }
        let mut bytes = 0;
        for (slots, batch) in self.chosen.within(SlotRange::new(self.settled, slot)) {
            bytes += batch.len() * ENTRY;
            self.piece = true;
            if self.has_voted_for(slots, &batch) {
                self.out.records.push(P::Record::known(slots));
            } else {
                bytes += batch.amount().bytes;
                self.out.records.push(P::Record::learned(slots.start, batch));
            }
            if bytes >= PIECE && slots.end < slot {
                self.settled = slots.end;
                return false;
            }
        }
        self.settled = slot;
        true
    }

    /// Adds to `records`, which are the votes behind a snapshot that ends at `from`, what this process knows to be chosen there. What
    /// it said to be on its disk stays there, also where it voted for something else.
    pub(super) fn keep_known(&self, from: Slot, records: &mut Vec<P::Record>) {
        self.say_known(SlotRange::new(from, self.settled), usize::MAX, records);
        self.say_known(SlotRange::new(from.max(self.settled), self.marked), BYTES, records);
    }
}
