//! The acceptor: one promise for all slots, and votes.

use super::*;

#[test]
fn a_promise_holds_for_all_slots() {
    let mut n1 = server(1, 3);
    n1.promise(&prepare(ballot(2, 1), 4)).expect("a promise");
    // Also below the first slot asked for: the promise is of the ballot.
    for slot in [0, 3, 4, 1000] {
        n1.vote(&accept(ballot(1, 2), slot, 0..1)).expect_err("refused");
    }
    assert_eq!(n1.disk, [Record::Promised { ballot: ballot(2, 1), slots: Slot(4).onwards() }]);
}

#[test]
fn a_promise_is_written_even_if_a_vote_of_its_ballot_came_first() {
    let mut n1 = server(1, 3);
    n1.vote(&accept(ballot(1, 0), 5, 0..1)).expect("a vote");
    n1.promise(&prepare(ballot(1, 0), 0)).expect("a promise");
    assert!(n1.disk.contains(&Record::Promised { ballot: ballot(1, 0), slots: Slot(0).onwards() }));
    // For more slots than before, the promise is written again.
    let mut n1 = server(1, 3);
    n1.promise(&prepare(ballot(1, 0), 4)).expect("a promise");
    n1.promise(&prepare(ballot(1, 0), 2)).expect("a promise");
    assert_eq!(n1.disk.len(), 2);
}

#[test]
fn a_phase_2a_without_values_is_no_vote() {
    let mut n1 = server(1, 3);
    assert_eq!(n1.answer(&accept(ballot(1, 0), 0, 0..0)), Ok(None));
    assert!(n1.disk.is_empty());
}

#[test]
fn a_vote_is_a_promise_in_every_slot() {
    let mut n1 = server(1, 3);
    n1.vote(&accept(ballot(2, 1), 0, 0..1)).expect("a vote");
    for mut n1 in [n1.restored(), n1] {
        assert_eq!(n1.promise(&prepare(ballot(1, 2), 0)).expect_err("refused").promised, ballot(2, 1));
        assert_eq!(n1.vote(&accept(ballot(1, 2), 9, 0..1)).expect_err("refused").promised, ballot(2, 1));
    }
}
