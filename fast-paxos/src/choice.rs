//! Which value may be proposed after a fast ballot: Lamport's rule O4.

use crate::learner::Tally;
use paxos_core::{
    CommandId, Config, Entry, NodeId, NodeSet, Phase, QuorumSystem, Slot, SlotRange, Value, Vote,
};
use std::collections::{BTreeMap, BTreeSet};

/// The choice of a value to propose in one slot.
#[derive(Debug)]
pub(crate) enum Choice<'a, V> {
    /// This value may have been chosen: no other may be proposed.
    Forced(&'a Entry<V>),
    /// No value can have been chosen. The values with votes, most votes first.
    Free(Vec<&'a Entry<V>>),
}

/// *Fast Paxos*, §2.2, rule for phase 2a after round k, the highest in which an acceptor of Q voted: if all votes of k
/// that Q reports are for one value, or a value satisfies O4 (the members of some k-quorum that are in Q all voted for
/// it), propose that value; otherwise any proposed value. `heard` is the actual Q.
///
/// A classic ballot proposes only one value, so a single vote in it forces the choice.
pub(crate) fn choose<'a, V: Value>(
    quorums: &dyn QuorumSystem,
    heard: NodeSet,
    tally: &'a Tally<V>,
) -> Choice<'a, V> {
    // If the votes are for only one value, it is the one that a lower ballot may have chosen, if any was chosen.
    if let [(value, _)] = &tally.values[..] {
        return Choice::Forced(value);
    }
    let phase = Phase::of(tally.ballot);
    let may_be = |voters: NodeSet| phase == Phase::TwoClassic || quorums.may_be_chosen(phase, heard, voters);
    if let Some((value, _)) = tally.values.iter().find(|(_, voters)| may_be(*voters)) {
        return Choice::Forced(value);
    }
    let mut free: Vec<_> = tally.values.iter().collect();
    free.sort_by_key(|(value, voters)| (core::cmp::Reverse(voters.len()), value.id()));
    Choice::Free(free.into_iter().map(|(value, _)| value).collect())
}

/// Whether no value can reach a quorum any more, even with the votes that are still expected.
pub(crate) fn is_collided<V>(config: &Config, tally: &Tally<V>) -> bool {
    let expected = crate::voters(config).without(tally.heard);
    let phase = Phase::of(tally.ballot);
    let may_be = |voters: NodeSet| config.quorums.is_quorum(phase, voters.union(expected));
    !tally.values.iter().any(|(_, voters)| may_be(*voters))
}

/// *Fast Paxos*, §3.2, uncoordinated recovery: returns the value for the next step. All acceptors that know the votes
/// of `quorum` pick the same: the value that O4 forces, or otherwise one with the most votes. Ties are broken
/// differently in each slot, so that commands which meet in several slots find one slot each.
pub(crate) fn pick<V: Value>(
    quorums: &dyn QuorumSystem,
    quorum: NodeSet,
    tally: &Tally<V>,
    slot: Slot,
) -> Option<Entry<V>> {
    // Ignores votes outside the quorum, which other acceptors may not know.
    let tally = tally.of(quorum);
    match choose(quorums, quorum, &tally) {
        Choice::Forced(entry) => Some(entry.clone()),
        Choice::Free(values) => {
            let votes = |entry: &&Entry<V>| tally.voters(entry).len();
            let most = values.iter().map(votes).max()?;
            let equals: Vec<_> = values.into_iter().filter(|entry| votes(entry) == most).collect();
            Some(equals[(slot.index() % equals.len() as u64) as usize].clone())
        }
    }
}

/// Groups the reported votes by slot, keeping only those of the highest ballot.
pub(crate) fn tallies<V: Value>(
    reports: &[(NodeId, Vec<Vote<V>>)],
    slots: SlotRange,
) -> BTreeMap<Slot, Tally<V>> {
    let mut tallies = BTreeMap::new();
    for (from, votes) in reports {
        for (slot, ballot, entry) in votes.iter().flat_map(Vote::iter).filter(|v| slots.contains(v.0)) {
            let tally = tallies.entry(slot).or_insert_with(|| Tally::new(ballot));
            tally.hear(ballot, *from, entry);
        }
    }
    tallies
}

/// Assigns a value to each of `tallies`, given the acceptors heard there. Free choices go to commands that have no slot
/// yet, in the order of their votes. A slot for which no command is left gets a no-op.
pub(crate) fn assign<V: Value>(
    quorums: &dyn QuorumSystem,
    heard: impl Fn(&Tally<V>) -> NodeSet,
    tallies: &BTreeMap<Slot, Tally<V>>,
) -> BTreeMap<Slot, Entry<V>> {
    let choices: BTreeMap<Slot, Choice<'_, V>> =
        tallies.iter().map(|(slot, tally)| (*slot, choose(quorums, heard(tally), tally))).collect();
    let mut placed: BTreeSet<Option<CommandId>> = choices
        .values()
        .filter_map(|choice| if let Choice::Forced(entry) = choice { Some(entry.id()) } else { None })
        .collect();
    let value = |choice: Choice<'_, V>| match choice {
        Choice::Forced(entry) => entry.clone(),
        Choice::Free(values) => {
            let unplaced = values.into_iter().find(|entry| placed.insert(entry.id()));
            unplaced.cloned().unwrap_or(Entry::Noop)
        }
    };
    let mut value = value;
    choices.into_iter().map(|(slot, choice)| (slot, value(choice))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use paxos_core::{Ballot, ClientId, Counts};

    fn tally(votes: &[(u16, u64)]) -> Tally<()> {
        let fast = Ballot::classic(1, NodeId(0)).next_step(true).expect("a step");
        let mut tally = Tally::new(fast);
        for (node, seq) in votes {
            tally.count(NodeId(*node), &Entry::new(ClientId::default(), *seq, ()));
        }
        tally
    }

    fn chosen(votes: &[(u16, u64)], heard: &[u16]) -> Option<u64> {
        let quorums = Counts::fast(NodeSet::first(5)).expect("lawful");
        let heard = heard.iter().map(|n| NodeId(*n)).collect();
        match choose(&quorums, heard, &tally(votes)) {
            Choice::Forced(entry) => entry.id().map(|id| id.seq),
            Choice::Free(_) => None,
        }
    }

    #[test]
    fn acceptors_are_counted_not_values() {
        // Of a quorum of 3 out of 5, two voted for 7 and one for 8. With the two unheard acceptors, 7 may have 4 votes.
        assert_eq!(chosen(&[(0, 7), (1, 7), (2, 8)], &[0, 1, 2]), Some(7));
        // The same vote reported twice is one vote.
        assert_eq!(chosen(&[(0, 7), (0, 7), (2, 8)], &[0, 2, 3]), None);
    }

    #[test]
    fn the_actual_set_heard_decides_what_is_forced() {
        // With all five heard, two votes are no longer enough; three would not have been chosen either.
        assert_eq!(chosen(&[(0, 7), (1, 7), (2, 8)], &[0, 1, 2, 3, 4]), None);
        assert_eq!(chosen(&[(0, 7), (1, 7), (2, 7), (3, 8)], &[0, 1, 2, 3]), Some(7));
        assert_eq!(chosen(&[(0, 7), (1, 7), (2, 7), (3, 8), (4, 8)], &[0, 1, 2, 3, 4]), None);
    }

    #[test]
    fn a_vote_in_a_classic_ballot_forces_its_value() {
        let mut one = Tally::new(Ballot::classic(1, NodeId(0)));
        one.count(NodeId(3), &Entry::new(ClientId::default(), 9, ()));
        let quorums = Counts::fast(NodeSet::first(5)).expect("lawful");
        let heard = [0, 1, 3].map(NodeId).into_iter().collect();
        assert!(matches!(choose(&quorums, heard, &one), Choice::Forced(_)));
    }

    #[test]
    fn the_only_value_voted_for_is_the_one_to_propose() {
        // In the step that acceptors started by themselves, it may be the value that the step before chose.
        assert_eq!(chosen(&[(2, 7)], &[0, 1, 2]), Some(7));
    }

    #[test]
    fn all_who_know_the_votes_of_a_quorum_pick_the_same() {
        let quorums = Counts::fast(NodeSet::first(4)).expect("lawful");
        let quorum: NodeSet = [0, 1, 2].map(NodeId).into_iter().collect();
        let picked = |slot, votes: &[(u16, u64)]| {
            pick(&quorums, quorum, &tally(votes), Slot(slot)).and_then(|entry| entry.id()).map(|id| id.seq)
        };
        // The fourth vote and the order of the votes make no difference.
        assert_eq!(picked(0, &[(0, 7), (1, 8), (2, 9)]), picked(0, &[(3, 9), (2, 9), (1, 8), (0, 7)]));
        assert_eq!(picked(0, &[(0, 8), (1, 8), (2, 9), (3, 9)]), Some(8));
        // Ties go to a different command in each slot.
        let slots: Vec<_> = (0..3).map(|slot| picked(slot, &[(0, 7), (1, 8), (2, 9)])).collect();
        assert_eq!(slots, [Some(7), Some(8), Some(9)]);
    }

    #[test]
    fn a_command_that_lost_one_slot_gets_the_next() {
        let all: NodeSet = NodeSet::first(5);
        let quorums = Counts::fast(all).expect("lawful");
        let slots = BTreeMap::from([
            (Slot(0), tally(&[(0, 7), (1, 7), (2, 7), (3, 8), (4, 8)])),
            (Slot(1), tally(&[(0, 8), (1, 8), (2, 8), (3, 7), (4, 7)])),
            (Slot(2), tally(&[(0, 7), (1, 7), (2, 8), (3, 8)])),
        ]);
        let assigned = assign(&quorums, |_| all, &slots);
        let seqs: Vec<Option<u64>> = assigned.values().map(|e| e.id().map(|id| id.seq)).collect();
        assert_eq!(seqs, [Some(7), Some(8), None]);
    }
}
