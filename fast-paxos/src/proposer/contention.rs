//! When the leader leaves fast ballots because of collisions or of votes that do not come, and when it returns to them.

use super::Proposer;
use crate::Hysteresis;
use paxos_core::{Aside, Batch, Chosen, Entry, NodeId, Slot, Value};
use std::collections::{BTreeSet, VecDeque};

/// How often a leader went from fast ballots to classic ones because of collisions, and back.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Switches {
    /// From fast to classic.
    pub to_classic: u64,
    /// From classic to fast.
    pub to_fast: u64,
}

/// A leader's record of collisions, and of fast ballots that waited in vain.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub(super) struct Contention {
    /// Whether each of the last slots was contended: it collided, or would have in a fast ballot.
    recent: VecDeque<bool>,
    /// Whether the leader opens no fast ballot for now.
    pub(super) classic: bool,
    /// Slots not known to be chosen that were counted as collided.
    counted: BTreeSet<Slot>,
    pub(super) patience: Patience,
    pub(super) switches: Aside<Switches>,
}

impl Contention {
    fn note(&mut self, rule: Hysteresis, contended: bool) {
        if self.recent.len() >= rule.window.max(1) as usize {
            self.recent.pop_front();
        }
        self.recent.push_back(contended);
    }

    fn contended(&self) -> usize {
        self.recent.iter().filter(|contended| **contended).count()
    }

    fn switch(&mut self, classic: bool) {
        self.classic = classic;
        self.recent.clear();
        self.counted.clear();
        let Switches { to_classic, to_fast } = &mut self.switches.0;
        *if classic { to_classic } else { to_fast } += 1;
    }
}

/// How long a leader does without fast ballots after some that waited in vain for votes of acceptors that are alive: what
/// some clients send may not reach one of these. The first two such ballots in a row may have lost a message. After each
/// further one, the leader proposes twice as many slots itself.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default)]
pub(super) struct Patience {
    /// Such ballots in a row.
    failed: u32,
    /// Slots that fast ballots have decided since the last.
    decided: u64,
    /// Slots to propose before the next fast ballot.
    pause: u64,
}

impl Patience {
    /// After this many in a row, it waits no longer than before.
    const MOST: u32 = 12;
    /// A fast ballot that decides so many slots was worth its while.
    const ENOUGH: u64 = 4;

    pub(super) fn fail(&mut self) {
        let failed = (self.failed + 1).min(Self::MOST);
        *self = Self { failed, decided: 0, pause: if failed > 2 { 1 << failed } else { 0 } };
    }

    fn decide(&mut self, slots: u64) {
        self.decided += slots;
        if self.failed == 0 || self.decided >= Self::ENOUGH {
            *self = Self::default();
        }
    }

    fn propose(&mut self, slots: u64) {
        self.pause = self.pause.saturating_sub(slots);
    }

    pub(super) fn is_over(&self) -> bool {
        self.pause == 0
    }
}

impl<V: Value> Proposer<V> {
    /// Notes that slots of the fast ballot collided. Returns whether too many did recently, so that the leader goes on
    /// without.
    pub(super) fn has_enough_of(&mut self, collided: &[Slot]) -> bool {
        let rule = self.setup.options.hysteresis.filter(|_| !self.contention.classic);
        let Some(rule) = rule else { return false };
        for slot in collided {
            if self.contention.counted.insert(*slot) {
                self.contention.note(rule, true);
            }
        }
        let too_many = self.contention.contended() >= rule.collided.max(1) as usize;
        if too_many {
            self.contention.switch(true);
        }
        too_many
    }

    /// Counts the slots that the fast ballot decided: those watched and now chosen. Every slot below `known` is.
    pub(super) fn count_decided(&mut self, known: Slot, chosen: &Chosen<V>) {
        let is_decided = |slot: &Slot| *slot < known || chosen.knows(*slot);
        self.contention.patience.decide(self.watched.keys().filter(|slot| is_decided(slot)).count() as u64);
        let Some(rule) = self.setup.options.hysteresis else { return };
        for slot in self.watched.keys().filter(|slot| is_decided(slot)) {
            if !self.contention.counted.contains(slot) {
                self.contention.note(rule, false);
            }
        }
        self.contention.counted = self.contention.counted.split_off(&known);
    }

    /// Counts proposals in a classic ballot, and returns to fast ballots if they were calm enough: if few slots were
    /// proposed while a command of another client was under way, which they might have met.
    pub(super) fn count_proposed(&mut self, first: Slot, batch: &Batch<V>) {
        self.contention.patience.propose(batch.len() as u64);
        let Some(rule) = self.setup.options.hysteresis.filter(|_| self.contention.classic) else { return };
        let client = |entry: &Entry<V>| entry.id().map(|id| id.client.node);
        let before = self.pipeline.in_flight().take_while(|vote| vote.first < first);
        let others: Vec<Option<NodeId>> =
            before.flat_map(|vote| vote.batch.iter().map(client).collect::<Vec<_>>()).collect();
        let mine: Vec<Option<NodeId>> = batch.iter().map(client).collect();
        let alone = |one: &Option<NodeId>| others.iter().chain(&mine).all(|other| other == one);
        let contended = !mine.first().is_some_and(alone);
        for _ in 0..batch.len() {
            self.contention.note(rule, contended);
        }
        let enough = self.contention.recent.len() >= rule.window.max(1) as usize;
        if enough && self.contention.contended() <= rule.calm as usize {
            self.contention.switch(false);
        }
    }
}
