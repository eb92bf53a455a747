//! What a candidate takes for an answer to its question, and when it asks a later one.

use super::*;
use crate::Phase;

const B: Ballot = Ballot::classic(3, NodeId(0));

fn candidacy() -> Candidacy {
    Candidacy::new(B, Slot(4), Reach::Quorum(Phase::One))
}

fn promise(ballot: Ballot, from: u64, until: Slot) -> Promise<u64> {
    Promise { ballot, from: Slot(from), until, votes: Vec::new() }
}

fn refusal(refused: Ballot, promised: Ballot, from: u64) -> Nack {
    Nack { refused, promised, slots: Slot(from).onwards() }
}

#[test]
fn only_answers_to_this_question_count_and_each_acceptor_once() {
    let mut candidacy = candidacy();
    let earlier = Ballot::classic(2, NodeId(0));
    assert!(!candidacy.hear(NodeId(1), &promise(earlier, 4, Slot::MAX)));
    assert!(!candidacy.hear(NodeId(1), &promise(B, 5, Slot::MAX)));
    assert!(candidacy.promised().is_empty());
    assert!(candidacy.hear(NodeId(1), &promise(B, 4, Slot::MAX)));
    assert!(!candidacy.hear(NodeId(1), &promise(B, 4, Slot::MAX)));
    // A part is news, and not yet a promise.
    assert!(candidacy.hear(NodeId(2), &promise(B, 4, Slot(7))));
    assert_eq!(candidacy.promised(), NodeSet::only(NodeId(1)));
}

#[test]
fn what_was_promised_for_other_slots_is_void() {
    let mut candidacy = candidacy();
    assert!(candidacy.hear(NodeId(1), &promise(B, 4, Slot::MAX)));
    assert!(!candidacy.skip_to(Slot(4)) && !candidacy.promised().is_empty());
    assert!(candidacy.skip_to(Slot(6)) && candidacy.promised().is_empty());
    assert_eq!((candidacy.from(), candidacy.ask), (Slot(6), Some(Reach::All)));
    assert!(!candidacy.hear(NodeId(1), &promise(B, 4, Slot::MAX)));
    assert!(candidacy.hear(NodeId(1), &promise(B, 6, Slot::MAX)));
}

#[test]
fn a_refusal_without_a_higher_ballot_tells_a_candidate_that_it_is_behind() {
    let chosen = Chosen::<u64>::default();
    let (higher, earlier) = (Ballot::classic(4, NodeId(1)), Ballot::classic(2, NodeId(0)));
    for other in [refusal(B, higher, 4), refusal(earlier, earlier, 4), refusal(B, B, 3)] {
        let mut candidacy = candidacy();
        candidacy.on_nack(&other);
        assert!(!candidacy.is_behind(&chosen), "{other:?}");
    }
    // It may have forgotten them after it reported the first slots.
    for from in [4, 7] {
        let mut candidacy = candidacy();
        candidacy.on_nack(&refusal(B, earlier, from));
        assert!(candidacy.is_behind(&chosen));
        candidacy.skip_to(Slot(9));
        assert!(!candidacy.is_behind(&chosen));
    }
}
