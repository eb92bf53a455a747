//! Mistakes that published implementations made, each put in on purpose to see that the simulator finds it. Only with
//! the feature `mistakes`, which is for tests: a build without it has none of this.

use crate::Any;
use crate::learner::Tally;
use core::cmp::Reverse;
use paxos_core::{Ballot, Batch, Entry, NodeSet, Phase, QuorumSystem, Slot, Value};
use std::collections::BTreeMap;

/// What a process gets wrong. `docs/verification.md` tells what finds it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Mistake {
    /// After a fast ballot it looks at the set of values, so that {A, A, B} becomes {A, B} and rule O4 loses its counts.
    ValuesInASet,
    /// Where rule O4 forces no value it proposes none, so that the slot is stuck.
    NothingProposed,
    /// After a fast ballot it takes the value of the acceptor with the highest id.
    HighestReplica,
    /// It waits for a fast quorum for ever.
    WaitsForEver,
    /// An acceptor does not vote again for a command that lost its slot, nor does a coordinator propose it.
    LosersForgotten,
    /// An acceptor votes again for a loser as if it were another command, so that it takes effect twice.
    LosersRenamed,
    /// It proposes its own values in the fast ballot, and opens that for any value from there on.
    AnyWithAValue,
}

type Tallies<V> = BTreeMap<Slot, Tally<V>>;

/// The votes as one who makes the mistake reads them; none if it does nothing about them.
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

/// The ballot of a phase 2a and its *any*, as one who makes the mistake says them.
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

/// A loser as one who makes the mistake votes for it again; none if it does not.
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
