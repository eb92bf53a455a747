//! The phase 2a: the classic one, and *any*.

use super::*;
use paxos_core::PhaseMessage;

#[test]
fn a_phase_2a_is_sound_if_both_its_parts_are() {
    let b = ballot(1, 0);
    assert!(accept(b, 0, &[7]).is_sound() && any(b, 3).is_sound());
    let far = paxos_core::Accept { chosen: Slot::MAX, ..accept(b, 0, &[7]).classic };
    assert!(!Accept { classic: far, ..any(b, 3) }.is_sound());
    assert!(!Accept { any: Some(Any { from: Slot::MAX, ..opened(b, 0) }), ..any(b, 3) }.is_sound());
    // *Any* of another term is not this coordinator's, or not of this phase 1.
    for other in [ballot(2, 0), ballot(1, 1)] {
        assert!(!Accept { any: Some(opened(other, 3)), ..any(b, 3) }.is_sound());
    }
}

#[test]
fn a_phase_2a_reaches_as_far_as_either_part() {
    let (b, open) = (ballot(1, 0), |from| Some(opened(ballot(1, 0), from)));
    assert_eq!(accept(b, 5, &[7]).furthest(), Slot(5));
    assert_eq!(Accept { any: open(9), ..accept(b, 5, &[7]) }.furthest(), Slot(9));
    assert_eq!(Accept { any: open(2), ..accept(b, 5, &[7]) }.furthest(), Slot(5));
}

#[test]
fn a_phase_2a_without_values_is_any_whether_or_not_it_opens() {
    let kind = |accept| Message::<P>::Accept(accept).kind().name();
    let b = ballot(1, 0);
    let with = Accept { any: Some(opened(b, 9)), ..accept(b, 5, &[7]) };
    assert_eq!([kind(with), kind(any(b, 5)), kind(accept(b, 5, &[]))], ["accept", "any", "any"]);
}
