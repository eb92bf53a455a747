//! Slots that somebody waits for, and in which the leader knows of nothing.

use super::*;

/// An elected leader that does not know how far the log goes, asked for slot 0 by a learner.
fn asked_for_the_first_slot() -> Process {
    let mut bench = process(simple(3).expect("lawful"));
    bench.begin();
    bench.missed(0);
    assert_eq!(bench.prepares()[0].0, prepare(ballot(2, 0), 0));
    bench
}

#[test]
fn a_slot_that_a_learner_waits_for_is_proposed_again_and_the_next_ones_as_far_as_acceptors_have_voted() {
    let mut bench = asked_for_the_first_slot();
    let b = ballot(2, 0);
    promise(&mut bench, 1, 0, b, Some((ballot(1, 1), one(7))));
    promise(&mut bench, 2, 0, b, None);
    let asked: Vec<_> = bench.poll().into_iter().map(|(proposal, _)| proposal).collect();
    let found = accept(b, 0, 7);
    let next = prepare(b, 1);
    assert!(
        matches!(&asked[..], [Proposal::Accept(a), Proposal::Prepare(p, None)] if *a == found && *p == next)
    );
    // Nobody voted in the next slot. It is free for the next command.
    for acceptor in [1, 2] {
        promise(&mut bench, acceptor, 1, b, None);
    }
    assert_eq!(bench.prepares(), []);
    bench.request(8..9).expect("room");
    assert_eq!(bench.prepares()[0].0, prepare(b, 1));
}

/// Somebody may wait for something that does not exist.
#[test]
fn where_nobody_has_voted_it_looks_again_when_it_was_asked_twice_as_often_and_further() {
    let mut config = simple(3).expect("lawful");
    config.limits.window = 3;
    let mut bench = process(config);
    bench.begin();
    let mut looked = vec![];
    for times in 1..20 {
        bench.missed(0);
        let mut slots = vec![];
        while let Some((prepare, _)) = bench.prepares().into_iter().next() {
            slots.push(prepare.slot.index());
            for acceptor in [1, 2] {
                promise(&mut bench, acceptor, prepare.slot.index(), prepare.ballot, None);
            }
        }
        if !slots.is_empty() {
            looked.push((times, slots));
        }
    }
    let further = |times| (times, vec![0, 1, 2]);
    assert_eq!(looked, [(1, vec![0]), further(2), further(4), further(8), further(16)]);
    bench.begin();
    bench.missed(0);
    assert_eq!(bench.prepares().len(), 1);
}

/// A dead leader has left two slots without a vote that this quorum knows of, and one with a vote behind them. Found by a
/// review.
#[test]
fn slots_without_a_vote_below_one_with_a_vote_are_filled() {
    let mut bench = asked_for_the_first_slot();
    let mut b = ballot(2, 0);
    for acceptor in [1, 2] {
        promise(&mut bench, acceptor, 0, b, None);
    }
    assert_eq!(bench.prepares(), []);
    bench.missed(0);
    b = ballot(3, 0);
    for slot in 0..2 {
        assert_eq!(bench.prepares()[0].0, prepare(b, slot));
        for acceptor in [1, 2] {
            promise(&mut bench, acceptor, slot, b, None);
        }
    }
    assert_eq!(bench.prepares()[0].0, prepare(b, 2));
    promise(&mut bench, 1, 2, b, Some((ballot(1, 1), one(7))));
    promise(&mut bench, 2, 2, b, None);
    let asked: Vec<_> = bench.poll().into_iter().map(|(proposal, _)| proposal).collect();
    let found = accept(b, 2, 7);
    // The slots begin in a new round, because they began in this one.
    b = ballot(4, 0);
    let [first, second] = [0, 1].map(|slot| prepare(b, slot));
    assert!(
        matches!(&asked[..], [Proposal::Accept(a), Proposal::Prepare(p, Some(_)), Proposal::Prepare(q, None)]
            if *a == found && *p == first && *q == second),
        "{asked:?}"
    );
    for slot in 0..2 {
        for acceptor in [1, 2] {
            promise(&mut bench, acceptor, slot, b, None);
        }
        let noop = Accept { ballot: b, slot: Slot(slot), entry: One::from(Entry::Noop) };
        assert_eq!(bench.proposes(), [noop]);
    }
}

#[test]
fn a_slot_that_acceptors_are_asked_about_is_filled_if_a_command_is_under_way_behind_it() {
    let mut bench = asked_for_the_first_slot();
    let b = ballot(2, 0);
    for acceptor in [1, 2] {
        promise(&mut bench, acceptor, 0, b, Some((ballot(1, 1), one(7))));
    }
    bench.request(8..10).expect("room");
    let slots: Vec<_> = bench.poll().iter().filter_map(|(proposal, _)| asked_slot(proposal)).collect();
    assert_eq!(slots, [Slot(1), Slot(2), Slot(3)]);
    for acceptor in [1, 2] {
        promise(&mut bench, acceptor, 1, b, None);
    }
    assert_eq!(bench.proposes()[0].slot, Slot(1));
}

fn asked_slot(proposal: &Proposal<P>) -> Option<Slot> {
    match proposal {
        Proposal::Prepare(prepare, _) => Some(prepare.slot),
        Proposal::Accept(_) => None,
    }
}

/// A leader that does not learn asks about one slot after the other, while commands are under way, and learners say that
/// they are chosen. Found by a review.
#[test]
fn a_slot_that_was_reported_meanwhile_does_not_begin_again_in_the_same_round() {
    let mut config = Config::separate(1, 3, 2).expect("lawful");
    config.learning = paxos_core::Learning::Everyone;
    let mut bench = process(config);
    bench.begin();
    bench.missed(0);
    bench.request(8..10).expect("room");
    let b = ballot(2, 0);
    assert_eq!(bench.prepares().len(), 3);
    for acceptor in [1, 2] {
        promise(&mut bench, acceptor, 2, b, None);
    }
    for acceptor in [1, 2] {
        promise(&mut bench, acceptor, 0, b, Some((ballot(1, 0), one(7))));
    }
    for acceptor in [1, 2] {
        promise(&mut bench, acceptor, 1, b, Some((ballot(1, 0), one(6))));
    }
    bench.progress(3);
    let begun: Vec<_> = bench.poll().iter().filter_map(|(proposal, _)| asked_slot(proposal)).collect();
    assert!(begun.iter().all(|slot| *slot >= Slot(3)), "{begun:?}");
}
