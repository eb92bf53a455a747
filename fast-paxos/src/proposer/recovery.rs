//! What the coordinator does about slots that a fast ballot does not decide.

use super::{FIRST, Proposer};
use crate::Recovery;
use crate::choice::{assign, is_collided};
use crate::learner::Tally;
use paxos_core::{Ballot, Batch, Chosen, Entry, NodeSet, Phase, Reach, Slot, Time, Value};
use std::collections::BTreeMap;

impl<V: Value> Proposer<V> {
    /// The last step in which acceptors may vote without a message from the coordinator: the step of *any*, or the one
    /// after it if acceptors proceed by themselves.
    pub(super) fn last_fast_step(&self) -> Option<Ballot> {
        let any = self.any?;
        if any.recovery.is_some() { any.ballot.next_step(true) } else { Some(any.ballot) }
    }

    /// Whether the votes heard can be read as promises for the next classic step: they must come from a phase 1 quorum,
    /// in the step right below. An acceptor that voted in a lower step may have a higher vote that was not heard.
    fn is_recoverable(&self, tally: &Tally<V>) -> bool {
        self.setup.config.quorums.is_quorum(Phase::One, tally.heard)
            && Some(tally.ballot) == self.last_fast_step()
    }

    /// Checks the slots with news for collisions.
    pub(super) fn watch(&mut self, now: Time, chosen: &Chosen<V>) {
        let fresh = std::mem::take(&mut self.fresh);
        #[cfg(feature = "mistakes")]
        if self.setup.options.mistake == Some(crate::Mistake::WaitsForEver) {
            return;
        }
        let config = &self.setup.config;
        let promises = |heard| config.quorums.is_quorum(Phase::One, heard);
        // Where all who vote are no phase 1 quorum, more votes do not help, and others are to be asked.
        let is_readable = promises(crate::voters(config));
        let is_hopeless =
            |tally: &Tally<V>| (promises(tally.heard) || !is_readable) && is_collided(config, tally);
        let mut collided: Vec<Slot> =
            fresh.into_iter().filter(|slot| self.watched.get(slot).is_some_and(is_hopeless)).collect();
        if collided.is_empty() {
            return;
        }
        if self.has_enough_of(&collided) || !is_readable {
            return self.start_term(now, chosen, FIRST);
        }
        if self.setup.options.recovery != Recovery::Classic {
            // The acceptors recover the other slots by themselves.
            collided.retain(|slot| self.is_recoverable(&self.watched[slot]));
        }
        if collided.is_empty() {
            return;
        }
        match self.setup.options.recovery {
            Recovery::Coordinated | Recovery::Uncoordinated => self.recover(&collided),
            Recovery::Classic => self.start_term(now, chosen, FIRST),
        }
    }

    /// *Fast Paxos*, §3.2, coordinated recovery: phase 2b messages of round i are read as phase 1b messages of round
    /// i+1, which the same coordinator owns, so it can go straight to phase 2a of i+1. An acceptor that voted in step i
    /// of a slot has no other vote there between the two steps, since no ballot lies between.
    pub(super) fn recover(&mut self, slots: &[Slot]) {
        let Some(classic) = self.last_fast_step().and_then(|fast| fast.next_step(false)) else { return };
        let lost: BTreeMap<Slot, Tally<V>> =
            slots.iter().filter_map(|slot| Some((*slot, self.watched.remove(slot)?))).collect();
        #[cfg(feature = "mistakes")]
        let lost = crate::mistakes::read(self.setup.options.mistake, &*self.setup.config.quorums, None, lost)
            .unwrap_or_default();
        let assigned = assign(&*self.setup.config.quorums, |tally| tally.heard, &lost);
        let mut runs: Vec<(Slot, Vec<Entry<V>>)> = Vec::new();
        for (slot, entry) in assigned {
            match runs.last_mut() {
                Some((first, entries)) if first.plus(entries.len() as u64) == slot => entries.push(entry),
                _ => runs.push((slot, vec![entry])),
            }
        }
        for (first, entries) in runs {
            let batch = Batch::from(entries);
            self.pipeline.propose(classic, first, &batch);
            self.outgoing.push_back((classic, first, batch, Reach::Quorum(Phase::TwoClassic)));
        }
    }

    /// Whether neither votes nor proposals are known in `slot` and below.
    pub(super) fn is_unaware(&self, slot: Slot) -> bool {
        let watched = self.watched.first_key_value().map(|(watched, _)| *watched);
        watched.into_iter().chain(self.pipeline.first_in_flight()).all(|first| first > slot)
    }

    /// Notes that somebody waits for `slot`. Returns whether a phase 1 should look for votes: the first time they may be on their
    /// way, and what it did not find the second time may not exist, or be with acceptors that it did not hear. So it looks
    /// again when it was asked twice as often.
    pub(super) fn is_missed(&mut self, slot: Slot) -> bool {
        let times = if self.missed.0 == slot { self.missed.1.saturating_add(1) } else { 1 };
        self.missed = (slot, times);
        times > 1 && times.is_power_of_two()
    }

    /// Watches the first slot that is not known to be chosen, below a chosen one: all of its votes may have been lost.
    pub(super) fn watch_gap(&mut self, now: Time, chosen: &Chosen<V>) {
        let (Some(any), gap) = (self.any, chosen.first_unknown()) else { return };
        if gap < chosen.end() && gap >= any.from && self.pipeline.ballot_at(gap).is_none() {
            if self.watched.is_empty() {
                self.wait_longer(now);
            }
            self.watched.entry(gap).or_insert_with(|| Tally::new(any.ballot));
        }
    }

    /// Recovers slots that have waited too long: with the votes heard if they suffice, otherwise with a new phase 1.
    pub(super) fn unstick(&mut self, now: Time, chosen: &Chosen<V>) {
        #[cfg(feature = "mistakes")]
        if self.setup.options.mistake == Some(crate::Mistake::WaitsForEver) {
            return;
        }
        if self.pipeline.waiting() > 0 {
            // Their clients ask again because the answer was lost. Learners answer them.
            self.pipeline.drop_known(chosen);
            if self.pipeline.waiting() == 0 && self.watched.is_empty() {
                return;
            }
        }
        let (enough, few): (Vec<Slot>, Vec<Slot>) =
            self.watched.keys().partition(|slot| self.is_recoverable(&self.watched[slot]));
        // Acceptors whose votes are missing everywhere may have crashed. While too few are left for a fast quorum, each
        // command would wait here for the timeout, so phase 1 finds out who is alive.
        let heard = self.watched.values().fold(NodeSet::EMPTY, |all, tally| all.union(tally.heard));
        let is_enough = self.setup.config.quorums.is_quorum(Phase::TwoFast, heard);
        let helps = match self.setup.options.recovery {
            Recovery::Coordinated => is_enough,
            // Its tallies are of the last step, and acceptors that are alive may have voted in the one before.
            Recovery::Uncoordinated => true,
            Recovery::Classic => false,
        };
        if few.is_empty() && self.pipeline.waiting() == 0 && helps {
            self.recover(&enough);
        } else {
            // A slot with fewer votes may hold what an acceptor voted for again because it did not know yet that it is chosen.
            let promises = |tally: &Tally<V>| self.setup.config.quorums.is_quorum(Phase::One, tally.heard);
            if !is_enough && self.watched.values().any(promises) {
                self.contention.patience.fail();
            }
            self.start_term(now, chosen, Reach::All);
        }
    }
}
