//! The learner: counts votes by slot, ballot and acceptor.

use super::{Accept, Accepted, Decision, Dialect};
use paxos_core::{Chosen, NodeId, NodeSet, Phase, Setup, Slot, Value};
use std::collections::BTreeMap;

/// A learner that detects when a quorum has voted in one ballot.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Learner<V> {
    setup: Setup<()>,
    /// For each slot that is not known to be chosen, the vote in the highest ballot heard of, and its voters. Lower
    /// ballots need not be counted: what a lower ballot chose, the higher one chooses again.
    tally: BTreeMap<Slot, (Accepted<V>, NodeSet)>,
}

impl<V: Value, P: Dialect<V>> paxos_core::Learner<P> for Learner<V> {
    fn new(setup: &Setup<()>) -> Self {
        Self { setup: setup.clone(), tally: BTreeMap::new() }
    }

    /// A leader that proposes in this slot knows all lower ones to be chosen. Catching up brings their values.
    fn on_accept(&mut self, accept: &Accept<V>, chosen: &mut Chosen<V>) {
        chosen.hear_of(accept.chosen);
    }

    /// *Paxos Made Simple*, §2.3: a value is chosen when a quorum voted for it in one ballot. Acceptors are
    /// counted, not messages.
    fn on_accepted(
        &mut self,
        from: NodeId,
        accepted: &Accepted<V>,
        chosen: &mut Chosen<V>,
        decisions: &mut Vec<Decision<V>>,
    ) {
        let slot = accepted.slots.start;
        // A late vote for a slot that is known has no effect, and neither has a vote far ahead, for no slot, or without its
        // value.
        if chosen.knows(slot)
            || slot >= chosen.horizon()
            || accepted.slots.is_empty()
            || accepted.batch.is_none()
        {
            return;
        }
        let (vote, voters) = self.tally.entry(slot).or_insert_with(|| (accepted.clone(), NodeSet::EMPTY));
        if vote.ballot < accepted.ballot {
            (*vote, *voters) = (accepted.clone(), NodeSet::EMPTY);
        }
        // One ballot proposes one value in a slot, so votes in one ballot are equal.
        if vote == accepted
            && voters.insert(from)
            && self.setup.config.quorums.is_quorum(Phase::TwoClassic, *voters)
        {
            let Accepted { ballot, slots, batch } = vote.clone();
            let decision = Decision { ballot, slots, batch };
            decision.add_to(chosen);
            decisions.push(decision);
            self.tally.retain(|slot, _| !chosen.knows(*slot));
        }
    }

    fn on_decide(&mut self, decision: &Decision<V>, chosen: &mut Chosen<V>) {
        decision.add_to(chosen);
    }
}
