//! Mistakes from published implementations, made on purpose to check that the simulator finds them. They exist only
//! with the feature `mistakes`, which is for tests, and for programs that show what a mistake does.

use crate::Any;
use crate::learner::Tally;
use core::cmp::Reverse;
use paxos_core::{Ballot, Batch, Entry, NodeSet, Phase, QuorumSystem, Slot, Value};
use std::collections::BTreeMap;

/// The mistake that a process makes. `docs/verification.md` says which test finds it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Mistake {
    /// After a fast ballot, the process looks at the set of values: {A, A, B} becomes {A, B}, and rule O4 loses its
    /// counts.
    ValuesInASet,
    /// If rule O4 forces no value, the process proposes none, so the slot is stuck.
    NothingProposed,
    /// After a fast ballot, the process takes the value of the acceptor with the highest id.
    HighestReplica,
    /// The process waits for a fast quorum forever.
    WaitsForEver,
    /// Acceptors do not vote again for a command that lost its slot, and coordinators do not propose it again.
    LosersForgotten,
    /// Acceptors vote again for a loser as if it were a new command, so that it takes effect twice.
    LosersRenamed,
    /// The process proposes its own values in the fast ballot, and opens it for any value from there on.
    AnyWithAValue,
}

/// Fast quorums of three quarters of the acceptors, rounded down. For five acceptors no constructor allows it.
#[derive(Debug)]
pub struct RoundedDown(pub NodeSet);

impl QuorumSystem for RoundedDown {
    fn acceptors(&self) -> NodeSet {
        self.0
    }

    fn is_quorum(&self, phase: Phase, answered: NodeSet) -> bool {
        let answered = answered.intersection(self.0).len();
        match phase {
            Phase::One | Phase::TwoClassic => answered > self.0.len() / 2,
            Phase::TwoFast => answered >= self.0.len() * 3 / 4,
        }
    }
}

type Tallies<V> = BTreeMap<Slot, Tally<V>>;

/// Returns the votes as a process with the mistake reads them; none if it ignores them.
pub(crate) fn read<V: Value>(
    mistake: Option<Mistake>,
    quorums: &dyn QuorumSystem,
    heard: Option<NodeSet>,
    mut tallies: Tallies<V>,
) -> Option<Tallies<V>> {
    let fast = |tally: &Tally<V>| tally.ballot.fast;
    match mistake {
        Some(Mistake::ValuesInASet) => {
            for tally in tallies.values_mut().filter(|tally| fast(tally)) {
                for (_, voters) in &mut tally.values {
                    *voters = voters.smallest().map_or(NodeSet::EMPTY, NodeSet::only);
                }
            }
        }
        Some(Mistake::HighestReplica) => {
            for tally in tallies.values_mut().filter(|tally| fast(tally)) {
                tally.values.sort_by_key(|(_, voters)| Reverse(voters.iter().last()));
                tally.values.truncate(1);
            }
        }
        Some(Mistake::NothingProposed) => {
            let is_free = |tally: &Tally<V>| {
                let heard = heard.unwrap_or(tally.heard);
                let may_be = |voters| quorums.may_be_chosen(Phase::TwoFast, heard, voters);
                fast(tally) && !tally.values.iter().any(|(_, voters)| may_be(*voters))
            };
            if tallies.values().any(is_free) {
                return None;
            }
        }
        Some(_) | None => {}
    }
    Some(tallies)
}

/// Returns the ballot of a phase 2a and its *any* as a process with the mistake sends them.
pub(crate) fn say<V>(
    mistake: Option<Mistake>,
    ballot: Ballot,
    first: Slot,
    batch: &Batch<V>,
    any: Option<Any>,
) -> (Ballot, Option<Any>) {
    match (mistake, any) {
        (Some(Mistake::AnyWithAValue), Some(any)) if !batch.is_empty() && ballot < any.ballot => {
            (any.ballot, Some(Any { from: any.from.min(first), ..any }))
        }
        _ => (ballot, any),
    }
}

/// Returns a loser as an acceptor with the mistake votes for it again; none if it does not.
pub(crate) fn again<V: Value>(mistake: Option<Mistake>, entry: Entry<V>) -> Option<Entry<V>> {
    match (mistake, &entry) {
        (Some(Mistake::LosersForgotten), _) => None,
        (Some(Mistake::LosersRenamed), Entry::Command(command)) => {
            let client = command.id.client.renewed(0);
            Some(Entry::new(client, command.id.seq, command.value.clone()))
        }
        _ => Some(entry),
    }
}
