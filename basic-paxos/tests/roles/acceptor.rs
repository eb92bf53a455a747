//! The acceptor: promises and votes, slot by slot.

use super::*;

fn acceptor() -> (Acceptor<u64>, Vec<Record<u64>>) {
    (new(&rivals()), Vec::new())
}

fn new(setup: &Setup<Options>) -> Acceptor<u64> {
    <Acceptor<u64> as paxos_core::Acceptor<P>>::new(setup)
}

fn prepare(
    a: &mut Acceptor<u64>,
    log: &mut Vec<Record<u64>>,
    slot: u64,
    b: Ballot,
) -> Result<Promise<u64>, Nack> {
    paxos_core::Acceptor::<P>::on_prepare(a, &Prepare { ballot: b, slot: Slot(slot) }, log)
}

fn accept(
    a: &mut Acceptor<u64>,
    log: &mut Vec<Record<u64>>,
    slot: u64,
    b: Ballot,
    seq: u64,
) -> Result<(), Nack> {
    let accept = Accept { ballot: b, slot: Slot(slot), entry: one(seq) };
    let accepted = paxos_core::Acceptor::<P>::on_accept(a, &accept, log)?;
    assert_eq!(accepted, Some(Accepted { ballot: b, slot: Slot(slot), entry: None }));
    Ok(())
}

#[test]
fn a_promise_refuses_lower_ballots() {
    let (mut a, mut log) = acceptor();
    prepare(&mut a, &mut log, 4, ballot(2, 1)).expect("a promise");
    let nack = Nack { refused: ballot(1, 2), promised: ballot(2, 1), slots: Slot(4).extend(1) };
    assert_eq!(prepare(&mut a, &mut log, 4, ballot(1, 2)), Err(nack));
    assert_eq!(accept(&mut a, &mut log, 4, ballot(1, 2), 7), Err(nack));
    assert_eq!(log, [Record::Promised { ballot: ballot(2, 1), slots: Slot(4).extend(1) }]);
    assert_eq!(a.votes().get(Slot(4)), None);
}

#[test]
fn a_promise_for_one_slot_binds_no_other() {
    let (mut a, mut log) = acceptor();
    prepare(&mut a, &mut log, 4, ballot(9, 1)).expect("a promise");
    for slot in [3, 5] {
        assert_eq!(a.promised(Slot(slot)), Ballot::ZERO);
        prepare(&mut a, &mut log, slot, ballot(1, 0)).expect("a promise");
        accept(&mut a, &mut log, slot, ballot(1, 0), slot).expect("a vote");
    }
    assert_eq!((a.promised(Slot(4)), a.promised(Slot(5))), (ballot(9, 1), ballot(1, 0)));
}

#[test]
fn a_promise_reports_the_last_vote() {
    let (mut a, mut log) = acceptor();
    assert_eq!(prepare(&mut a, &mut log, 0, ballot(1, 0)).expect("a promise").vote, None);
    accept(&mut a, &mut log, 0, ballot(1, 0), 7).expect("a vote");
    accept(&mut a, &mut log, 0, ballot(2, 1), 8).expect("a vote");
    accept(&mut a, &mut log, 0, ballot(1, 0), 7).expect_err("refused");
    let promise = prepare(&mut a, &mut log, 0, ballot(3, 0)).expect("a promise");
    assert_eq!(promise.vote, Some((ballot(2, 1), one(8))));
}

#[test]
fn a_vote_is_a_promise_too() {
    let (mut a, mut log) = acceptor();
    accept(&mut a, &mut log, 0, ballot(2, 1), 7).expect("a vote");
    assert_eq!(prepare(&mut a, &mut log, 0, ballot(1, 2)).expect_err("refused").promised, ballot(2, 1));
}

#[test]
fn a_repeated_question_is_answered_again_and_changes_nothing() {
    let (mut a, mut log) = acceptor();
    let first = prepare(&mut a, &mut log, 0, ballot(1, 0));
    assert_eq!(prepare(&mut a, &mut log, 0, ballot(1, 0)), first);
    accept(&mut a, &mut log, 0, ballot(1, 0), 7).expect("a vote");
    let before = (a.clone(), log.clone());
    accept(&mut a, &mut log, 0, ballot(1, 0), 7).expect("a vote");
    assert_eq!((a, log.len()), (before.0, 2));
}

#[test]
fn what_was_promised_and_voted_survives_a_restart() {
    let (mut a, mut log) = acceptor();
    accept(&mut a, &mut log, 3, ballot(1, 0), 7).expect("a vote");
    prepare(&mut a, &mut log, 3, ballot(5, 1)).expect("a promise");
    prepare(&mut a, &mut log, 2, ballot(4, 2)).expect("a promise");
    let mut again = new(&rivals());
    for record in &log {
        paxos_core::Acceptor::<P>::restore(&mut again, record);
    }
    assert_eq!(again, a);
}

#[test]
fn votes_carry_the_value_to_learners_that_the_question_does_not_reach() {
    let separate = Config::separate(1, 3, 1).expect("lawful");
    let mut a = new(&setup(Config { learning: paxos_core::Learning::Everyone, ..separate }, 1));
    let accept = Accept { ballot: ballot(1, 0), slot: Slot(0), entry: one(7) };
    let accepted = paxos_core::Acceptor::<P>::on_accept(&mut a, &accept, &mut Vec::new());
    assert_eq!(accepted.expect("a vote").expect("a vote").entry, Some(one(7)));
}
