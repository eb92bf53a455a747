//! Gaps: slots that execution waits for though nothing is under way there.

use crate::Options;
use core::time::Duration;
use paxos_core::{Chosen, Record, Setup, Slot, SlotRange, Time};

/// Notices gaps that last. A proposer that died may have left a slot undecided below ones that are chosen, or
/// everyone who knew what is chosen there may be gone; and nothing is executed across a gap. *Paxos Made
/// Simple*, §3: whoever leads goes through both phases in such a slot, with a command that changes nothing
/// where any would do.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Gaps {
    /// Whether this process learns what is chosen, not only that something is.
    learns: bool,
    /// How long a gap may last; none: for ever.
    patience: Option<Duration>,
    /// How many slots to finish at a time.
    most: u64,
    /// Where the acceptor of this process voted in a former life: a range for all votes that are within reach of each other.
    voted: Vec<SlotRange>,
    /// No leader begins an instance further ahead of what it knows to be chosen.
    reach: u64,
    /// The first slot of the gap, and when it has lasted long enough.
    watched: Option<(Slot, Time)>,
    /// Slots to be finished, whatever their values.
    fill: SlotRange,
}

const NOWHERE: SlotRange = SlotRange::new(Slot(0), Slot(0));

impl Gaps {
    pub(crate) fn new(setup: &Setup<Options>) -> Self {
        let config = &setup.config;
        // Proposers wait for different times, lest all of them fill a gap at once.
        let turn = config.proposers.iter().take_while(|node| *node < setup.id).count() as u32;
        // A log that ends has nothing to execute behind a gap, and no use for a slot that is spent on nothing.
        let resend = config.timeouts.resend.filter(|_| setup.options == Options::default());
        Self {
            learns: config.learns(setup.id),
            patience: resend.map(|d| d.saturating_mul(1 + turn)),
            most: config.limits.window.max(1) as u64,
            voted: Vec::new(),
            reach: config.limits.reach(),
            watched: None,
            fill: NOWHERE,
        }
    }

    /// Other proposers, other turns.
    pub(crate) fn reconfigure(&mut self, setup: &Setup<Options>) {
        self.patience = Self::new(setup).patience;
    }

    /// Slots voted in before a crash are to be finished, or learned again, unless gaps last for ever anyway.
    pub(crate) fn restore<V>(&mut self, record: &Record<V>) {
        if let (Record::Voted { first, batch, .. }, Some(_)) = (record, self.patience) {
            let new = first.extend(batch.len() as u64);
            let reach = self.reach;
            let near = |held: &&mut SlotRange| {
                new.start <= held.end.plus(reach) && held.start <= new.end.plus(reach)
            };
            match self.voted.iter_mut().find(near) {
                Some(held) => *held = SlotRange::new(held.start.min(new.start), held.end.max(new.end)),
                None => self.voted.push(new),
            }
        }
    }

    /// The end of the slots that this process voted in, no further ahead of what is known to be chosen, and of each other,
    /// than leaders may have left them. Slots below are not for new commands: they may be gaps.
    pub(crate) fn voted<V>(&self, chosen: &Chosen<V>) -> Slot {
        let mut voted = Slot(0);
        let next = |voted: Slot| {
            let reach = voted.max(chosen.end()).plus(self.reach);
            self.voted.iter().find(|held| held.start <= reach && held.end > voted)
        };
        while let Some(held) = next(voted) {
            voted = held.end;
        }
        voted
    }

    /// The end of the slots in which something is known to be chosen, or was voted for.
    pub(crate) fn end<V>(&self, chosen: &Chosen<V>) -> Slot {
        chosen.end().max(self.voted(chosen))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.fill.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        (self.watched, self.fill) = (None, NOWHERE);
    }

    /// The next slot to finish, of those that are open.
    pub(crate) fn take(&mut self, is_open: impl Fn(Slot) -> bool) -> Option<Slot> {
        let slot = self.fill.iter().find(|slot| is_open(*slot));
        self.fill.start = slot.map_or(self.fill.end, |slot| slot.plus(1));
        slot
    }

    /// Looks at what this process knows; `under_way` tells whether the first slot that it misses is.
    pub(crate) fn watch<V>(&mut self, now: Time, chosen: &Chosen<V>, under_way: impl Fn(Slot) -> bool) {
        let first = chosen.first_unknown();
        if !self.learns {
            return;
        }
        if first >= self.known_of(chosen) {
            self.clear();
        } else if !self.fill.is_empty() || under_way(first) {
            self.watched = None;
        } else if self.watched.is_none_or(|(slot, _)| slot != first) {
            self.watched = self.patience.map(|d| (first, now.after(d)));
        }
    }

    pub(crate) fn on_timeout<V>(&mut self, now: Time, chosen: &Chosen<V>) {
        if self.deadline().is_some_and(|at| at <= now) {
            self.finish(chosen.first_unknown(), self.known_of(chosen));
        }
    }

    pub(crate) fn deadline(&self) -> Option<Time> {
        self.watched.map(|(_, at)| at)
    }

    /// The slots from `first` up to `end` are to be finished.
    pub(crate) fn finish(&mut self, first: Slot, end: Slot) {
        self.fill = SlotRange::new(first, end.min(first.plus(self.most)));
        self.watched = None;
    }

    /// The end of the slots in which something is chosen, as others say, or was at least voted for.
    fn known_of<V>(&self, chosen: &Chosen<V>) -> Slot {
        chosen.heard().max(self.end(chosen))
    }
}
