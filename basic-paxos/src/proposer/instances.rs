//! The instances of a proposer: when one begins, in which slot, and what becomes of its command.

use super::Proposer;
use crate::One;
use crate::instance::Instance;
use paxos_core::{Chosen, Entry, Slot, SlotRange, Time, Value};
use std::collections::{BTreeSet, VecDeque};

impl<V: Value> Proposer<V> {
    pub(super) fn find(&self, slot: Slot) -> Option<usize> {
        find(&self.instances, slot)
    }

    /// Begins an instance if one is useful, the window has room, and no refusal stands in the way.
    pub(super) fn begin(&mut self, now: Time, chosen: &Chosen<V>) -> bool {
        if !self.open {
            return false;
        }
        let instances = &self.instances;
        // A gap does not wait for room in the window, because the commands that fill the window may be waiting for the
        // gap.
        let gap = self.gaps.take(|slot| !chosen.knows(slot) && find(instances, slot).is_none());
        let slot = match gap {
            Some(slot) => slot,
            None if self.queue.is_empty() && !self.is_awaited(chosen) => return false,
            None if self.instances.len() >= self.setup.config.limits.window.max(1) => return false,
            None if !self.queue.next_fits(&self.setup.config.limits) => return false,
            None => self.free_slot(chosen),
        };
        if slot >= chosen.limit() {
            return false;
        }
        if slot.index() >= self.setup.options.slots {
            self.queue.drain();
            return false;
        }
        let own = if gap.is_some() { None } else { self.queue.pop_front() };
        let at = self.instances.partition_point(|instance| instance.slot < slot);
        self.instances.insert(at, Instance::new(now, slot, self.base, own));
        self.asking.push_back(slot);
        true
    }

    /// Whether no-ops are needed to bring a pending change of members into effect.
    pub(super) fn is_awaited(&self, chosen: &Chosen<V>) -> bool {
        self.is_concerned() && chosen.is_changing()
    }

    /// Returns the lowest slot that is not known to be chosen and not under way here.
    pub(super) fn free_slot(&mut self, chosen: &Chosen<V>) -> Slot {
        // Slots within reach that are said to be chosen are skipped without a try. A claim further ahead must be proved
        // first, because skipping to it would leave a large gap.
        let heard = Some(chosen.heard()).filter(|heard| *heard <= chosen.horizon());
        self.next = self.next.max(heard.unwrap_or_default()).max(self.progress).max(self.gaps.voted(chosen));
        while chosen.knows(self.next) || self.find(self.next).is_some() {
            self.next = self.next.plus(1);
        }
        self.next
    }

    /// Ends the instances below `end` whose `fate` is known: whether their own command was chosen. Returns the commands
    /// that were not chosen.
    pub(super) fn settle(&mut self, end: Slot, fate: impl Fn(&Instance<V>) -> Option<bool>) -> Vec<One<V>> {
        let end = self.instances.partition_point(|instance| instance.slot < end);
        let (mut rest, mut lost) = (Vec::new(), Vec::new());
        for instance in self.instances.drain(..end) {
            let Some(won) = fate(&instance) else {
                rest.push(instance);
                continue;
            };
            self.proven |= instance.ballot() == self.base && !instance.is_held();
            match instance.own {
                Some(own) if won => _ = own.id().is_some_and(|id| self.queue.done(id)),
                Some(own) => lost.push(own),
                None => {}
            }
        }
        rest.into_iter().rev().for_each(|instance| self.instances.push_front(instance));
        lost
    }

    /// Drops own commands that were chosen in other slots.
    pub(super) fn drop_chosen(&mut self, slots: SlotRange, chosen: &Chosen<V>) {
        let mut done = BTreeSet::new();
        for (_, batch) in chosen.within(slots) {
            done.extend(batch.iter().filter_map(Entry::id).filter(|id| self.queue.done(*id)));
        }
        if done.is_empty() {
            return;
        }
        self.queue.drop_waiting(&done);
        for instance in &mut self.instances {
            instance.own.take_if(|own| own.id().is_some_and(|id| done.contains(&id)));
        }
    }

    /// Holds every instance, because another process was elected and finishes them.
    pub(super) fn hold(&mut self) -> bool {
        self.instances.iter_mut().for_each(Instance::hold);
        self.asking.clear();
        self.resend_at = None;
        self.gaps.clear();
        std::mem::take(&mut self.open)
    }
}

pub(super) fn find<V>(instances: &VecDeque<Instance<V>>, slot: Slot) -> Option<usize> {
    instances.binary_search_by_key(&slot, |instance| instance.slot).ok()
}
