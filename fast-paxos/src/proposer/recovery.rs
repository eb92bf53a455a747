//! What the coordinator does about slots that a fast ballot does not decide.

use super::{FIRST, Proposer};
use crate::Recovery;
use crate::choice::assign;
use crate::learner::Tally;
use paxos_core::{Batch, Chosen, Entry, NodeSet, Phase, Reach, Slot, Time, Value};
use std::collections::BTreeMap;

impl<V: Value> Proposer<V> {
    /// Whether no value can reach a fast quorum any more by votes that are still to be expected, while enough are
    /// heard to go on.
    pub(super) fn is_collided(&self, tally: &Tally<V>) -> bool {
        let quorums = &self.setup.config.quorums;
        let expected = crate::voters(&self.setup.config).without(tally.heard);
        let may_be = |voters: NodeSet| quorums.is_quorum(Phase::TwoFast, voters.union(expected));
        quorums.is_quorum(Phase::One, tally.heard) && !tally.values.iter().any(|(_, voters)| may_be(*voters))
    }

    /// Looks at the slots that had news for collisions.
    pub(super) fn watch(&mut self, now: Time, chosen: &Chosen<V>) {
        let fresh = std::mem::take(&mut self.fresh);
        let collided: Vec<Slot> = fresh
            .into_iter()
            .filter(|slot| self.watched.get(slot).is_some_and(|tally| self.is_collided(tally)))
            .collect();
        if collided.is_empty() {
            return;
        }
        match self.setup.options.recovery {
            Recovery::Coordinated => self.recover(&collided),
            Recovery::Classic => self.start_term(now, chosen, FIRST),
        }
    }

    /// *Fast Paxos*, §3.2, coordinated recovery: phase 2b messages of round i are read as phase 1b messages of
    /// round i+1, which the same coordinator owns, so that it can go straight to phase 2a of i+1. An acceptor
    /// that voted in step 1 of a slot has no other vote there between the two steps, since nothing lies between.
    pub(super) fn recover(&mut self, slots: &[Slot]) {
        let Some(classic) = self.any.and_then(|(fast, _)| fast.next_step(false)) else { return };
        let lost: BTreeMap<Slot, Tally<V>> =
            slots.iter().filter_map(|slot| Some((*slot, self.watched.remove(slot)?))).collect();
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

    /// What waited too long is done by force: first what the votes heard suffice for, else with a new phase 1.
    pub(super) fn unstick(&mut self, now: Time, chosen: &Chosen<V>) {
        let quorums = self.setup.config.quorums.clone();
        let (enough, few): (Vec<Slot>, Vec<Slot>) =
            self.watched.keys().partition(|slot| quorums.is_quorum(Phase::One, self.watched[slot].heard));
        if few.is_empty()
            && self.pipeline.waiting() == 0
            && self.setup.options.recovery == Recovery::Coordinated
        {
            self.recover(&enough);
        } else {
            self.start_term(now, chosen, Reach::All);
        }
    }
}
