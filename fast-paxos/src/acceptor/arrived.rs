//! The commands that clients sent to an acceptor, until each has a vote in a slot, or is chosen elsewhere.

use super::{Acceptor, RECENT};
use paxos_core::{Amount, Chosen, CommandId, Entry, Slot, SlotRange, Value};
use std::collections::BTreeSet;

impl<V: Value> Acceptor<V> {
    /// Votes again, in a free slot, for a command whose slot goes to another command, so that the loser of a collision
    /// needs no help from its client.
    pub(super) fn move_on(&mut self, slots: SlotRange, placed: &BTreeSet<CommandId>) {
        // Commands of this turn that have a slot now need no other slot.
        if !self.arrived.is_empty() {
            self.arrived.retain(|entry| entry.id().is_none_or(|id| !placed.contains(&id)));
            self.weigh();
        }
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
        if self.arrived.is_empty() {
            return;
        }
        // Slots beyond a gap have not been compared yet.
        let mut ahead = BTreeSet::new();
        name_each(chosen, chosen.first_unknown().extend(RECENT), |_, id| _ = ahead.insert(id));
        let won = |id| self.elsewhere.contains_key(&id) || ahead.contains(&id);
        let before = self.arrived.len();
        self.arrived.retain(|entry| !entry.id().is_some_and(won));
        if self.arrived.len() < before {
            self.weigh();
        }
    }

    pub(super) fn weigh(&mut self) {
        let bytes = self.arrived.iter().map(Entry::bytes).sum();
        self.gathered = Amount { count: self.arrived.len(), bytes };
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
                self.again.push(*slot);
            }
            return;
        }
        let more = Amount { count: 1, bytes: entry.bytes() };
        // If there is no room for a command, its client asks again.
        let limits = &self.setup.config.limits;
        if limits.admit(self.gathered, more).is_ok() && !self.arrived.contains(entry) {
            self.gathered += more;
            self.arrived.push(entry.clone());
        }
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
