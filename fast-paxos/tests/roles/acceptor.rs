//! The acceptor: promises, and votes in classic and fast ballots.

use super::*;

/// An acceptor in term 1 of n0, with the fast ballot open from slot 0 on.
fn open() -> Process {
    let mut bench = server(1, 4, Recovery::Coordinated);
    assert_eq!(bench.answer(&any(ballot(1, 0), 0)), Ok(None));
    assert_eq!(bench.acceptor.opened(), Some((fast(ballot(1, 0)), Slot(0))));
    bench
}

fn voted(process: &Process, slot: u64) -> Option<(Ballot, &Entry<u64>)> {
    process.acceptor.votes().get(Slot(slot))
}

#[test]
fn a_promise_ends_all_steps_of_lower_terms() {
    let mut bench = open();
    bench.promise(&prepare(ballot(3, 2), 0)).expect("a promise");
    let before = (bench.acceptor.clone(), bench.disk.len());
    for lower in [ballot(1, 0), ballot(2, 1), ballot(3, 1)] {
        for late in [accept(lower, 0, &[7]), accept(recovery(lower), 0, &[7]), any(lower, 4)] {
            let refused = late.classic.ballot;
            let slots = late.classic.first.extend(late.classic.batch.len() as u64);
            let nack = bench.answer(&late).expect_err("refused");
            assert_eq!((nack.refused, nack.promised), (refused, ballot(3, 2)));
            assert!(slots.is_empty() || nack.slots == slots);
        }
    }
    assert_eq!((&bench.acceptor, bench.disk.len()), (&before.0, before.1));
    // The fast ballot ended with its term.
    bench.ask(0..1);
    assert!(bench.votes().is_empty() && voted(&bench, 0).is_none() && bench.acceptor.opened().is_none());
}

#[test]
fn a_promise_reports_the_vote_of_the_highest_step_even_after_a_crash() {
    let mut bench = open();
    let (f, r) = (fast(ballot(1, 0)), recovery(ballot(1, 0)));
    bench.ask(0..3);
    bench.votes();
    bench.answer(&accept(r, 1, &[9])).expect("a vote");
    bench.promise(&prepare(ballot(5, 2), 0)).expect("a promise");
    for mut bench in [bench.restored(), bench] {
        assert_eq!((bench.acceptor.promised(), voted(&bench, 1)), (ballot(5, 2), Some((r, &entry(9)))));
        let told = bench.promise(&prepare(ballot(6, 1), 0)).expect("a promise").votes;
        // If the command that lost slot 1 was voted for again, it was in a later slot.
        assert_eq!(told[..3], [vote(f, 0, &[0]), vote(r, 1, &[9]), vote(f, 2, &[2])]);
    }
}

#[test]
fn a_command_that_came_before_a_promise_in_the_same_turn_gets_no_vote_below_it() {
    let mut bench = open();
    bench.ask(0..1);
    bench.promise(&prepare(ballot(2, 1), 0)).expect("a promise");
    assert!(bench.votes().is_empty() && voted(&bench, 0).is_none());
}

#[test]
fn a_restored_acceptor_votes_in_no_slot_of_a_fast_ballot_twice() {
    let mut bench = open();
    bench.ask(0..2);
    bench.votes();
    let mut again = bench.restored();
    // The disk does not record that a fast ballot is open: the acceptor waits for *any* again.
    again.ask(5..6);
    assert!(again.votes().is_empty());
    again.answer(&any(ballot(1, 0), 0)).expect("no vote");
    again.ask(5..6);
    assert_eq!(again.votes(), [accepted(fast(ballot(1, 0)), 2, &[5])]);
}

#[test]
fn entering_a_term_by_any_is_written() {
    let bench = open();
    assert_eq!(bench.disk, [Record::Promised { ballot: ballot(1, 0), slots: Slot(0).onwards() }]);
    assert_eq!(bench.restored().acceptor.promised(), ballot(1, 0));
}

#[test]
fn an_acceptor_votes_once_a_slot_and_ballot() {
    let mut bench = open();
    let f = fast(ballot(1, 0));
    bench.ask(0..1);
    bench.ask(1..3);
    assert_eq!(bench.votes(), [accepted(f, 0, &[0, 1, 2])]);
    bench.ask(3..4);
    assert_eq!(bench.votes(), [accepted(f, 3, &[3])]);
    assert_eq!(bench.disk.len(), 3);
    // A repeated *any* does not take it back to slots in which it has voted.
    bench.answer(&any(ballot(1, 0), 0)).expect("no vote");
    bench.ask(4..5);
    assert_eq!(bench.votes(), [accepted(f, 4, &[4])]);
}

#[test]
fn a_command_that_comes_again_is_no_second_vote() {
    let mut bench = open();
    bench.ask(0..2);
    bench.ask(0..2);
    assert_eq!(bench.votes(), [accepted(fast(ballot(1, 0)), 0, &[0, 1])]);
    let before = (bench.acceptor.clone(), bench.disk.len());
    bench.ask(1..2);
    // The vote is sent again, and nothing is written.
    assert_eq!(bench.votes(), [accepted(fast(ballot(1, 0)), 1, &[1])]);
    assert_eq!((bench.acceptor, bench.disk.len()), before);
}

/// Where the log stands, all clients ask again for all that they wait for.
#[test]
fn votes_that_many_ask_for_again_go_together_as_far_as_a_message_holds_them() {
    let mut config = Config::collapsed(4).expect("lawful");
    config.limits.batch = 3;
    let mut bench = Process::with(setup(config, 1));
    let f = fast(ballot(1, 0));
    bench.answer(&any(ballot(1, 0), 0)).expect("no vote");
    bench.ask(0..8);
    assert_eq!(
        bench.votes(),
        [accepted(f, 0, &[0, 1, 2]), accepted(f, 3, &[3, 4, 5]), accepted(f, 6, &[6, 7])]
    );
    for again in [7..8, 1..3, 0..5, 2..3] {
        bench.ask(again);
    }
    let votes = bench.votes();
    assert_eq!(votes, [accepted(f, 0, &[0, 1, 2]), accepted(f, 3, &[3, 4]), accepted(f, 7, &[7])]);
}

#[test]
fn any_is_not_followed_by_a_value_in_the_same_ballot() {
    // The coordinator proposes in steps 0 and 2. In slots in which it proposed a value in this term, the acceptor does
    // not vote for what clients send afterwards.
    let mut bench = server(1, 4, Recovery::Coordinated);
    bench
        .answer(&Accept { any: Some(opened(ballot(1, 0), 2)), ..accept(ballot(1, 0), 0, &[7, 8]) })
        .expect("a vote");
    bench.ask(0..1);
    assert_eq!(bench.votes(), [accepted(fast(ballot(1, 0)), 2, &[0])]);
    // A late value of step 0 gets no vote in a slot with a vote of step 1.
    let late = accept(ballot(1, 0), 2, &[9]);
    assert_eq!(bench.answer(&late), Ok(None));
    assert_eq!(voted(&bench, 2), Some((fast(ballot(1, 0)), &entry(0))));
}

#[test]
fn a_slot_that_is_recovered_is_voted_in_again_and_no_more_in_the_fast_ballot() {
    let mut bench = open();
    let b = ballot(1, 0);
    bench.ask(0..1);
    bench.votes();
    let answer = bench.answer(&accept(recovery(b), 0, &[5])).expect("a vote");
    assert_eq!(answer, Some(accepted(recovery(b), 0, &[5])));
    assert_eq!(voted(&bench, 0), Some((recovery(b), &entry(5))));
    // The other slots stay fast.
    bench.ask(6..7);
    assert!(bench.votes().iter().all(|vote| vote.first >= Slot(1) && vote.ballot == fast(b)));
}

#[test]
fn a_loser_is_voted_for_again_in_a_free_slot() {
    let mut bench = open();
    bench.ask(0..1);
    bench.votes();
    bench.answer(&accept(recovery(ballot(1, 0)), 0, &[5])).expect("a vote");
    assert_eq!(bench.votes(), [accepted(fast(ballot(1, 0)), 1, &[0])]);
    // A command in another slot of the same message already has a slot.
    let mut bench = open();
    bench.ask(0..1);
    bench.votes();
    bench.answer(&accept(recovery(ballot(1, 0)), 0, &[5, 0])).expect("a vote");
    assert!(bench.votes().is_empty());
}

#[test]
fn a_late_phase_1a_of_a_term_left_behind_is_refused() {
    // It refuses a lower term, and also this term once it has reached a later step.
    let mut bench = open();
    bench.ask(0..1);
    bench.votes();
    let before = (bench.acceptor.clone(), bench.disk.len());
    bench.promise(&prepare(ballot(0, 3), 0)).expect_err("refused");
    bench.promise(&prepare(ballot(1, 0), 0)).expect_err("refused");
    assert_eq!((&bench.acceptor, bench.disk.len()), (&before.0, before.1));
    // For slots without a vote of a later step, it is not too late.
    bench.promise(&prepare(ballot(1, 0), 1)).expect("a promise");
}

#[test]
fn nothing_is_voted_for_while_no_fast_ballot_is_open() {
    let mut bench = server(1, 4, Recovery::Coordinated);
    bench.ask(0..1);
    bench.promise(&prepare(ballot(1, 0), 0)).expect("a promise");
    bench.ask(0..1);
    bench.answer(&accept(ballot(1, 0), 0, &[7])).expect("a vote");
    bench.ask(0..1);
    assert!(bench.votes().is_empty());
}

#[test]
fn more_than_the_queue_holds_is_not_kept() {
    let mut config = Config::collapsed(4).expect("lawful");
    config.limits.queue = 2;
    let mut bench = Process::with(setup(config, 1));
    bench.answer(&any(ballot(1, 0), 0)).expect("no vote");
    bench.ask(0..5);
    assert_eq!(bench.votes(), [accepted(fast(ballot(1, 0)), 0, &[0, 1])]);
}

#[test]
fn a_command_that_was_chosen_without_its_vote_needs_none_when_it_arrives() {
    let mut bench = open();
    bench.chosen.choose(Slot(0), batch(5..7));
    // The slot is beyond a gap.
    bench.chosen.choose(Slot(3), batch(8..9));
    for (seqs, vote) in
        [(5..6, None), (8..9, None), (6..7, None), (1..2, Some(accepted(fast(ballot(1, 0)), 2, &[1])))]
    {
        bench.ask(seqs);
        assert_eq!(bench.votes(), Vec::from_iter(vote));
    }
}

#[test]
fn what_was_chosen_while_no_fast_ballot_was_open_needs_no_vote_once_one_is() {
    let mut bench = server(1, 4, Recovery::Coordinated);
    bench.answer(&accept(ballot(1, 0), 0, &[])).expect("it enters the term");
    bench.ask(0..3);
    // The phase 2a for the first two is lost, and many other commands follow before the fast ballot opens.
    bench.chosen.choose(Slot(0), list(&[0, 1]));
    bench.chosen.choose(Slot(2), batch(1000..1400));
    assert!(bench.votes().is_empty());
    bench.answer(&any(ballot(1, 0), 402)).expect("no vote");
    assert_eq!(bench.votes(), [accepted(fast(ballot(1, 0)), 402, &[2])]);
}
