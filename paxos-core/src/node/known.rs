//! The record on disk of what a process knows to be chosen.
//!
//! Votes tell what may have been chosen. A process that restarts with votes alone must ask the others which were
//! chosen, and if all processes do, a leader must propose the whole log again. So a process also writes what it knows.
//! For values that it voted for, it writes only the slots ([`Recorded::known`]), now and then with its votes. For
//! other values it writes the values ([`Recorded::learned`]), if they are short or other processes may rely on them.
//! After a while in which it learns nothing new, and when it is stopped, it writes the rest: if all other disks are lost,
//! this one has all that the process has answered reads with.
//!
//! A vote that is for the chosen value stays so, in whatever ballots the slot is voted in again: "if a proposal with
//! value v is chosen, then every higher-numbered proposal that is chosen has value v", and so has every one that is
//! accepted (*Paxos Made Simple*, §2.2, P2 and P2a). The record follows the vote on disk, so a torn write leaves the
//! vote alone, or both.

use super::Node;
use crate::{Acceptor, Batch, Entry, Protocol, Recorded, Slot, SlotRange};
use std::mem;

/// The bytes of the log that are written at once when an epoch begins; a batch may exceed them.
const PIECE: usize = 1 << 20;

/// The usual overhead of an entry, in bytes.
const ENTRY: usize = 16;

/// Known slots are written with the next votes after this number of slots, and with each write of this number of
/// bytes. Slots that were not written are proposed again if all processes restart at once.
const SLOTS: u64 = 64;
const BYTES: usize = 1 << 16;

/// After this number of turns of gossip in which nothing was learned, all that is known is written.
const IDLE: u32 = 16;

/// The most bytes of values that a process writes when it is stopped.
const LAST: usize = 1 << 26;

impl<P: Protocol> Node<P> {
    /// Adds to the next write which of this process's votes are for chosen values, if there are enough of these.
    pub(super) fn mark(&mut self) {
        let known = SlotRange::new(self.marked.max(self.settled), self.chosen.first_unknown());
        let is_large = || self.out.records.iter().map(P::Record::bytes).sum::<usize>() >= BYTES;
        // An epoch's past is written piece by piece.
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

    /// Writes what this process knows to be chosen and has not written yet, a piece at a time: once it has learned nothing
    /// for a while, or if an earlier record has left something out. Called with each turn of gossip.
    #[cold]
    pub(super) fn write_at_leisure(&mut self) {
        let known = self.chosen.first_unknown();
        let left_out = self.settled.max(self.marked.min(known));
        let until = if self.gossip.idle_for >= IDLE { known } else { left_out };
        if until > self.settled && !self.is_clogged() && self.settle(until) {
            self.marked = self.marked.max(until);
        }
    }

    /// Adds to the next write all that this process knows to be chosen and has not written yet, up to 64 MiB of values that it
    /// did not vote for. A driver calls this before the process ends, so that its disk has what it has told its clients,
    /// even if all other disks are lost.
    pub fn write_known(&mut self) {
        if self.acceptor.is_none() || self.amnesia().is_some() {
            return;
        }
        let known = SlotRange::new(self.settled, self.chosen.first_unknown());
        let mut records = mem::take(&mut self.out.records);
        self.settled = self.settled.max(self.say_known(known, LAST, &mut records));
        self.marked = self.marked.max(known.end);
        self.out.records = records;
    }

    /// Adds to `records` that the known values in `slots` are chosen, in their order. For values that this process
    /// voted for, with earlier records, it adds the slots; for others the values, up to `most` bytes. Returns the slot
    /// below which nothing was left out.
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
        let Some(votes) = self.acceptor.as_ref().map(Acceptor::votes) else { return false };
        let mut next = slots.start;
        for vote in votes.within(slots) {
            let chosen = batch.tail(vote.first.since(slots.start)).head(vote.batch.len() as u64);
            // Entries with the same id are equal.
            let names = || vote.batch.iter().map(Entry::id).eq(chosen.iter().map(Entry::id));
            if vote.first != next || !(vote.batch.shares(&chosen) || names()) {
                return false;
            }
            next = vote.slots().end;
        }
        next == slots.end
    }

    /// Restores, from a record, that the values that this process voted for in `slots` are chosen.
    pub(super) fn recall_known(&mut self, slots: SlotRange) {
        let Some(votes) = self.acceptor.as_ref().map(Acceptor::votes) else { return };
        for vote in votes.within(slots) {
            self.chosen.choose(vote.first, vote.batch);
        }
        self.marked = self.marked.max(slots.end);
    }

    /// Writes what this process knows below `slot`, before it promises or votes from there on: the acceptors that
    /// voted for it may be turned off now, so the remaining ones must be able to report it.
    ///
    /// The log may be long, so it is written piece by piece. Returns whether the last piece is written, or about to
    /// be.
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

    /// Adds to `records`, the votes after a snapshot that ends at `from`, what this process knows to be chosen there.
    /// What it reported as durable stays on disk, including values that it did not vote for.
    pub(super) fn keep_known(&self, from: Slot, records: &mut Vec<P::Record>) {
        self.say_known(SlotRange::new(from, self.settled), usize::MAX, records);
        self.say_known(SlotRange::new(from.max(self.settled), self.marked), BYTES, records);
    }
}
