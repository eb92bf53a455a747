//! The log of what a process knows to be chosen: delivered in slot order, without a gap.

use crate::{Batch, Entry, Runs, Slot, SlotRange};

/// What is known to be chosen, and how much of it was handed over for execution.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Chosen<V> {
    log: Runs<Batch<V>>,
    first_unknown: Slot,
    applied: Slot,
    heard: Slot,
    /// Below this slot values are missing that a snapshot stands for.
    jumped: Slot,
    changes: u64,
}

impl<V> Default for Chosen<V> {
    fn default() -> Self {
        Self {
            log: Runs::default(),
            first_unknown: Slot(0),
            applied: Slot(0),
            heard: Slot(0),
            jumped: Slot(0),
            changes: 0,
        }
    }
}

impl<V> Chosen<V> {
    /// Notes that `batch` is chosen from slot `first` on. What is known already stays: a slot has one value.
    pub fn choose(&mut self, first: Slot, batch: Batch<V>) {
        let slots = first.extend(batch.len() as u64);
        if slots.end <= self.first_unknown || slots.is_empty() {
            return;
        }
        if self.log.end() <= first {
            self.log.insert(slots, batch);
            self.changes += 1;
            if first <= self.first_unknown {
                self.first_unknown = slots.end;
            }
            return;
        }
        if !self.log.fill(slots, &batch) {
            return;
        }
        self.changes += 1;
        self.advance();
    }

    /// Notes that every slot below `slot` is chosen, though perhaps not known here.
    pub fn hear_of(&mut self, slot: Slot) {
        self.heard = self.heard.max(slot);
    }

    /// The first slot whose value is not known.
    pub fn first_unknown(&self) -> Slot {
        self.first_unknown
    }

    /// The slot after the last one whose value is known; gaps may lie below.
    pub fn end(&self) -> Slot {
        self.log.end().max(self.first_unknown)
    }

    /// Some slots below this one are known to be chosen by a snapshot only, which does not tell their values.
    pub fn jumped(&self) -> Slot {
        self.jumped
    }

    /// Whether something that was chosen is not known here.
    pub fn is_behind(&self) -> bool {
        self.first_unknown < self.heard.max(self.log.end())
    }

    /// Every slot below is chosen, as far as this process has heard.
    pub fn heard(&self) -> Slot {
        self.heard.max(self.first_unknown)
    }

    /// Whether the value of `slot` is known.
    pub fn knows(&self, slot: Slot) -> bool {
        slot < self.first_unknown || self.log.get(slot).is_some()
    }

    /// The value of `slot`, if known.
    pub fn get(&self, slot: Slot) -> Option<&Entry<V>> {
        let (range, batch) = self.log.get(slot)?;
        batch.get((slot.0 - range.start.0) as usize)
    }

    /// What is known of `slots`, in order.
    pub fn within(&self, slots: SlotRange) -> impl Iterator<Item = (SlotRange, Batch<V>)> {
        self.log.within(slots)
    }

    /// The runs of known values that reach into `slots`, whole.
    pub(crate) fn overlapping(&self, slots: SlotRange) -> impl Iterator<Item = (SlotRange, &Batch<V>)> {
        self.log.overlapping(slots)
    }

    /// Grows with every change, for those who watch.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Every slot below was handed over for execution.
    pub fn applied(&self) -> Slot {
        self.applied
    }

    /// The next values to execute, each slot once and in order, or nothing while the next one is unknown.
    pub(crate) fn deliver(&mut self) -> Option<(Slot, &[Entry<V>])> {
        if self.applied >= self.first_unknown {
            return None;
        }
        let (range, batch) = self.log.get(self.applied)?;
        let (first, skip) = (self.applied, self.applied.0 - range.start.0);
        self.applied = range.end;
        Some((first, &batch[skip as usize..]))
    }

    /// Up to `limit` known values from `from` on, without a gap, for a process that misses them.
    pub(crate) fn since(&self, from: Slot, limit: usize) -> Batch<V>
    where
        V: Clone,
    {
        // What was executed by all and forgotten cannot be told any more.
        if self.log.first().is_none_or(|(range, _)| range.start > from) {
            return Batch::empty();
        }
        let slots = SlotRange::new(from, self.first_unknown.min(from.plus(limit as u64)));
        let mut parts = self.log.within(slots).map(|(_, batch)| batch);
        let (Some(first), second) = (parts.next(), parts.next()) else { return Batch::empty() };
        match second {
            None => first,
            Some(second) => [first, second].into_iter().chain(parts).flat_map(|b| b.to_vec()).collect(),
        }
    }

    /// Forgets the values below `below`, as far as they were executed here.
    pub(crate) fn trim(&mut self, below: Slot) {
        self.log.remove_below(below.min(self.applied));
    }

    /// A snapshot stands for every slot below `next`, of which this process did not know all.
    #[cold]
    pub(crate) fn jump(&mut self, next: Slot) {
        self.log.remove_below(next);
        self.first_unknown = self.first_unknown.max(next);
        self.applied = self.applied.max(next);
        self.jumped = self.jumped.max(next);
        self.changes += 1;
        self.advance();
    }

    fn advance(&mut self) {
        while let Some((range, _)) = self.log.get(self.first_unknown) {
            self.first_unknown = range.end;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ClientId;

    fn batch(seqs: std::ops::Range<u64>) -> Batch<()> {
        seqs.map(|seq| Entry::new(ClientId::default(), seq, ())).collect()
    }

    #[test]
    fn nothing_is_delivered_across_a_gap() {
        let mut chosen = Chosen::default();
        let delivered = |chosen: &mut Chosen<()>| {
            let mut slots = Vec::new();
            while let Some((slot, entries)) = chosen.deliver() {
                slots.extend(slot.extend(entries.len() as u64).iter().map(|s| s.0));
            }
            slots
        };
        chosen.choose(Slot(2), batch(2..4));
        assert!(delivered(&mut chosen).is_empty() && chosen.is_behind());
        chosen.choose(Slot(0), batch(0..1));
        assert_eq!(delivered(&mut chosen), [0]);
        chosen.choose(Slot(0), batch(0..3));
        assert_eq!(delivered(&mut chosen), [1, 2, 3]);
        assert!(!chosen.is_behind() && delivered(&mut chosen).is_empty());
    }

    #[test]
    fn what_is_chosen_stays_chosen() {
        let mut chosen = Chosen::default();
        chosen.choose(Slot(0), batch(0..2));
        chosen.choose(Slot(0), batch(7..9));
        chosen.choose(Slot(1), batch(7..9));
        let seqs: Vec<_> = (0..3).filter_map(|s| Some(chosen.get(Slot(s))?.id()?.seq)).collect();
        assert_eq!(seqs, [0, 1, 8]);
    }

    #[test]
    fn what_was_forgotten_is_not_told_as_something_else() {
        let mut chosen = Chosen::default();
        chosen.choose(Slot(0), batch(0..4));
        while chosen.deliver().is_some() {}
        chosen.trim(Slot(2));
        assert!(chosen.since(Slot(1), 10).is_empty());
        assert_eq!(chosen.since(Slot(2), 10), batch(2..4));
        chosen.trim(Slot(4));
        chosen.choose(Slot(3), batch(3..6));
        assert_eq!(chosen.first_unknown(), Slot(6));
    }

    #[test]
    fn a_peer_is_sent_what_follows_without_a_gap() {
        let mut chosen = Chosen::default();
        chosen.choose(Slot(0), batch(0..2));
        chosen.choose(Slot(2), batch(2..4));
        chosen.choose(Slot(5), batch(5..6));
        assert_eq!(chosen.since(Slot(1), 100), batch(1..4));
        assert_eq!(chosen.since(Slot(1), 2), batch(1..3));
        assert!(chosen.since(Slot(4), 100).is_empty());
    }
}
