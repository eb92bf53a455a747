//! Gaps: undecided slots that execution waits for and in which nothing is under way.

use crate::Options;
use core::time::Duration;
use paxos_core::{Chosen, Record, Setup, Slot, SlotRange, Time};

/// Notices gaps that last. A dead proposer may have left a slot undecided below slots that are chosen, or every process
/// that knew the chosen value may be gone. Execution cannot pass a gap. *Paxos Made Simple*, §3: the leader runs both
/// phases in such a slot, with a command that changes nothing if any value would do.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Gaps {
    /// Whether this process learns the chosen values, not only which slots are chosen.
    learns: bool,
    /// How long a gap may last; none: forever.
    patience: Option<Duration>,
    /// The most slots to finish at a time.
    most: u64,
    /// The slots in which this process's acceptor voted in a former incarnation: one range for all votes within reach
    /// of each other.
    voted: Vec<SlotRange>,
    /// How far a leader begins instances ahead of what it knows to be chosen.
    reach: u64,
    /// The first slot of the gap, and the time at which it has lasted long enough.
    watched: Option<(Slot, Time)>,
    /// Slots to finish, with any value.
    fill: SlotRange,
    /// Whether `fill` is a slot in which a value may be chosen though nobody says so.
    probing: bool,
    /// A slot in which a value may be chosen though nobody says so.
    unsure: Option<Slot>,
    /// The last such slot in which a phase 1 quorum reported no vote, and how often somebody has waited for it. Another leader
    /// may have proposed there since, or an acceptor outside that quorum may have voted.
    empty: Option<(Slot, u32)>,
    /// The first of the slots without a vote behind which a vote is looked for.
    hole: Option<Slot>,
    /// The end of the slots up to the last one in which a vote was found.
    found: Slot,
}

const NOWHERE: SlotRange = SlotRange::new(Slot(0), Slot(0));

impl Gaps {
    pub(crate) fn new(setup: &Setup<Options>) -> Self {
        let config = &setup.config;
        // Proposers wait for different times, so that they do not all fill a gap at once.
        let turn = config.proposers.iter().take_while(|node| *node < setup.id).count() as u32;
        // A log of limited length has nothing to execute after a gap, and should not waste a slot on a no-op.
        let resend = config.timeouts.resend.filter(|_| setup.options == Options::default());
        Self {
            learns: config.learns(setup.id),
            patience: resend.map(|d| d.saturating_mul(1 + turn)),
            most: config.limits.window.max(1) as u64,
            voted: Vec::new(),
            reach: config.limits.reach(),
            watched: None,
            fill: NOWHERE,
            probing: false,
            unsure: None,
            empty: None,
            hole: None,
            found: Slot(0),
        }
    }

    /// Updates the wait, which depends on this process's turn among the proposers.
    pub(crate) fn reconfigure(&mut self, setup: &Setup<Options>) {
        self.patience = Self::new(setup).patience;
    }

    /// Notes slots with a vote from before a crash, to finish them or learn them again, unless gaps may last forever.
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

    /// The end of the slots in which this process voted, counting only votes no further ahead of the chosen slots, and
    /// of each other, than leaders may have left them. New commands do not use slots below it: they may be gaps.
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

    /// The end of the slots in which a value is known to be chosen or had a vote from this process.
    pub(crate) fn end<V>(&self, chosen: &Chosen<V>) -> Slot {
        chosen.end().max(self.voted(chosen))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.fill.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        (self.watched, self.fill, self.unsure, self.hole) = (None, NOWHERE, None, None);
    }

    /// Drops what was scheduled because of a claim that was wrong. Looking for votes goes on.
    pub(crate) fn refute(&mut self) {
        if self.hole.is_none() {
            self.clear();
        }
    }

    /// Takes the next slot to finish for which `is_open` holds.
    pub(crate) fn take(&mut self, is_open: impl Fn(Slot) -> bool) -> Option<Slot> {
        let slot = self.fill.iter().find(|slot| is_open(*slot));
        self.fill.start = slot.map_or(self.fill.end, |slot| slot.plus(1));
        slot
    }

    /// Watches for a gap. `under_way` tells whether the first unknown slot is under way.
    pub(crate) fn watch<V>(&mut self, now: Time, chosen: &Chosen<V>, under_way: impl Fn(Slot) -> bool) {
        let first = chosen.first_unknown();
        if !self.learns {
            return;
        }
        if first >= self.known_of(chosen) {
            (self.watched, self.fill) = (None, NOWHERE);
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

    /// Schedules the slots from `first` up to `end` to be finished.
    pub(crate) fn finish(&mut self, first: Slot, end: Slot) {
        self.fill = SlotRange::new(first, end.min(first.plus(self.most)));
        (self.watched, self.probing) = (None, false);
    }

    /// Schedules a slot that a learner waits for, and after it the next ones, as far as acceptors have voted.
    pub(crate) fn probe(&mut self, slot: Slot) {
        self.finish(slot, slot.plus(1));
        (self.probing, self.unsure, self.hole) = (true, Some(slot), None);
    }

    /// Notes that somebody waits for `slot`. Returns whether to look for votes there. Where there were none, it looks again when
    /// somebody has waited twice as often: what that one waits for may not exist.
    pub(crate) fn is_worth_a_look(&mut self, slot: Slot) -> bool {
        let Some((_, times)) = self.empty.as_mut().filter(|(empty, _)| *empty == slot) else { return true };
        *times = times.saturating_add(1);
        times.is_power_of_two()
    }

    /// Forgets where no votes were found: another leader may have proposed since.
    pub(crate) fn campaign(&mut self) {
        (self.empty, self.hole) = (None, None);
    }

    /// Whether `slot` is scheduled.
    pub(crate) fn has(&self, slot: Slot) -> bool {
        self.fill.contains(slot)
    }

    /// Notes that everything below `slot` is chosen. A slot there in which a value may be chosen must not begin in this round:
    /// an instance may have begun and ended there.
    pub(crate) fn skip_to(&mut self, slot: Slot) {
        if self.probing && self.fill.start < slot {
            self.fill = NOWHERE;
        }
        self.unsure = self.unsure.filter(|unsure| *unsure >= slot);
        self.hole = self.hole.filter(|hole| *hole >= slot);
    }

    /// Notes whether a phase 1 quorum reports a vote in `slot`. Returns whether slots without a vote lie below one with a vote.
    /// They are scheduled then, and must begin in a new round.
    pub(crate) fn probed(&mut self, slot: Slot, voted: bool) -> bool {
        if self.unsure.take_if(|unsure| *unsure == slot).is_none() {
            return false;
        }
        let hole = self.hole.take();
        let idle = self.fill.is_empty();
        if voted {
            self.found = self.found.max(slot.plus(1));
            if let (Some(hole), true) = (hole, idle) {
                self.finish(hole, slot);
                self.probing = true;
                return true;
            }
            if idle {
                self.probe(slot.plus(1));
            }
            return false;
        }
        let hole = hole.unwrap_or(slot);
        if hole == slot {
            let times = self.empty.filter(|(empty, _)| *empty == slot).map_or(1, |(_, times)| times);
            self.empty = Some((slot, times));
        }
        // A leader leaves no more of them than its window holds.
        let again = self.empty.is_some_and(|(empty, times)| empty == hole && times > 1);
        if again && idle && slot.plus(1).since(hole) < self.most {
            self.probe(slot.plus(1));
            self.hole = Some(hole);
        }
        false
    }

    /// Whether a vote was found in `slot` or behind it.
    pub(crate) fn is_followed(&self, slot: Slot) -> bool {
        slot < self.found
    }

    /// The end of the slots that are chosen according to other processes, or that at least have a vote.
    fn known_of<V>(&self, chosen: &Chosen<V>) -> Slot {
        chosen.heard().max(self.end(chosen))
    }
}
