//! How an acceptor continues by itself after a collision: uncoordinated recovery.

use super::Acceptor;
use crate::choice::{is_collided, pick};
use crate::learner::Tally;
use crate::{Accepted, Any};
use paxos_core::{Amount, Ballot, Batch, Chosen, CommandId, Entry, NodeId, Phase, Record, Slot, Value};
use std::collections::{BTreeMap, BTreeSet};

/// The votes of other acceptors heard in the open ballot and in the next step. They are not on disk: an acceptor that
/// forgets them cannot follow, and the coordinator continues without it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Heard<V> {
    /// Votes of the open ballot, its own among them.
    tallies: BTreeMap<Slot, Tally<V>>,
    /// Slots with news.
    fresh: BTreeSet<Slot>,
    /// Slots in which another acceptor voted in the next step: there was a collision, whatever was heard here.
    ahead: BTreeSet<Slot>,
    /// Every slot below is chosen, according to the leader.
    chosen: Slot,
    /// Votes to send.
    outgoing: Vec<Accepted<V>>,
    /// Another acceptor's vote in the next slot, for a command that already has an earlier slot here.
    ahead_of_us: Option<(Slot, Entry<V>)>,
}

impl<V> Default for Heard<V> {
    fn default() -> Self {
        Self {
            tallies: BTreeMap::new(),
            fresh: BTreeSet::new(),
            ahead: BTreeSet::new(),
            chosen: Slot(0),
            outgoing: Vec::new(),
            ahead_of_us: None,
        }
    }
}

impl<V: Value> Heard<V> {
    /// Forgets slots below `slot`, and the lowest ones if more than `most` remain.
    pub(super) fn trim(&mut self, slot: Slot, most: u64) {
        self.chosen = self.chosen.max(slot);
        if self.tallies.is_empty() && self.ahead.is_empty() {
            return;
        }
        if self.tallies.first_key_value().is_some_and(|(first, _)| *first < slot) {
            self.tallies = self.tallies.split_off(&slot);
            self.fresh = self.fresh.split_off(&slot);
        }
        self.ahead = self.ahead.split_off(&slot);
        while self.tallies.len() as u64 > most {
            self.tallies.pop_first();
        }
    }

    /// Every slot below is chosen, according to the leader.
    pub(super) fn chosen(&self) -> Slot {
        self.chosen
    }

    pub(super) fn next(&mut self) -> Option<Accepted<V>> {
        self.outgoing.pop()
    }
}

impl<V: Value> Acceptor<V> {
    /// The step after the open fast ballot that needs no message from the coordinator, if it named a quorum for that.
    fn next_step(&self) -> Option<(Any, Ballot)> {
        let any = self.open.filter(|any| any.recovery.is_some())?;
        Some((any, any.ballot.next_step(true)?))
    }

    /// Counts another acceptor's vote, or its own once it is on disk.
    pub(super) fn overhear(&mut self, from: NodeId, accepted: &Accepted<V>, chosen: &Chosen<V>) {
        let Some((any, next)) = self.next_step() else { return };
        let Accepted { ballot, first, ref batch } = *accepted;
        if ballot != any.ballot && ballot != next {
            return;
        }
        let reach = self.setup.config.limits.reach();
        self.heard.trim(chosen.first_unknown(), reach);
        let low = self.heard.chosen.max(any.from);
        let high = self.next.max(low).plus(reach).min(chosen.limit());
        for (slot, entry) in first.extend(batch.len() as u64).iter().zip(batch.iter()) {
            if slot < low || slot >= high || chosen.knows(slot) || self.has_left(slot, next) {
                continue;
            }
            if ballot == next {
                self.heard.ahead.insert(slot);
            } else {
                self.heard.tallies.entry(slot).or_insert_with(|| Tally::new(ballot)).count(from, entry);
                let voted = entry.id().and_then(|id| self.mine.get(&id));
                if slot == self.next && voted.is_some_and(|at| *at < slot) {
                    self.heard.ahead_of_us = Some((slot, entry.clone()));
                }
            }
            self.heard.fresh.insert(slot);
        }
    }

    /// Catches up with an acceptor that is a slot ahead: that one voted in the next slot for a command that has an
    /// earlier slot here, and each new command would collide with one of its earlier ones. If no other command waits,
    /// this acceptor votes for the same command there, so that all meet in the slot after it. The command executes
    /// once.
    pub(super) fn draw_level(&mut self, chosen: &Chosen<V>) {
        if let Some((slot, entry)) = self.heard.ahead_of_us.take()
            && self.arrived.is_empty()
            && slot == self.next
            && !chosen.knows(slot)
            && !self.has_left(slot, self.promised)
        {
            self.arrived.push(entry, &self.setup.config.limits);
        }
    }

    /// Whether it has voted in `slot` in `step` or a later step.
    fn has_left(&self, slot: Slot, step: Ballot) -> bool {
        slot < self.votes.floor() || self.votes.get(slot).is_some_and(|(voted, _)| voted >= step)
    }

    /// Votes in the next step of slots in which it heard of a collision.
    pub(super) fn follow(&mut self, chosen: &Chosen<V>, log: &mut Vec<Record<V>>) {
        if self.heard.fresh.is_empty() {
            return;
        }
        let fresh = std::mem::take(&mut self.heard.fresh);
        let Some((any, next)) = self.next_step() else { return };
        let known = |slot: Slot| slot >= chosen.limit() || chosen.knows(slot);
        let picked: BTreeMap<Slot, Entry<V>> = fresh
            .into_iter()
            .filter(|slot| !known(*slot) && !self.has_left(*slot, next))
            .filter_map(|slot| Some((slot, self.pick(any, slot)?)))
            .collect();
        // Splits the votes so that each batch fits in one message.
        let mut runs: Vec<(Slot, Vec<Entry<V>>)> = Vec::new();
        let mut sum = Amount::default();
        for (slot, entry) in &picked {
            let more = Amount { count: 1, bytes: entry.bytes() };
            sum += more;
            match runs.last_mut() {
                Some((first, run)) if first.plus(run.len() as u64) == *slot && sum.fits(self.piece) => {
                    run.push(entry.clone());
                }
                _ => {
                    runs.push((*slot, vec![entry.clone()]));
                    sum = more;
                }
            }
        }
        let placed: BTreeSet<CommandId> = picked.values().filter_map(Entry::id).collect();
        for (first, run) in runs.into_iter().rev() {
            let batch = Batch::from(run);
            self.move_on(first.extend(batch.len() as u64), &placed);
            // From now on it votes there in no lower ballot, including the open one (§2.1.1).
            self.vote_for(next, first, &batch);
            log.push(Record::Voted { ballot: next, first, batch: batch.clone() });
            self.heard.outgoing.push(Accepted { ballot: next, first, batch });
        }
        for slot in picked.keys() {
            self.heard.tallies.remove(slot);
            self.heard.ahead.remove(slot);
        }
    }

    /// *Fast Paxos*, §3.2: an acceptor may take the phase 2b messages of round i as phase 1b messages of round i+1, and
    /// do as a coordinator would with these: it votes in i+1 for the value that may be proposed there. It needs the
    /// messages of a phase 1 quorum, and reads the quorum that the coordinator named with *any*, so that all acceptors
    /// pick the same value. Each acceptor of that quorum voted in the open ballot, so it has no other vote between the
    /// two steps, and casts none below the next step later.
    fn pick(&self, any: Any, slot: Slot) -> Option<Entry<V>> {
        let (config, quorum) = (&self.setup.config, any.recovery?);
        let tally = self.heard.tallies.get(&slot)?;
        let promised = quorum.is_subset(tally.heard) && config.quorums.is_quorum(Phase::One, quorum);
        let collided = promised && (self.heard.ahead.contains(&slot) || is_collided(config, tally));
        #[cfg(feature = "mistakes")]
        let misread = {
            let tallies = BTreeMap::from([(slot, tally.of(quorum))]);
            let mistake = self.setup.options.mistake;
            crate::mistakes::read(mistake, &*config.quorums, None, tallies)?.remove(&slot)?
        };
        #[cfg(feature = "mistakes")]
        let tally = &misread;
        if collided { pick(&*config.quorums, quorum, tally, slot) } else { None }
    }
}
