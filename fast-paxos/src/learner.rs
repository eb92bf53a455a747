//! The learner: counts acceptors by slot, ballot and value.

use crate::{Accept, Accepted, Decision, FastPaxos, Options};
use paxos_core::{Answer, Ballot, Chosen, Entry, NodeId, NodeSet, Phase, Setup, Slot, SlotRange, Value};
use std::collections::BTreeMap;

/// Notices when a quorum has voted for one value in one ballot. In each slot it counts the highest ballot it has seen.
/// Lower ballots need no count: if one of them chose a value, the higher one chooses the same value sooner or later.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Learner<V> {
    setup: Setup<Options>,
    tally: BTreeMap<Slot, Tally<V>>,
}

/// The votes of one ballot in one slot, by value. In a classic ballot there is only one value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Tally<V> {
    pub(crate) ballot: Ballot,
    pub(crate) heard: NodeSet,
    pub(crate) values: Vec<(Entry<V>, NodeSet)>,
}

impl<V: Value> Tally<V> {
    pub(crate) fn new(ballot: Ballot) -> Self {
        Self { ballot, heard: NodeSet::EMPTY, values: Vec::new() }
    }

    /// Counts a vote if `ballot` is the highest one seen. Returns the acceptors that voted for that value in it so far.
    /// A higher ballot replaces the one counted before.
    pub(crate) fn hear(&mut self, ballot: Ballot, from: NodeId, entry: &Entry<V>) -> NodeSet {
        if self.ballot < ballot {
            *self = Self::new(ballot);
        }
        if self.ballot == ballot { self.count(from, entry) } else { NodeSet::EMPTY }
    }

    /// The votes of `quorum` alone.
    pub(crate) fn of(&self, quorum: NodeSet) -> Self {
        let part = |(entry, voters): &(Entry<V>, NodeSet)| (entry.clone(), voters.intersection(quorum));
        let values = self.values.iter().map(part).filter(|(_, voters)| !voters.is_empty()).collect();
        Self { ballot: self.ballot, heard: self.heard.intersection(quorum), values }
    }

    /// The acceptors that voted for `entry`.
    pub(crate) fn voters(&self, entry: &Entry<V>) -> NodeSet {
        self.values.iter().find(|(value, _)| value == entry).map_or(NodeSet::EMPTY, |(_, voters)| *voters)
    }

    /// Counts a vote. Returns the acceptors that voted for that value so far. An acceptor has one vote per ballot: a
    /// second one, which can only repeat the first, changes nothing. Acceptors are counted, never values.
    pub(crate) fn count(&mut self, from: NodeId, entry: &Entry<V>) -> NodeSet {
        let new = self.heard.insert(from);
        match self.values.iter_mut().find(|(value, _)| value == entry) {
            Some((_, voters)) => {
                if new {
                    voters.insert(from);
                }
                *voters
            }
            None if new => {
                self.values.push((entry.clone(), NodeSet::only(from)));
                NodeSet::only(from)
            }
            None => NodeSet::EMPTY,
        }
    }
}

impl<V: Value, R: Answer> paxos_core::Learner<FastPaxos<V, R>> for Learner<V> {
    fn new(setup: &Setup<Options>) -> Self {
        Self { setup: setup.clone(), tally: BTreeMap::new() }
    }

    fn reconfigure(&mut self, setup: &Setup<Options>) {
        self.setup = setup.clone();
    }

    /// Votes carry their values, so from a phase 2a the learner takes only how far the leader knows the log.
    fn on_accept(&mut self, accept: &Accept<V>, chosen: &mut Chosen<V>) {
        chosen.hear_of(accept.classic.chosen);
    }

    /// *Fast Paxos*, §2.1: a value is chosen in a round when a quorum *of that round* voted for it; §2.2: fast
    /// rounds have larger quorums.
    fn on_accepted(
        &mut self,
        from: NodeId,
        accepted: &Accepted<V>,
        chosen: &mut Chosen<V>,
        decisions: &mut Vec<Decision<V>>,
    ) {
        let Accepted { ballot, first, ref batch } = *accepted;
        let phase = Phase::of(ballot);
        let mut run = SlotRange::new(first, first);
        for (slot, entry) in first.extend(batch.len() as u64).iter().zip(batch.iter()) {
            // A known slot needs no count. A slot too far ahead waits until this process has caught up: beyond the
            // limit, it is unknown whose votes count.
            if chosen.knows(slot) || slot >= chosen.horizon().min(chosen.limit()) {
                continue;
            }
            let tally = self.tally.entry(slot).or_insert_with(|| Tally::new(ballot));
            if !self.setup.config.quorums.is_quorum(phase, tally.hear(ballot, from, entry)) {
                continue;
            }
            self.tally.remove(&slot);
            // Slots chosen by one message are announced in one decision.
            if run.end != slot {
                announce(accepted, run, chosen, decisions);
                run.start = slot;
            }
            run.end = slot.plus(1);
        }
        announce(accepted, run, chosen, decisions);
        if self.tally.first_key_value().is_some_and(|(slot, _)| *slot < chosen.first_unknown()) {
            self.tally = self.tally.split_off(&chosen.first_unknown());
        }
    }

    fn on_decide(&mut self, decision: &Decision<V>, chosen: &mut Chosen<V>) {
        chosen.choose(decision.first, decision.batch.clone());
    }

    fn on_heartbeat(&mut self, _ballot: Ballot, below: Slot, chosen: &mut Chosen<V>) {
        chosen.hear_of(below);
    }

    fn trim(&mut self, below: Slot) {
        self.tally = self.tally.split_off(&below);
    }
}

/// Notes that the values of `accepted` in `run` are chosen.
fn announce<V: Value>(
    accepted: &Accepted<V>,
    run: SlotRange,
    chosen: &mut Chosen<V>,
    decisions: &mut Vec<Decision<V>>,
) {
    if run.is_empty() {
        return;
    }
    let batch = accepted.batch.tail(run.start.since(accepted.first)).head(run.len());
    chosen.choose(run.start, batch.clone());
    decisions.push(Decision { ballot: accepted.ballot, first: run.start, batch });
}
