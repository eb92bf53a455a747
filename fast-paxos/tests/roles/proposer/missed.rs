//! Somebody waits for a slot of the open ballot, and its votes have not arrived at the coordinator.

use super::*;

fn asked(bench: &mut Bench, slot: u64) -> usize {
    paxos_core::Proposer::<P>::propose_again(&mut bench.proposer, NOW, Slot(slot), &bench.chosen);
    bench.prepares().len()
}

#[test]
fn a_coordinator_that_missed_votes_recovers_the_slot_that_a_reader_waits_for() {
    let mut bench = Bench::open(Recovery::Coordinated);
    assert_eq!([asked(&mut bench, 0), asked(&mut bench, 0)], [0, 1]);
    let b = ballot(2, 0);
    for from in 0..4 {
        let votes = if from < 2 { vec![vote(fast(B), 0, &[7])] } else { vec![] };
        bench.promise(from, promise(b, 0, votes));
    }
    let accepts = bench.accepts();
    assert_eq!(
        accepts[0].classic.batch.iter().filter_map(Entry::id).map(|id| id.seq).collect::<Vec<_>>(),
        [7]
    );
}

/// A learner that was told of something that does not exist asks again and again.
#[test]
fn a_coordinator_that_found_no_votes_is_not_asked_in_vain_again() {
    let mut bench = Bench::open(Recovery::Coordinated);
    assert_eq!([asked(&mut bench, 0), asked(&mut bench, 0)], [0, 1]);
    let b = ballot(2, 0);
    for from in 0..4 {
        bench.promise(from, promise(b, 0, vec![]));
    }
    assert_eq!(bench.accepts(), [any(b, 0)]);
    assert!((0..9).all(|_| asked(&mut bench, 0) == 0));
    // Commands are decided, and it waits for the next slot each time.
    assert!((1..9).all(|slot| asked(&mut bench, slot) == 0));
}
