//! What a process knows to be chosen, on its disk.
//!
//! Votes say what may have been chosen. Whoever starts again with nothing but votes has to ask the others which of them
//! was, and if all do, a leader has to propose the whole log again. So a process also writes what it knows: of what it voted for
//! itself no more than the slots ([`Recorded::known`]), now and then with its votes; of the rest the values
//! ([`Recorded::learned`]), when somebody may rely on it.

use super::Node;
use crate::{Acceptor, Chosen, Protocol, Recorded, Slot, SlotRange};

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
        let known = SlotRange::new(self.marked, self.chosen.first_unknown());
        let is_large = || self.out.records.iter().map(P::Record::bytes).sum::<usize>() >= BYTES;
        if known.is_empty() || known.len() < SLOTS && !is_large() {
            return;
        }
        self.marked = known.end;
        let (records, settled) = (&mut self.out.records, &mut self.settled);
        each_voted::<P, _>(self.acceptor.as_ref(), &self.chosen, known, |run| {
            records.push(P::Record::known(run));
            if run.start <= *settled {
                *settled = run.end.max(*settled);
            }
        });
    }

    /// Whether this process voted for all that it knows to be chosen in `slots`.
    fn voted_for_all(&self, slots: SlotRange) -> bool {
        let mut voted = 0;
        each_voted::<P, _>(self.acceptor.as_ref(), &self.chosen, slots, |run| voted += run.len());
        voted == slots.len()
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
            bytes += ENTRY;
            self.piece = true;
            if self.voted_for_all(slots) {
                self.out.records.push(P::Record::known(slots));
            } else {
                bytes += batch.amount().bytes + batch.len() * ENTRY;
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

    /// Besides a snapshot that ends at `from` and the `votes` behind it: what this process knows to be chosen there and what it
    /// said to be on its disk, which stays there, also where it voted for something else.
    pub(super) fn keep_known(
        &self,
        from: Slot,
        votes: impl IntoIterator<Item = P::Record>,
    ) -> Vec<P::Record> {
        let mut records = Vec::new();
        for (slots, batch) in self.chosen.within(SlotRange::new(from, self.settled)) {
            if !self.voted_for_all(slots) {
                records.push(P::Record::learned(slots.start, batch));
            }
        }
        records.extend(votes);
        let known = SlotRange::new(from, self.settled.max(self.marked));
        each_voted::<P, _>(self.acceptor.as_ref(), &self.chosen, known, |run| {
            records.push(P::Record::known(run));
        });
        records
    }
}

/// Tells the runs of slots, of `slots`, in which `acceptor` voted for what is chosen.
fn each_voted<P, A>(
    acceptor: Option<&A>,
    chosen: &Chosen<P::Value>,
    slots: SlotRange,
    mut tell: impl FnMut(SlotRange),
) where
    P: Protocol<Acceptor = A>,
    A: Acceptor<P>,
{
    let Some(votes) = acceptor.and_then(Acceptor::votes) else { return };
    let mut run = SlotRange::new(slots.start, slots.start);
    for (slots, batch) in chosen.within(slots) {
        for (slot, entry) in slots.iter().zip(batch.iter()) {
            // Entries of one name are the same.
            if votes.get(slot).is_none_or(|(_, voted)| voted.id() != entry.id()) {
                continue;
            }
            if run.end != slot {
                if !run.is_empty() {
                    tell(run);
                }
                run = slot.extend(0);
            }
            run.end = slot.plus(1);
        }
    }
    if !run.is_empty() {
        tell(run);
    }
}
