//! The learner: counts votes by slot, ballot and acceptor.

use super::{Accept, Accepted, Decision, Dialect};
use paxos_core::{Ballot, Batch, Chosen, Entry, NodeId, NodeSet, Phase, Setup, Slot, Value};
use std::collections::BTreeMap;

/// Notices that a quorum voted in one ballot.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Learner<V> {
    setup: Setup<()>,
    /// In each slot that is not known to be chosen, the highest ballot heard of, its value, and who voted in it.
    tally: BTreeMap<Slot, (Ballot, Entry<V>, NodeSet)>,
}

impl<V: Value, P: Dialect<V>> paxos_core::Learner<P> for Learner<V> {
    fn new(setup: &Setup<()>) -> Self {
        Self { setup: setup.clone(), tally: BTreeMap::new() }
    }

    /// The values come with the votes, or from catching up.
    fn on_accept(&mut self, accept: &Accept<V>, chosen: &mut Chosen<V>) {
        chosen.hear_of(accept.chosen);
    }

    /// *Paxos Made Simple*, §2.3: a value is chosen when a quorum voted for it in one ballot. Ongaro 2014, §3.6.2, says the same
    /// of Raft: a leader counts replicas for entries of its own term only.
    fn on_accepted(
        &mut self,
        from: NodeId,
        accepted: &Accepted<V>,
        chosen: &mut Chosen<V>,
        decisions: &mut Vec<Decision<V>>,
    ) {
        // A vote without its values says nothing here.
        let Accepted { ballot, slots, batch: Some(ref batch) } = *accepted else { return };
        for (slot, entry) in slots.iter().zip(batch.iter()) {
            // A vote that comes late is no news, and one far ahead is not counted.
            if chosen.knows(slot) || slot >= chosen.horizon() {
                continue;
            }
            let fresh = || (ballot, entry.clone(), NodeSet::EMPTY);
            let held = self.tally.entry(slot).or_insert_with(fresh);
            if held.0 < ballot {
                *held = fresh();
            }
            let counts = held.0 == ballot && held.2.insert(from);
            if counts && self.setup.config.quorums.is_quorum(Phase::TwoClassic, held.2) {
                let (slots, batch) = (slot.extend(1), Batch::from(entry.clone()));
                chosen.choose(slot, batch.clone());
                decisions.push(Decision { ballot, slots, batch: Some(batch) });
            }
        }
        self.tally.retain(|slot, _| !chosen.knows(*slot));
    }

    fn on_decide(&mut self, decision: &Decision<V>, chosen: &mut Chosen<V>) {
        decision.add_to(chosen);
    }
}
