//! The acceptor: promises and votes, slot by slot.

use super::*;

#[test]
fn a_promise_for_one_slot_binds_no_other() {
    let mut n0 = rival();
    n0.promise(&prepare(ballot(9, 1), 4)).expect("a promise");
    for slot in [3, 5] {
        assert_eq!(n0.acceptor.promised(Slot(slot)), Ballot::ZERO);
        n0.promise(&prepare(ballot(1, 0), slot)).expect("a promise");
        let voted = n0.vote(&accept(ballot(1, 0), slot, slot)).expect("a vote");
        assert_eq!(voted, Accepted { ballot: ballot(1, 0), slot: Slot(slot), entry: None });
    }
    let promised = |slot| n0.acceptor.promised(Slot(slot));
    assert_eq!((promised(4), promised(5)), (ballot(9, 1), ballot(1, 0)));
}

#[test]
fn what_was_promised_and_voted_survives_a_restart() {
    let mut n0 = rival();
    n0.vote(&accept(ballot(1, 0), 3, 7)).expect("a vote");
    n0.promise(&prepare(ballot(5, 1), 3)).expect("a promise");
    n0.promise(&prepare(ballot(4, 2), 2)).expect("a promise");
    assert_eq!(n0.restored().acceptor, n0.acceptor);
}
