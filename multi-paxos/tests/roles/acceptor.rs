//! The acceptor: one promise for all slots, and votes.

use super::*;

struct Bench {
    acceptor: Acceptor<u64>,
    log: Vec<Record<u64>>,
}

impl Bench {
    fn new() -> Self {
        let acceptor = <Acceptor<u64> as paxos_core::Acceptor<P>>::new(&server(1, 3));
        Self { acceptor, log: Vec::new() }
    }

    /// The same acceptor after a crash, restored from its disk.
    fn restored(&self) -> Self {
        let mut again = Self::new();
        for record in &self.log {
            paxos_core::Acceptor::<P>::restore(&mut again.acceptor, record);
        }
        again
    }

    fn prepare(&mut self, b: Ballot, from: u64) -> Result<Promise<u64>, Nack> {
        paxos_core::Acceptor::<P>::on_prepare(&mut self.acceptor, &prepare(b, from), &mut self.log)
    }

    fn accept(
        &mut self,
        b: Ballot,
        first: u64,
        seqs: core::ops::Range<u64>,
    ) -> Result<Option<Accepted<u64>>, Nack> {
        paxos_core::Acceptor::<P>::on_accept(&mut self.acceptor, &accept(b, first, seqs), &mut self.log)
    }
}

#[test]
fn a_promise_holds_for_all_slots() {
    let mut bench = Bench::new();
    bench.prepare(ballot(2, 1), 4).expect("a promise");
    // Also below the first slot asked for: the promise is of the ballot.
    for slot in [0, 3, 4, 1000] {
        bench.accept(ballot(1, 2), slot, 0..1).expect_err("refused");
    }
    assert_eq!(bench.log, [Record::Promised { ballot: ballot(2, 1), slots: Slot(4).onwards() }]);
}

#[test]
fn a_promise_reports_the_highest_vote_of_each_slot() {
    let mut bench = Bench::new();
    assert_eq!(bench.prepare(ballot(1, 0), 0), Ok(promise(ballot(1, 0), 0, vec![])));
    bench.accept(ballot(1, 0), 0, 0..4).expect("a vote");
    bench.accept(ballot(2, 1), 2, 12..13).expect("a vote");
    bench.accept(ballot(2, 1), 6, 16..17).expect("a vote");
    bench.accept(ballot(1, 0), 2, 2..3).expect_err("refused");
    let votes = vec![
        vote(ballot(1, 0), 1, 1..2),
        vote(ballot(2, 1), 2, 12..13),
        vote(ballot(1, 0), 3, 3..4),
        vote(ballot(2, 1), 6, 16..17),
    ];
    // Asked from slot 1 on, it omits its vote in slot 0 and reports nothing for slots 4 and 5.
    assert_eq!(bench.prepare(ballot(3, 2), 1), Ok(promise(ballot(3, 2), 1, votes)));
}

#[test]
fn a_promise_is_written_even_if_a_vote_of_its_ballot_came_first() {
    let mut bench = Bench::new();
    bench.accept(ballot(1, 0), 5, 0..1).expect("a vote");
    bench.prepare(ballot(1, 0), 0).expect("a promise");
    assert!(bench.log.contains(&Record::Promised { ballot: ballot(1, 0), slots: Slot(0).onwards() }));
    // For more slots than before, the promise is written again.
    let mut bench = Bench::new();
    bench.prepare(ballot(1, 0), 4).expect("a promise");
    bench.prepare(ballot(1, 0), 2).expect("a promise");
    assert_eq!(bench.log.len(), 2);
}

#[test]
fn a_phase_2a_without_values_is_no_vote() {
    let mut bench = Bench::new();
    assert_eq!(bench.accept(ballot(1, 0), 0, 0..0), Ok(None));
    assert!(bench.log.is_empty());
}

/// Also for ballots of the same round.
#[test]
fn a_vote_below_the_promise_is_refused() {
    let mut bench = Bench::new();
    bench.accept(ballot(1, 0), 0, 0..1).expect("a vote");
    bench.prepare(ballot(3, 2), 0).expect("a promise");
    for lower in [ballot(1, 0), ballot(2, 1), ballot(3, 1)] {
        let nack = bench.accept(lower, 0, 7..8).expect_err("refused");
        assert_eq!((nack.refused, nack.promised), (lower, ballot(3, 2)));
    }
    assert_eq!(bench.acceptor.votes().get(Slot(0)), Some((ballot(1, 0), &entry(0))));
    // The promise excludes only lower ballots.
    bench.accept(ballot(3, 2), 0, 8..9).expect("a vote");
    bench.accept(ballot(4, 0), 0, 9..10).expect("a vote");
    assert_eq!(bench.acceptor.votes().get(Slot(0)), Some((ballot(4, 0), &entry(9))));
}

#[test]
fn a_vote_is_a_promise_in_every_slot() {
    let mut bench = Bench::new();
    bench.accept(ballot(2, 1), 0, 0..1).expect("a vote");
    for mut bench in [bench.restored(), bench] {
        assert_eq!(bench.prepare(ballot(1, 2), 0).expect_err("refused").promised, ballot(2, 1));
        assert_eq!(bench.accept(ballot(1, 2), 9, 0..1).expect_err("refused").promised, ballot(2, 1));
    }
}

#[test]
fn a_restored_acceptor_has_every_slot_that_was_on_disk() {
    let mut bench = Bench::new();
    bench.prepare(ballot(1, 0), 0).expect("a promise");
    bench.accept(ballot(1, 0), 0, 0..3).expect("a vote");
    bench.accept(ballot(2, 1), 1, 11..12).expect("a vote");
    bench.prepare(ballot(4, 2), 2).expect("a promise");
    let mut again = bench.restored();
    assert_eq!(again.acceptor, bench.acceptor);
    assert_eq!(again.prepare(ballot(5, 0), 0), bench.prepare(ballot(5, 0), 0));
    again.accept(ballot(3, 1), 0, 0..1).expect_err("refused");
}
