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

/// The same holds in several slots.
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
