//! Uncoordinated recovery, by hand: acceptors that proceed by themselves, in the worst orders of events.

mod leader;

use super::*;
use paxos_core::{Limits, Phase};

const B: Ballot = Ballot::classic(1, NodeId(0));

/// Step 2, in which acceptors proceed by themselves.
fn next(classic: Ballot) -> Ballot {
    fast(classic).next_step(true).expect("a step")
}

/// *Any*, which names n0, n1 and n2 of five.
fn any_of_three(classic: Ballot) -> Accept<u64> {
    let any = Any { recovery: Some(NodeSet::first(3)), ..opened(classic, 0) };
    Accept { any: Some(any), ..accept(classic, 0, &[]) }
}

fn within(id: u16, limits: Limits) -> Process {
    let options = Options { recovery: Recovery::Uncoordinated, ..Options::default() };
    let config = Config { limits, ..Config::collapsed(5).expect("lawful") };
    Process::with(Setup { options, ..setup(config, id) })
}

fn new(id: u16) -> Process {
    within(id, Limits::default())
}

/// An acceptor of five with a fast ballot open from slot 0 on, after votes for these commands.
fn open(id: u16, seqs: Range<u64>) -> Process {
    let mut bench = new(id);
    bench.answer(&any_of_three(B)).expect("no higher ballot");
    bench.ask(seqs);
    bench.votes();
    bench
}

/// The acceptor hears a vote of another one.
fn hears_vote(bench: &mut Process, from: u16, vote: &Accepted<u64>) {
    paxos_core::Acceptor::<P>::on_accepted(&mut bench.acceptor, NodeId(from), vote, &bench.chosen);
}

/// A vote for one command in one slot.
fn hears(bench: &mut Process, from: u16, b: Ballot, slot: u64, seq: u64) {
    hears_vote(bench, from, &accepted(b, slot, &[seq]));
}

/// Votes of the open ballot in slot 0.
fn hears_all(bench: &mut Process, votes: &[(u16, u64)]) {
    for (from, seq) in votes {
        hears(bench, *from, fast(B), 0, *seq);
    }
}

/// n0 was a slot ahead, and voted in it for a command with an earlier slot here. Nobody needs to be met in a slot that is
/// already chosen.
#[test]
fn an_acceptor_does_not_draw_level_in_a_slot_that_is_chosen() {
    for chosen in [false, true] {
        let mut bench = open(2, 7..8);
        hears(&mut bench, 0, fast(B), 1, 7);
        if chosen {
            bench.chosen.choose(Slot(0), list(&[7, 7]));
        }
        let level = if chosen { vec![] } else { vec![accepted(fast(B), 1, &[7])] };
        assert_eq!(bench.votes(), level);
    }
}

/// With five acceptors, three may proceed without the others: 7 may have been chosen according to n0, n1 and n2, but
/// not according to all five.
const COLLISION: [(u16, u64); 4] = [(0, 7), (1, 7), (2, 8), (3, 8)];

#[test]
fn an_acceptor_goes_on_when_it_has_the_votes_of_the_named_quorum() {
    // An acceptor of the quorum, one outside it that voted, and one that has not voted at all.
    for (id, seqs) in [(1, 7..8), (3, 8..9), (4, 0..0)] {
        let mut bench = open(id, seqs);
        let before = bench.disk.len();
        hears_all(&mut bench, &COLLISION);
        let votes = bench.votes();
        // If its own command lost, it votes for that command again in a later slot.
        assert_eq!(votes[0], accepted(next(B), 0, &[7]), "n{id}");
        let record = Record::Voted { ballot: next(B), first: Slot(0), batch: list(&[7]) };
        assert_eq!(bench.disk[before], record, "it is written");
        let again: &[Accepted<u64>] = if id == 3 { &[accepted(fast(B), 1, &[8])] } else { &[] };
        assert_eq!(&votes[1..], again, "n{id}");
    }
}

#[test]
fn what_it_votes_for_by_itself_fits_into_messages() {
    let lengths = |batch, batch_bytes| {
        let mut bench = within(4, Limits { batch, batch_bytes, ..Limits::default() });
        bench.answer(&any_of_three(B)).expect("no higher ballot");
        for slot in 0..5 {
            for (from, seq) in COLLISION {
                hears(&mut bench, from, fast(B), slot, 10 * slot + seq);
            }
        }
        let votes = bench.votes();
        let slots: Vec<Slot> =
            votes.iter().flat_map(|vote| vote.first.extend(vote.batch.len() as u64).iter()).collect();
        assert_eq!(slots, (0..5).map(Slot).collect::<Vec<_>>());
        votes.iter().map(|vote| vote.batch.len()).collect::<Vec<_>>()
    };
    assert_eq!(lengths(1024, 1 << 20), [5]);
    assert_eq!(lengths(2, 1 << 20), [2, 2, 1]);
    assert_eq!(lengths(1, 1 << 20), [1; 5]);
    // A command has eight bytes, and one command may always go.
    assert_eq!(lengths(1024, 24), [3, 2]);
    assert_eq!(lengths(1024, 1), [1; 5]);
}

#[test]
fn without_one_vote_of_the_named_quorum_it_waits() {
    // Four votes show the collision, and with n3 and n4 they form a phase 1 quorum, but other acceptors may read other
    // votes.
    let mut bench = open(4, 8..9);
    hears_all(&mut bench, &[(0, 7), (1, 7), (3, 8), (4, 8)]);
    assert!(bench.votes().is_empty());
    hears_all(&mut bench, &[(2, 8)]);
    assert_eq!(bench.votes()[0], accepted(next(B), 0, &[7]));
}

#[test]
fn without_a_collision_it_does_not_go_on() {
    let mut bench = open(3, 7..8);
    hears_all(&mut bench, &[(0, 7), (1, 7), (2, 8), (3, 7)]);
    assert!(bench.votes().is_empty(), "7 may still get its fourth vote");
    // But if another acceptor has proceeded, that one has seen votes that were not heard here.
    hears(&mut bench, 4, next(B), 0, 7);
    assert_eq!(bench.votes(), [accepted(next(B), 0, &[7])]);
}

#[test]
fn what_it_picks_is_safe_whatever_the_others_voted() {
    // All ways in which five acceptors can vote for three commands.
    let quorums = Config::collapsed(5).expect("lawful").quorums;
    for ways in 0..3_u32.pow(5) {
        let votes: Vec<(u16, u64)> = (0..5).map(|n| (n, u64::from(ways / 3_u32.pow(n.into()) % 3))).collect();
        let of = |seq| votes.iter().filter(|vote| vote.1 == seq).map(|vote| NodeId(vote.0)).collect();
        let chosen = (0..3).find(|seq| quorums.is_quorum(Phase::TwoFast, of(*seq)));
        // An acceptor proceeded, rightly or not, and this one has heard only three of the others.
        let mut bench = open(4, 0..0);
        hears_all(&mut bench, &votes[..3]);
        hears(&mut bench, 3, next(B), 0, 9);
        let picked = bench.votes();
        let seq = picked[0].batch[0].id().expect("a command").seq;
        assert_eq!((picked[0].ballot, picked.len()), (next(B), 1));
        assert!(chosen.is_none_or(|chosen| chosen == seq), "{votes:?}: {seq}");
    }
}

#[test]
fn who_went_on_votes_no_more_in_the_open_ballot_there() {
    // n4 did not vote in slot 0 before, and will not afterwards, restarted or not.
    let mut bench = open(4, 0..0);
    hears_all(&mut bench, &COLLISION);
    bench.votes();
    let mut again = bench.restored();
    again.answer(&any_of_three(B)).expect("no higher ballot");
    for mut bench in [bench, again] {
        bench.ask(3..4);
        assert_eq!(bench.votes(), [accepted(fast(B), 1, &[3])]);
        // It also reports the higher of its votes.
        assert_eq!(
            bench.promise(&prepare(ballot(2, 1), 0)).expect("a promise").votes[0],
            vote(next(B), 0, &[7])
        );
    }
}

#[test]
fn a_restart_between_the_two_votes_takes_the_first_along() {
    let mut bench = open(2, 8..9).restored();
    bench.answer(&any_of_three(B)).expect("no higher ballot");
    // Votes that the others sent before are forgotten. They may send them again or not; it sends its own when asked
    // again.
    hears_all(&mut bench, &COLLISION[..2]);
    hears(&mut bench, 3, next(B), 0, 7);
    assert!(bench.votes().is_empty(), "its own vote counts when it is told");
    bench.ask(8..9);
    assert_eq!(bench.votes(), [accepted(fast(B), 0, &[8])], "the same as before the restart");
    hears(&mut bench, 2, fast(B), 0, 8);
    assert_eq!(bench.votes()[0], accepted(next(B), 0, &[7]));
}

#[test]
fn votes_that_came_before_any_are_not_read() {
    let mut bench = new(4);
    hears_all(&mut bench, &COLLISION);
    bench.answer(&any_of_three(B)).expect("no higher ballot");
    assert!(bench.votes().is_empty());
    // A second *any* that names another quorum does not replace the first.
    let other = Any { recovery: Some(NodeSet::first(4)), ..opened(B, 0) };
    bench.answer(&Accept { any: Some(other), ..accept(B, 0, &[]) }).expect("no higher ballot");
    hears_all(&mut bench, &COLLISION);
    assert_eq!(bench.votes(), [accepted(next(B), 0, &[7])]);
}

#[test]
fn a_vote_told_twice_counts_once() {
    let mut bench = open(4, 0..0);
    hears_all(&mut bench, &[(0, 7), (0, 8), (0, 9), (1, 7), (1, 8), (3, 8), (3, 8)]);
    assert!(bench.votes().is_empty());
    hears_all(&mut bench, &COLLISION);
    assert_eq!(bench.votes(), [accepted(next(B), 0, &[7])]);
    // Late and duplicate votes cause no second vote.
    let before = bench.disk.len();
    hears_all(&mut bench, &COLLISION);
    hears(&mut bench, 3, next(B), 0, 7);
    assert!(bench.votes().is_empty() && bench.disk.len() == before);
}

#[test]
fn where_no_quorum_is_named_nobody_goes_on() {
    let too_few = Some(NodeSet::first(2));
    for recovery in [None, too_few, Some(NodeSet::EMPTY), Some([0, 1, 60].map(NodeId).into_iter().collect())]
    {
        let mut bench = new(4);
        let any = Any { recovery, ..opened(B, 0) };
        bench.answer(&Accept { any: Some(any), ..accept(B, 0, &[]) }).expect("no higher ballot");
        hears_all(&mut bench, &COLLISION);
        hears(&mut bench, 3, next(B), 0, 7);
        assert!(bench.votes().is_empty(), "{recovery:?}");
    }
}

#[test]
fn a_promise_ends_it() {
    let mut bench = open(4, 0..0);
    hears_all(&mut bench, &COLLISION);
    // This happens in the same turn, before it proceeds.
    bench.promise(&prepare(ballot(2, 1), 0)).expect("a promise");
    assert!(bench.votes().is_empty());
    hears_all(&mut bench, &COLLISION);
    assert!(bench.votes().is_empty());
}

#[test]
fn votes_of_one_coordinators_ballot_are_not_read_for_anothers() {
    let other = ballot(1, 3);
    let mut bench = open(4, 0..0);
    hears_all(&mut bench, &COLLISION[..2]);
    bench.answer(&any_of_three(other)).expect("no higher ballot");
    hears_all(&mut bench, &COLLISION[2..]);
    assert!(bench.votes().is_empty());
    for (from, seq) in COLLISION {
        hears(&mut bench, from, fast(other), 0, seq);
    }
    assert_eq!(bench.votes(), [accepted(next(other), 0, &[7])]);
}

#[test]
fn a_slot_that_the_coordinator_has_recovered_is_left_to_it() {
    let mut bench = open(4, 0..0);
    let third = next(B).next_step(false).expect("a step");
    bench.answer(&accept(third, 0, &[8])).expect("a vote");
    hears_all(&mut bench, &COLLISION);
    assert!(bench.votes().is_empty());
    // In the other order, the later step overrides.
    let mut bench = open(4, 0..0);
    hears_all(&mut bench, &COLLISION);
    bench.votes();
    assert_eq!(bench.answer(&accept(third, 0, &[7])), Ok(Some(accepted(third, 0, &[7]))));
}

#[test]
fn slots_that_are_chosen_or_too_far_need_no_vote() {
    let mut bench = open(4, 0..0);
    bench.chosen.choose(Slot(0), list(&[7]));
    hears_all(&mut bench, &COLLISION);
    let far = Config::collapsed(5).expect("lawful").limits.reach() + 1;
    for (from, seq) in COLLISION {
        hears(&mut bench, from, fast(B), far, seq);
    }
    assert!(bench.votes().is_empty());
}

#[test]
fn the_losers_of_many_slots_find_a_place_each() {
    let mut bench = open(3, 8..9);
    bench.ask(7..8);
    bench.votes();
    for (from, seqs) in [(0, [7, 8]), (1, [7, 8]), (2, [7, 8]), (3, [8, 7]), (4, [8, 7])] {
        hears_vote(&mut bench, from, &accepted(fast(B), 0, &seqs));
    }
    // One message has both commands, and neither is voted for again.
    assert_eq!(bench.votes(), [accepted(next(B), 0, &[7, 8])]);
}
