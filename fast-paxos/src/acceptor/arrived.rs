//! The commands that clients sent to an acceptor, until each has a vote in a slot, or is chosen elsewhere.

use super::{Acceptor, RECENT};
use crate::Accepted;
use paxos_core::{Amount, Aside, Batch, Chosen, CommandId, Entry, Limits, Slot, SlotRange, Value};
use std::collections::{BTreeSet, VecDeque};

/// Commands to vote for, in the order of their arrival, with their ids and their size.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Arrived<V> {
    entries: VecDeque<Entry<V>>,
    ids: BTreeSet<CommandId>,
    size: Amount,
    /// The state of the log in which none of them was chosen ([`Chosen::changes`]). None: that is not known.
    checked: Aside<Option<u64>>,
}

impl<V> Default for Arrived<V> {
    fn default() -> Self {
        let (entries, ids) = (VecDeque::new(), BTreeSet::new());
        Self { entries, ids, size: Amount::default(), checked: Aside(None) }
    }
}

impl<V: Value> Arrived<V> {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds a command that is not there yet, if there is room for it. Otherwise its client asks again.
    pub(super) fn push(&mut self, entry: Entry<V>, limits: &Limits) {
        let more = Amount { count: 1, bytes: entry.bytes() };
        if limits.admit(self.size, more).is_ok() && entry.id().is_none_or(|id| self.ids.insert(id)) {
            self.size += more;
            self.entries.push_back(entry);
            self.checked.0 = None;
        }
    }

    /// Takes the first commands: at most `limit`, or one larger command.
    pub(super) fn take(&mut self, limit: Amount) -> Batch<V> {
        let mut sum = Amount::default();
        let fitting = self.entries.iter().take_while(|entry| {
            sum += Amount { count: 1, bytes: entry.bytes() };
            sum.fits(limit)
        });
        let count = fitting.count().max(1).min(self.entries.len());
        let batch: Batch<V> = self.entries.drain(..count).collect();
        batch.iter().filter_map(Entry::id).for_each(|id| _ = self.ids.remove(&id));
        self.size -= batch.amount();
        batch
    }

    /// Drops the commands whose ids are `unwanted`.
    fn drop(&mut self, unwanted: impl Fn(&CommandId) -> bool) {
        if self.ids.iter().any(&unwanted) {
            self.entries.retain(|entry| !entry.id().is_some_and(|id| unwanted(&id)));
            self.ids.retain(|id| !unwanted(id));
            let bytes = self.entries.iter().map(Entry::bytes).sum();
            self.size = Amount { count: self.entries.len(), bytes };
        }
    }
}

impl<V: Value> Acceptor<V> {
    /// Votes again, in a free slot, for a command whose slot goes to another command, so that the loser of a collision
    /// needs no help from its client.
    pub(super) fn move_on(&mut self, slots: SlotRange, placed: &BTreeSet<CommandId>) {
        // Commands of this turn that have a slot now need no other slot.
        self.arrived.drop(|id| placed.contains(id));
        let lost: Vec<Entry<V>> = self.votes.within(slots).flat_map(|vote| vote.batch.to_vec()).collect();
        for entry in lost {
            let Some(id) = entry.id() else { continue };
            let here = self.mine.get(&id).is_some_and(|slot| slots.contains(*slot));
            if here && !placed.contains(&id) {
                self.take_again(&entry);
            }
        }
    }

    /// Compares its votes with what was learned. In the open ballot itself, other acceptors may form a quorum for
    /// another command, and no message tells this acceptor that its command lost.
    pub(super) fn compare(&mut self, chosen: &Chosen<V>) {
        let known = SlotRange::new(self.compared.max(self.votes.floor()), chosen.first_unknown());
        if known.is_empty() {
            return;
        }
        self.compared = known.end;
        let mut lost = Vec::new();
        for vote in self.votes.within(known).filter(|vote| vote.ballot.same_term(self.promised)) {
            for (slot, _, entry) in vote.iter() {
                let here = entry.id().is_some_and(|id| self.mine.get(&id) == Some(&slot));
                if here && chosen.get(slot).is_some_and(|won| won.id() != entry.id()) {
                    lost.push(entry.clone());
                }
            }
        }
        if !self.arrived.is_empty() {
            let mut settled = BTreeSet::new();
            name_each(chosen, known, |_, id| _ = settled.insert(id));
            self.arrived.drop(|id| settled.contains(id));
        }
        let recent = known.end.minus(RECENT);
        name_each(chosen, SlotRange::new(known.start.max(recent), known.end), |slot, id| {
            if self.mine.get(&id) != Some(&slot) {
                self.elsewhere.insert(id, slot);
            }
        });
        if self.elsewhere.len() as u64 > 2 * RECENT {
            self.elsewhere.retain(|_, slot| *slot >= recent);
        }
        for entry in lost {
            self.take_again(&entry);
        }
    }

    /// Gives a new slot to a command that has lost its slot.
    pub(super) fn take_again(&mut self, entry: &Entry<V>) {
        let Some(id) = entry.id() else { return };
        self.mine.remove(&id);
        #[cfg(feature = "mistakes")]
        let again = crate::mistakes::again(self.setup.options.mistake, entry.clone());
        #[cfg(feature = "mistakes")]
        let Some(entry) = &again else { return };
        self.take(entry);
    }

    /// Drops commands that were chosen in slots where others voted for them. They need no vote.
    pub(super) fn drop_chosen(&mut self, chosen: &Chosen<V>) {
        let log = Some(chosen.changes());
        if self.arrived.is_empty() || self.arrived.checked.0 == log {
            return;
        }
        // Slots beyond a gap have not been compared yet.
        let mut ahead = BTreeSet::new();
        name_each(chosen, chosen.first_unknown().extend(RECENT), |_, id| _ = ahead.insert(id));
        self.arrived.drop(|id| self.elsewhere.contains_key(id) || ahead.contains(id));
        self.arrived.checked.0 = log;
    }

    /// Returns votes that clients have asked for again: of one ballot, in slots in a row, as many as a message holds.
    pub(super) fn repeat(&mut self) -> Option<Accepted<V>> {
        while let Some(first) = self.again.pop_first() {
            let Some((ballot, entry)) = self.votes.get(first) else { continue };
            let (mut entries, mut sum) = (vec![entry.clone()], Amount { count: 1, bytes: entry.bytes() });
            while let next = first.plus(entries.len() as u64)
                && self.again.contains(&next)
                && let Some((voted, entry)) = self.votes.get(next)
            {
                sum += Amount { count: 1, bytes: entry.bytes() };
                if voted != ballot || !sum.fits(self.piece) {
                    break;
                }
                self.again.remove(&next);
                entries.push(entry.clone());
            }
            return Some(Accepted { ballot, first, batch: entries.into() });
        }
        None
    }

    /// Keeps only the latest votes, for the case that the leader does not say which slots are chosen. If a client asks
    /// again for a forgotten command, the command gets a second slot, and executes once all the same.
    pub(super) fn forget_oldest(&mut self) {
        let most = self.setup.config.limits.queue.saturating_mul(4);
        if self.mine.len() > most {
            let mut slots: Vec<Slot> = self.mine.values().copied().collect();
            slots.sort_unstable();
            let middle = slots[slots.len() / 2];
            self.mine.retain(|_, slot| *slot >= middle);
        }
    }

    pub(super) fn take(&mut self, entry: &Entry<V>) {
        let Some(id) = entry.id() else { return };
        if let Some(slot) = self.mine.get(&id) {
            if self.open.is_some() {
                self.again.insert(*slot);
            }
            return;
        }
        self.arrived.push(entry.clone(), &self.setup.config.limits);
    }
}

/// Calls `tell` with each command known to be chosen in `slots`.
fn name_each<V: Value>(chosen: &Chosen<V>, slots: SlotRange, mut tell: impl FnMut(Slot, CommandId)) {
    for (run, batch) in chosen.within(slots) {
        for (slot, entry) in run.iter().zip(batch.iter()) {
            if let Some(id) = entry.id() {
                tell(slot, id);
            }
        }
    }
}
