//! The proposer: what it may propose, and how it recovers from collisions.

mod missed;

use super::*;
use paxos_core::{Counts, Learning};

const B: Ballot = Ballot::classic(1, NodeId(0));

/// A proposer of five servers, in term 1, after it sent its phase 1a.
fn campaigning() -> Process {
    let mut bench = server(0, 5, Recovery::Coordinated);
    bench.begin();
    assert_eq!(bench.prepares(), [(prepare(B, 0), Some(Record::Started(B)))]);
    bench
}

/// A proposer of five servers, in term 1, with its fast ballot open from slot 0 on.
fn open(recovery: Recovery) -> Process {
    let mut bench = server(0, 5, recovery);
    bench.begin();
    bench.prepares();
    (0..4).for_each(|from| bench.hear(NodeId(from), promise(B, 0, vec![])));
    assert_eq!(bench.proposes(), [any(B, 0)]);
    bench
}

/// Votes of the fast ballot in slot 0.
fn votes(bench: &mut Process, votes: &[(u16, u64)]) {
    for (from, seq) in votes {
        tell(bench, *from, &accepted(fast(B), 0, &[*seq]));
    }
}

/// The commands, by number, that it proposes from slot 0 on; none for a no-op.
fn recovered(bench: &mut Process) -> Vec<Option<u64>> {
    let accepts = bench.proposes();
    let [accept] = &accepts[..] else { panic!("{accepts:?}") };
    assert_eq!((accept.classic.ballot, accept.classic.first), (recovery(B), Slot(0)));
    accept.classic.batch.iter().map(|entry| Some(entry.id()?.seq)).collect()
}

#[test]
fn a_new_leader_proposes_what_may_be_chosen() {
    let old = ballot(0, 4);
    let mut bench = campaigning();
    // Slot 0: two of three heard voted for 7, so with the two unheard it may have the four votes of a fast quorum. Slot
    // 1: three values, none of which can have been chosen. Slot 2: a single classic vote.
    bench.hear(NodeId(0), promise(B, 0, vec![vote(fast(old), 0, &[7, 10])]));
    bench.hear(NodeId(1), promise(B, 0, vec![vote(fast(old), 0, &[7, 11]), vote(old, 2, &[20])]));
    bench.hear(NodeId(2), promise(B, 0, vec![vote(fast(old), 0, &[8, 12])]));
    let accepts = bench.proposes();
    let proposed: Vec<Option<u64>> = accepts
        .iter()
        .flat_map(|accept| {
            assert_eq!(accept.classic.ballot, B);
            accept.classic.batch.iter().map(|entry| entry.id().map(|id| id.seq))
        })
        .collect();
    assert_eq!((proposed[0], proposed[2]), (Some(7), Some(20)));
    assert!([Some(10), Some(11), Some(12)].contains(&proposed[1]));
    // The losers are not lost: each gets one slot.
    let mut all: Vec<u64> = proposed.iter().copied().flatten().collect();
    all.sort_unstable();
    assert_eq!(all, [7, 8, 10, 11, 12, 20]);
}

#[test]
fn what_may_be_chosen_goes_before_what_is_free() {
    let old = ballot(0, 4);
    let mut bench = campaigning();
    // Slot 0 is free, and 7 is as good as the others. But 7 may be chosen in slot 1, where two of three voted for it.
    bench.hear(NodeId(0), promise(B, 0, vec![vote(fast(old), 0, &[7, 8])]));
    bench.hear(NodeId(1), promise(B, 0, vec![vote(fast(old), 0, &[8, 7])]));
    bench.hear(NodeId(2), promise(B, 0, vec![vote(fast(old), 0, &[9, 7])]));
    let proposed: Batch<u64> =
        bench.proposes().iter().flat_map(|accept| accept.classic.batch.to_vec()).collect();
    assert_eq!(proposed, list(&[8, 7, 9]));
}

#[test]
fn acceptors_are_counted_not_values() {
    // 7 has two votes and 8 has one: as sets of values, both would weigh the same.
    for order in [[(0, 7), (1, 7), (2, 8)], [(2, 8), (1, 7), (0, 7)], [(0, 7), (2, 8), (1, 7)]] {
        let mut bench = campaigning();
        for (from, seq) in order {
            bench.hear(NodeId(from), promise(B, 0, vec![vote(fast(ballot(0, 4)), 0, &[seq])]));
        }
        assert_eq!(bench.proposes()[0].classic.batch[0], entry(7), "{order:?}");
    }
}

#[test]
fn any_opens_the_slots_behind_what_is_proposed() {
    let mut bench = campaigning();
    bench.request(0..2).expect("room");
    for from in 0..3 {
        bench.hear(NodeId(from), promise(B, 0, vec![]));
    }
    // Three of five are known to be alive, but a fast quorum needs four, so it continues as in Multi-Paxos.
    assert_eq!(bench.proposes(), [accept(B, 0, &[0, 1])]);
    bench.hear(NodeId(3), promise(B, 0, vec![]));
    let accepts = bench.proposes();
    assert_eq!(accepts, [Accept { any: Some(opened(B, 2)), ..accept(B, 2, &[]) }]);
    assert_eq!(bench.proposer.any(), Some(opened(B, 2)));
}

#[test]
fn any_is_not_followed_by_a_value_in_the_same_ballot() {
    let mut bench = open(Recovery::Coordinated);
    // A command sent to the leader meanwhile is not proposed in an open slot, neither in the fast ballot nor in the
    // classic one below it.
    bench.request(0..1).expect("room");
    assert!(bench.proposes().is_empty());
    bench.timeout();
    // Proposing it takes a new term.
    assert_eq!(bench.prepares()[0].1, Some(Record::Started(ballot(2, 0))));
    for from in 0..4 {
        bench.hear(NodeId(from), promise(ballot(2, 0), 0, vec![]));
    }
    let accepts = bench.proposes();
    assert_eq!((accepts[0].classic.ballot, &accepts[0].classic.batch), (ballot(2, 0), &list(&[0])));
    assert_eq!(accepts[0].any, Some(opened(ballot(2, 0), 1)));
}

#[test]
fn a_collision_is_noticed_as_soon_as_no_value_can_win() {
    let mut bench = open(Recovery::Coordinated);
    votes(&mut bench, &[(0, 7), (1, 8), (2, 7)]);
    // 7 may still get four votes.
    assert!(bench.proposes().is_empty());
    votes(&mut bench, &[(3, 8)]);
    assert_eq!(bench.proposes().len(), 1);
}

#[test]
fn a_collision_is_recovered_with_the_forced_value() {
    let mut bench = open(Recovery::Coordinated);
    votes(&mut bench, &[(0, 7), (1, 7), (2, 8), (3, 7)]);
    assert!(bench.proposes().is_empty());
    bench.timeout();
    // The fifth acceptor may also have voted for 7, and then 7 is chosen.
    let accepts = bench.proposes();
    let recovered =
        accepts.iter().find(|accept| accept.classic.ballot == recovery(B)).expect("it goes to step 2");
    assert_eq!((recovered.classic.first, &recovered.classic.batch), (Slot(0), &list(&[7])));
}

#[test]
fn a_recovery_of_many_slots_places_forced_values_first() {
    let mut bench = open(Recovery::Coordinated);
    for (from, seqs) in [(0, [7, 8]), (1, [8, 7]), (2, [9, 7]), (3, [10, 7])] {
        tell(&mut bench, from, &accepted(fast(B), 0, &seqs));
    }
    bench.timeout();
    assert_eq!(recovered(&mut bench), [Some(8), Some(7)]);
}

#[test]
fn a_collision_that_forces_nothing_is_recovered_with_a_proposed_value() {
    let mut bench = open(Recovery::Coordinated);
    votes(&mut bench, &[(0, 7), (1, 8), (2, 7), (3, 8)]);
    let recovered = recovered(&mut bench);
    assert!(matches!(recovered[..], [Some(7 | 8)]), "{recovered:?}");
}

#[test]
fn a_recovery_needs_a_quorum_of_votes() {
    let mut bench = open(Recovery::Coordinated);
    votes(&mut bench, &[(0, 7), (1, 8)]);
    assert!(bench.proposes().is_empty());
    bench.timeout();
    // Two of five are not a phase 1 quorum, so it runs phase 1.
    let asked = bench.prepares();
    assert_eq!(asked[0].0, prepare(ballot(2, 0), 0));
}

#[test]
fn a_loser_is_proposed_again() {
    // Slots 0 and 1 collide with the same two commands: each gets one of them.
    let mut bench = open(Recovery::Coordinated);
    for (from, seqs) in [(0, [7, 8]), (1, [8, 7]), (2, [7, 8]), (3, [8, 7])] {
        tell(&mut bench, from, &accepted(fast(B), 0, &seqs));
    }
    let mut recovered = recovered(&mut bench);
    recovered.sort_unstable();
    assert_eq!(recovered, [Some(7), Some(8)]);
}

#[test]
fn a_classic_recovery_starts_a_term_and_proposes_the_loser_again() {
    let mut bench = open(Recovery::Classic);
    votes(&mut bench, &[(0, 7), (1, 8), (2, 7), (3, 8)]);
    let next = ballot(2, 0);
    assert_eq!(bench.prepares(), [(prepare(next, 0), Some(Record::Started(next)))]);
    for (from, seq) in [(0, 7), (1, 8), (2, 7)] {
        bench.hear(NodeId(from), promise(next, 0, vec![vote(fast(B), 0, &[seq])]));
    }
    let accepts = bench.proposes();
    let proposed: Batch<u64> = accepts.iter().flat_map(|accept| accept.classic.batch.to_vec()).collect();
    // Of the three heard, two voted for 7, so 7 is forced; the other command follows.
    assert_eq!(proposed, list(&[7, 8]));
}

/// All three who vote are a fast quorum of the five, but phase 1 needs all five: their votes are no promises.
#[test]
fn a_collision_of_voters_that_are_no_phase_1_quorum_starts_a_term_at_once() {
    for recovery in [Recovery::Coordinated, Recovery::Uncoordinated, Recovery::Classic] {
        let quorums = Counts::fast_flexible(NodeSet::first(5), 5, 3, 3).expect("lawful");
        let config =
            Config { quorums: Arc::new(quorums), thrifty: true, ..Config::collapsed(5).expect("lawful") };
        let hysteresis = Some(Hysteresis { window: 4, collided: 2, calm: 0 });
        let mut bench = Process::with(Setup {
            options: Options { recovery, hysteresis, ..Options::default() },
            ..setup(config, 0)
        });
        bench.begin();
        for round in 1..=2 {
            bench.prepares();
            (0..5).for_each(|from| bench.hear(NodeId(from), promise(ballot(round, 0), 0, vec![])));
            assert_eq!(bench.proposes(), [any(ballot(round, 0), 0)], "{recovery:?}");
            let voted = |seq| accepted(fast(ballot(round, 0)), round - 1, &[seq]);
            tell(&mut bench, 0, &voted(7));
            tell(&mut bench, 1, &voted(7));
            assert!(bench.prepares().is_empty(), "{recovery:?}: the third may vote for 7 as well");
            tell(&mut bench, 2, &voted(8));
        }
        assert_eq!(bench.prepares().len(), 1, "{recovery:?}");
        // It counts, too.
        assert_eq!(bench.proposer.switches().to_classic, 1, "{recovery:?}");
    }
}

#[test]
fn a_second_answer_of_one_acceptor_is_not_counted() {
    let mut bench = campaigning();
    bench.hear(NodeId(0), promise(B, 0, vec![]));
    bench.hear(NodeId(1), promise(B, 0, vec![]));
    let before = bench.proposer.clone();
    bench.hear(NodeId(1), promise(B, 0, vec![vote(ballot(0, 4), 0, &[7])]));
    // A promise of another ballot or for other slots does not count either.
    bench.hear(NodeId(2), promise(ballot(1, 1), 0, vec![]));
    bench.hear(NodeId(2), promise(B, 5, vec![]));
    assert_eq!(bench.proposer, before);
    // Neither does a second vote: three acceptors voted, not five.
    let mut bench = open(Recovery::Coordinated);
    votes(&mut bench, &[(0, 7), (1, 8), (2, 7), (1, 8), (1, 7), (0, 8)]);
    assert!(bench.proposes().is_empty());
}

#[test]
fn a_vote_of_another_term_says_nothing_about_this_one() {
    let mut bench = open(Recovery::Coordinated);
    let before = bench.proposer.clone();
    for from in 0..4 {
        tell(&mut bench, from, &accepted(fast(ballot(1, 1)), 0, &[u64::from(from)]));
    }
    assert!(bench.proposes().is_empty());
    assert_eq!(bench.proposer, before);
}

#[test]
fn a_slot_under_recovery_is_not_recovered_with_another_value() {
    let mut bench = open(Recovery::Coordinated);
    votes(&mut bench, &[(0, 7), (1, 8), (2, 7), (3, 8)]);
    let recovered = recovered(&mut bench);
    // The last vote would change the result, but it is too late.
    votes(&mut bench, &[(4, 8)]);
    assert!(bench.proposes().is_empty());
    bench.timeout();
    for accept in bench.proposes().iter().filter(|accept| !accept.classic.batch.is_empty()) {
        assert_eq!(
            (accept.classic.ballot, accept.classic.batch[0].id().map(|id| id.seq)),
            (recovery(B), recovered[0])
        );
    }
}

#[test]
fn a_higher_term_ends_this_one() {
    let mut bench = open(Recovery::Coordinated);
    votes(&mut bench, &[(0, 7), (1, 8)]);
    // Its own steps belong to the same term.
    assert!(!paxos_core::Proposer::<P>::on_ballot(&mut bench.proposer, recovery(B)));
    assert_eq!(bench.leading(), Some(B));
    assert!(bench.refused(B, ballot(4, 1), Slot(0).onwards()));
    votes(&mut bench, &[(2, 7), (3, 8)]);
    assert!(bench.leading().is_none() && bench.proposes().is_empty());
    bench.begin();
    assert_eq!(bench.prepares()[0].1, Some(Record::Started(ballot(5, 0))));
}

/// A coordinator that only proposes, of four acceptors, with its fast ballot open, and which has heard that all slots below
/// `known` are chosen.
fn outsider(known: u64, options: Options) -> Process {
    let config = Config { learning: Learning::Everyone, ..Config::separate(1, 4, 2).expect("lawful") };
    let mut bench = Process::with(Setup { options, ..setup(config, 0) });
    bench.chosen = Chosen::within_reach(Config::collapsed(4).expect("lawful").limits.reach());
    bench.begin();
    bench.prepares();
    (1..=4).for_each(|from| bench.hear(NodeId(from), promise(B, 0, vec![])));
    assert_eq!(bench.proposes(), [any(B, 0)]);
    bench.progress(known);
    bench
}

/// Two acceptors vote for one command in this slot, and two for another one.
fn collide(bench: &mut Process, slot: u64) {
    for (from, seq) in [(1, 7), (2, 7), (3, 8), (4, 8)] {
        tell(bench, from, &accepted(fast(B), slot, &[seq]));
    }
}

#[test]
fn a_coordinator_that_does_not_learn_notices_collisions_in_a_long_log() {
    let far = 10 * Config::collapsed(3).expect("lawful").limits.reach();
    for known in [0, far] {
        let mut bench = outsider(known, Options::default());
        collide(&mut bench, known);
        let accepts = bench.proposes();
        assert!(!accepts.is_empty() && accepts[0].classic.first == Slot(known), "{known}: {accepts:?}");
    }
}

#[test]
fn a_coordinator_that_does_not_learn_counts_the_slots_without_collisions() {
    let hysteresis = Some(Hysteresis { window: 4, collided: 2, calm: 0 });
    let switches = |calm: u64| {
        let mut bench = outsider(0, Options { hysteresis, ..Options::default() });
        collide(&mut bench, 0);
        bench.poll();
        (1..=calm).for_each(|slot| tell(&mut bench, 1, &accepted(fast(B), slot, &[slot])));
        bench.progress(calm + 1);
        collide(&mut bench, calm + 1);
        bench.poll();
        bench.proposer.switches().to_classic
    };
    assert_eq!([0, 1, 6].map(switches), [1, 1, 0]);
}
