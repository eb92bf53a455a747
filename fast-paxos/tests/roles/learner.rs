//! The learner: which votes add up to a decision, in classic and fast ballots. Fast quorums of four are three, and of five
//! four.

use super::*;

/// The commands, by number, that the learner knows in the first `n` slots.
fn known(process: &Process, n: u64) -> Vec<Option<u64>> {
    (0..n).map(|slot| Some(process.chosen.get(Slot(slot))?.id()?.seq)).collect()
}

#[test]
fn a_fast_ballot_needs_the_larger_quorum() {
    let mut bench = server(0, 5, Recovery::Coordinated);
    let (classic, f) = (ballot(1, 0), fast(ballot(1, 0)));
    for from in 0..3 {
        bench.count(NodeId(from), &accepted(classic, 0, &[7]));
        bench.count(NodeId(from), &accepted(f, 1, &[8]));
    }
    assert_eq!(known(&bench, 2), [Some(7), None]);
    bench.count(NodeId(4), &accepted(f, 1, &[8]));
    assert_eq!(known(&bench, 2), [Some(7), Some(8)]);
    let decision = |ballot, first, seq| Decision { ballot, first: Slot(first), batch: list(&[seq]) };
    assert_eq!(bench.decisions, [decision(classic, 0, 7), decision(f, 1, 8)]);
}

#[test]
fn votes_for_different_values_are_not_added_up() {
    let mut bench = server(0, 5, Recovery::Coordinated);
    let f = fast(ballot(1, 0));
    for (from, seq) in [(0, 7), (1, 7), (2, 8), (3, 7), (4, 8)] {
        bench.count(NodeId(from), &accepted(f, 0, &[seq]));
    }
    assert_eq!(known(&bench, 1), [None]);
}

#[test]
fn strangers_and_repeated_votes_do_not_complete_a_fast_quorum() {
    let mut bench = server(0, 4, Recovery::Coordinated);
    for from in [1, 2, 2, 4, STRANGER.0, 64, u16::MAX, 1] {
        bench.count(NodeId(from), &accepted(fast(ballot(1, 0)), 0, &[7]));
        assert_eq!(known(&bench, 1), [None]);
    }
    bench.count(NodeId(3), &accepted(fast(ballot(1, 0)), 0, &[7]));
    assert_eq!(known(&bench, 1), [Some(7)]);
}

#[test]
fn votes_in_different_steps_are_not_added_up() {
    let mut bench = server(0, 4, Recovery::Coordinated);
    let b = ballot(1, 0);
    bench.count(NodeId(1), &accepted(fast(b), 0, &[7]));
    bench.count(NodeId(2), &accepted(fast(b), 0, &[7]));
    bench.count(NodeId(3), &accepted(recovery(b), 0, &[7]));
    assert_eq!(known(&bench, 1), [None]);
    // From then on only the later step counts.
    bench.count(NodeId(0), &accepted(fast(b), 0, &[7]));
    assert_eq!(known(&bench, 1), [None]);
    bench.count(NodeId(1), &accepted(recovery(b), 0, &[7]));
    bench.count(NodeId(2), &accepted(recovery(b), 0, &[7]));
    assert_eq!(known(&bench, 1), [Some(7)]);
}

#[test]
fn slots_decided_by_one_message_are_announced_in_one() {
    let mut bench = server(0, 4, Recovery::Coordinated);
    let f = fast(ballot(1, 0));
    bench.count(NodeId(1), &accepted(f, 0, &[5, 6, 7, 8]));
    bench.count(NodeId(2), &accepted(f, 0, &[5, 6, 9, 8]));
    bench.count(NodeId(3), &accepted(f, 0, &[5, 6, 7, 8]));
    assert_eq!(known(&bench, 4), [Some(5), Some(6), None, Some(8)]);
    let decision = |first, seqs| Decision { ballot: f, first: Slot(first), batch: list(seqs) };
    assert_eq!(bench.decisions, [decision(0, &[5, 6]), decision(3, &[8])]);
}

#[test]
fn what_is_chosen_stays_chosen() {
    let mut bench = server(0, 3, Recovery::Coordinated);
    for from in 0..3 {
        bench.count(NodeId(from), &accepted(fast(ballot(1, 0)), 0, &[7]));
    }
    let decision = Decision { ballot: ballot(2, 1), first: Slot(0), batch: list(&[8]) };
    bench.decide(&decision);
    assert_eq!(known(&bench, 1), [Some(7)]);
}
