//! The proposer: phase 1 once, then phase 2 for each batch.

use super::*;
use paxos_core::Learning;

/// n0 of `n` servers in its first ballot, after it sent its phase 1a.
fn campaigning(n: u16) -> Process {
    let mut bench = server(0, n);
    bench.begin();
    assert_eq!(bench.prepares(), [(prepare(ballot(1, 0), 0), Some(Record::Started(ballot(1, 0))))]);
    bench
}

/// A leader of three servers that has proposed these commands from slot 0 on.
fn leading(seqs: Range<u64>) -> Process {
    let mut bench = campaigning(3);
    bench.hear(NodeId(1), promise(ballot(1, 0), 0, vec![]));
    bench.hear(NodeId(2), promise(ballot(1, 0), 0, vec![]));
    bench.request(seqs.clone()).expect("room");
    assert_eq!(bench.proposes(), [accept(ballot(1, 0), 0, seqs)]);
    bench
}

#[test]
fn one_phase_1_serves_all_slots() {
    let mut bench = leading(0..2);
    bench.request(2..3).expect("room");
    assert_eq!(bench.proposes(), [accept(ballot(1, 0), 2, 2..3)]);
    bench.choose(0, 0..3);
    bench.request(3..5).expect("room");
    assert_eq!(bench.proposes(), [Accept { chosen: Slot(3), ..accept(ballot(1, 0), 3, 3..5) }]);
}

#[test]
fn a_new_leader_proposes_what_may_be_chosen_in_whichever_order_promises_come() {
    let votes = [
        (1, vec![vote(ballot(0, 3), 0, 30..32)]),
        (2, vec![vote(ballot(0, 4), 1, 41..42)]),
        (3, vec![vote(ballot(0, 2), 0, 20..23)]),
    ];
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let mut bench = campaigning(5);
        bench.request(0..1).expect("room");
        for (from, votes) in order.map(|i| votes[i].clone()) {
            bench.hear(NodeId(from), promise(ballot(1, 0), 0, votes));
        }
        // Each slot gets the value of its highest vote; the proposer's own command comes after them.
        let recovered: Batch<u64> = [entry(30), entry(41), entry(22)].into_iter().collect();
        let first = Accept { batch: recovered, ..accept(ballot(1, 0), 0, 0..0) };
        assert_eq!(bench.proposes(), [first, accept(ballot(1, 0), 3, 0..1)], "{order:?}");
    }
}

#[test]
fn a_new_leader_asks_from_its_first_unknown_slot_on() {
    let mut bench = server(0, 3);
    bench.choose(0, 0..3);
    bench.choose(5, 5..6);
    bench.begin();
    assert_eq!(bench.prepares()[0].0, prepare(ballot(1, 0), 3));
}

#[test]
fn a_leader_that_finds_another_value_chosen_stops_vouching() {
    let mut bench = leading(0..3);
    // Its own values are not news.
    bench.choose(0, 0..1);
    assert_eq!(bench.leading(), Some(ballot(1, 0)));
    bench.choose(1, 71..72);
    assert_eq!(bench.leading(), None);
    assert!(bench.proposes().is_empty());
    // Commands under way wait for its next ballot, in which it does not use a lower slot.
    assert!(bench.has_work());
    bench.begin();
    assert_eq!(bench.prepares()[0].0, prepare(ballot(2, 0), 2));
}

#[test]
fn a_leader_that_finds_a_slot_chosen_that_it_never_used_stops_vouching() {
    let mut bench = leading(0..1);
    bench.choose(4, 74..75);
    assert_eq!(bench.leading(), None);
}

#[test]
fn a_candidate_that_is_behind_begins_again_where_it_knows_more() {
    let mut bench = campaigning(3);
    // Learning more slots is no reason to ask again.
    bench.choose(0, 0..2);
    assert_eq!(bench.prepares(), []);
    assert!(!bench.refused(ballot(1, 0), Ballot::ZERO, Slot(0).onwards()), "the ballot is not lost");
    bench.choose(2, 2..4);
    assert_eq!(bench.prepares(), [(prepare(ballot(1, 0), 4), None)]);
    // Answers to the earlier request do not count for this one.
    bench.hear(NodeId(1), promise(ballot(1, 0), 0, vec![]));
    bench.hear(NodeId(2), promise(ballot(1, 0), 4, vec![]));
    assert_eq!(bench.leading(), None);
    bench.hear(NodeId(1), promise(ballot(1, 0), 4, vec![]));
    assert_eq!(bench.leading(), Some(ballot(1, 0)));
}

#[test]
fn what_was_under_way_is_proposed_again_in_the_same_order() {
    let mut bench = leading(0..2);
    // A refusal of an earlier ballot is not news.
    assert!(!bench.refused(ballot(0, 0), ballot(3, 1), Slot(0).onwards()));
    assert!(bench.refused(ballot(1, 0), ballot(7, 1), Slot(0).onwards()));
    assert!(bench.leading().is_none() && bench.proposes().is_empty());
    bench.begin();
    assert_eq!(bench.prepares()[0].1, Some(Record::Started(ballot(8, 0))));
    // Commands under way are proposed again, in the same order.
    for from in [1, 2] {
        bench.hear(NodeId(from), promise(ballot(8, 0), 0, vec![]));
    }
    assert_eq!(bench.proposes(), [accept(ballot(8, 0), 0, 0..2)]);
}

#[test]
fn a_leader_that_does_not_learn_goes_on_where_others_have_learned_what_it_found() {
    let config = Config { learning: Learning::Everyone, ..Config::separate(1, 3, 2).expect("lawful") };
    let mut bench = Process::new(&Facts::usual(), config, 0);
    bench.begin();
    bench.prepares();
    let found = vec![vote(ballot(0, 9), 0, 30..34)];
    bench.hear(NodeId(1), promise(ballot(1, 0), 0, found));
    bench.hear(NodeId(2), promise(ballot(1, 0), 0, vec![]));
    bench.progress(4);
    bench.request(0..1).expect("room");
    assert_eq!(bench.proposes(), [accept(ballot(1, 0), 4, 0..1)]);
}
