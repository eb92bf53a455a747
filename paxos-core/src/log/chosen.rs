//! The log of what a process knows to be chosen, delivered in slot order without a gap.

use crate::{Amount, Batch, Entry, EpochTable, Epochs, Runs, Slot, SlotRange, Value};

/// Values to execute: the slot of the first one, and the members that they may change.
type Delivery<'a, V> = (Slot, &'a [Entry<V>], Option<&'a mut Epochs>);

/// The slots that are known to be chosen, and how many of them were delivered for execution.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Chosen<V> {
    log: Runs<Batch<V>>,
    first_unknown: Slot,
    applied: Slot,
    heard: Slot,
    /// Below this slot, values are missing because a snapshot replaced them.
    jumped: Slot,
    changes: u64,
    /// The members, where they can change.
    epochs: Option<Epochs>,
    /// How many slots from the first unknown one on it may keep.
    reach: u64,
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
            epochs: None,
            reach: u64::MAX,
        }
    }
}

impl<V> Chosen<V> {
    /// Creates a log whose entries may change the members. It keeps nothing that lies `reach` slots or more after the
    /// first unknown slot.
    pub fn new(epochs: Option<Epochs>, reach: u64) -> Self {
        Self { epochs, reach, ..Self::default() }
    }

    /// The members, where they can change.
    pub fn epochs(&self) -> Option<&Epochs> {
        self.epochs.as_ref()
    }

    /// Whether a change of members is chosen and not yet in effect.
    pub fn is_changing(&self) -> bool {
        self.epochs.as_ref().is_some_and(|epochs| epochs.next().is_some())
    }

    /// The first slot whose members are unknown or different from the current members. Nothing is proposed and no vote
    /// is counted from there on (*Paxos Made Simple*, §3: up to α commands ahead).
    pub fn limit(&self) -> Slot {
        self.epochs.as_ref().map_or(Slot::MAX, Epochs::limit)
    }
}

impl<V> Chosen<V> {
    /// Creates an empty log. It keeps nothing that lies `reach` slots or more after the first unknown slot.
    pub fn within_reach(reach: u64) -> Self {
        Self { reach, ..Self::default() }
    }

    /// Sets the reach, the number of slots from the first unknown one on that may be kept. Returns the old reach.
    pub(crate) fn set_reach(&mut self, reach: u64) -> u64 {
        core::mem::replace(&mut self.reach, reach)
    }

    /// The slot from which on slots are too far ahead to be counted or kept: this process must catch up first. It is
    /// many windows away, so no leader proposes there unless this process is cut off.
    pub fn horizon(&self) -> Slot {
        self.first_unknown.plus(self.reach)
    }

    /// Notes that `batch` is chosen from slot `first` on. Known values stay: a slot has one value.
    pub fn choose(&mut self, first: Slot, batch: Batch<V>) {
        let slots = first.extend(batch.len() as u64);
        if slots.end > self.horizon() {
            return self.choose_near(first, &batch);
        }
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

    /// Notes that every slot below `slot` is chosen, even if the values are not known here.
    pub fn hear_of(&mut self, slot: Slot) {
        self.heard = self.heard.max(slot);
    }

    /// Notes that a phase 1 quorum has no vote in `slot`. If a value had been chosen there, a phase 2 quorum would
    /// have voted for it, and one of its members is in every phase 1 quorum. So a claim that more is chosen was wrong.
    /// (If the promise is older than the claim, the claim is repeated.)
    pub(crate) fn refute(&mut self, slot: Slot) {
        self.heard = self.heard.min(slot);
    }

    /// The first slot whose value is not known.
    pub fn first_unknown(&self) -> Slot {
        self.first_unknown
    }

    /// The slot after the last known value. There may be gaps below.
    pub fn end(&self) -> Slot {
        self.log.end().max(self.first_unknown)
    }

    /// The slot below which some values are unknown, because only a snapshot covers them.
    pub fn jumped(&self) -> Slot {
        self.jumped
    }

    /// The first slot whose value it holds. The slots below are executed and forgotten.
    pub fn start(&self) -> Slot {
        self.log.first().map_or(self.first_unknown, |(range, _)| range.start.min(self.first_unknown))
    }

    /// Whether a chosen value is not known here.
    pub fn is_behind(&self) -> bool {
        self.first_unknown < self.heard.max(self.log.end())
    }

    /// The slot below which everything is chosen, as far as this process has heard.
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
        batch.get(slot.since(range.start) as usize)
    }

    /// Iterates over the known values in `slots`, in order.
    pub fn within(&self, slots: SlotRange) -> impl Iterator<Item = (SlotRange, Batch<V>)> {
        self.log.within(slots)
    }

    /// Iterates over the runs of known values that overlap `slots`, not cut.
    pub(crate) fn overlapping(&self, slots: SlotRange) -> impl Iterator<Item = (SlotRange, &Batch<V>)> {
        self.log.overlapping(slots)
    }

    /// A counter that grows with every change of the log.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// The slot below which everything was delivered for execution.
    pub fn applied(&self) -> Slot {
        self.applied
    }

    /// Whether everything that can be executed was delivered.
    pub(crate) fn is_delivered(&self) -> bool {
        self.applied >= self.first_unknown
    }

    /// The last run of known values, not cut.
    pub(crate) fn last(&self) -> Option<(SlotRange, &Batch<V>)> {
        self.log.last()
    }

    /// Returns the next values to execute, each slot once and in order, with the members that they may change. None
    /// while the next value is unknown.
    pub(crate) fn deliver(&mut self) -> Option<Delivery<'_, V>> {
        if self.is_delivered() {
            return None;
        }
        let (range, batch) = self.log.get(self.applied)?;
        let (first, skip) = (self.applied, self.applied.since(range.start));
        self.applied = range.end;
        Some((first, &batch[skip as usize..], self.epochs.as_mut()))
    }

    /// Returns known values from `from` on, without a gap, for a process that misses them: at most `limit`, or one
    /// larger value.
    pub(crate) fn since(&self, from: Slot, limit: Amount) -> Batch<V>
    where
        V: Value,
    {
        // Values that were executed and forgotten are no longer available.
        if self.log.first().is_none_or(|(range, _)| range.start > from) {
            return Batch::empty();
        }
        let slots = SlotRange::new(from, self.first_unknown.min(from.plus(limit.count as u64)));
        let (mut parts, mut sum) = (Vec::new(), Amount::default());
        for (_, batch) in self.log.within(slots) {
            let fitting =
                batch.fitting(Amount { count: limit.count - sum.count, bytes: limit.bytes - sum.bytes });
            // The first entry is always included.
            let count = if parts.is_empty() { fitting.count.max(1) } else { fitting.count };
            parts.push(batch.head(count as u64));
            if fitting.count < batch.len() {
                break;
            }
            sum += fitting;
        }
        Batch::concat(parts)
    }

    /// Forgets the values below `below` that were executed here.
    pub(crate) fn trim(&mut self, below: Slot) {
        self.log.remove_below(below.min(self.applied));
    }

    /// [`Chosen::choose`] where part of the batch is beyond the horizon.
    #[cold]
    fn choose_near(&mut self, first: Slot, batch: &Batch<V>) {
        let near = batch.head(self.horizon().since(first));
        if !near.is_empty() {
            self.choose(first, near);
        }
    }

    /// Takes over a snapshot that covers every slot below `next`, not all of which were executed here. The members are
    /// those of the snapshot.
    #[cold]
    pub(crate) fn jump(&mut self, next: Slot, table: Option<&EpochTable>) {
        self.log.remove_below(next);
        self.first_unknown = self.first_unknown.max(next);
        self.applied = self.applied.max(next);
        self.jumped = self.jumped.max(next);
        self.changes += 1;
        if let Some(epochs) = &mut self.epochs {
            epochs.take_over(self.applied, table);
        }
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

    fn most(count: usize) -> Amount {
        Amount { count, bytes: usize::MAX }
    }

    fn batch(seqs: std::ops::Range<u64>) -> Batch<()> {
        seqs.map(|seq| Entry::new(ClientId::default(), seq, ())).collect()
    }

    #[test]
    fn nothing_is_delivered_across_a_gap() {
        let mut chosen = Chosen::default();
        let delivered = |chosen: &mut Chosen<()>| {
            let mut slots = Vec::new();
            while let Some((slot, entries, _)) = chosen.deliver() {
                slots.extend(slot.extend(entries.len() as u64).iter().map(Slot::index));
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
    fn what_is_too_far_ahead_is_not_kept() {
        let mut chosen = Chosen::within_reach(4);
        chosen.choose(Slot(4), batch(4..9));
        chosen.choose(Slot(2), batch(2..6));
        assert_eq!((chosen.end(), chosen.first_unknown()), (Slot(4), Slot(0)));
        // Known slots do not count toward the reach, so slots that follow them come within it.
        chosen.choose(Slot(0), batch(0..2));
        assert_eq!((chosen.first_unknown(), chosen.horizon()), (Slot(4), Slot(8)));
        chosen.choose(Slot(4), batch(4..12));
        assert_eq!(chosen.first_unknown(), Slot(8));
        assert!(Chosen::<()>::default().horizon() == Slot::MAX);
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
        assert!(chosen.since(Slot(1), most(10)).is_empty());
        assert_eq!(chosen.since(Slot(2), most(10)), batch(2..4));
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
        assert_eq!(chosen.since(Slot(1), most(100)), batch(1..4));
        assert_eq!(chosen.since(Slot(1), most(2)), batch(1..3));
        assert!(chosen.since(Slot(4), most(100)).is_empty());
    }

    #[test]
    fn a_peer_is_sent_no_more_bytes_than_a_message_may_have() {
        let mut chosen = Chosen::default();
        let sized = |sizes: &[usize]| -> Batch<String> {
            sizes.iter().map(|n| Entry::new(ClientId::default(), 0, "x".repeat(*n))).collect()
        };
        chosen.choose(Slot(0), sized(&[4, 4]));
        chosen.choose(Slot(2), sized(&[3, 2, 0]));
        chosen.choose(Slot(5), sized(&[0, 9]));
        let sent = |from, bytes| chosen.since(Slot(from), Amount { count: 100, bytes }).len();
        assert_eq!(
            [sent(0, 7), sent(0, 8), sent(0, 11), sent(0, 13), sent(0, 21), sent(0, 22)],
            [1, 2, 3, 6, 6, 7]
        );
        // A value larger than a message goes alone. A value that does not fit is not skipped.
        assert_eq!([sent(0, 3), sent(6, 8), sent(2, 2)], [1, 1, 1]);
    }
}
