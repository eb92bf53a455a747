//! The acceptor: one promise for all slots, and votes.

use super::*;

struct Bench {
    acceptor: Acceptor<u64>,
    log: Vec<Record<u64>>,
}

impl Bench {
    fn new() -> Self {
        Self::of(&server(1, 3))
    }

    fn of(setup: &Setup<()>) -> Self {
        Self { acceptor: <Acceptor<u64> as paxos_core::Acceptor<P>>::new(setup), log: Vec::new() }
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

    /// The same acceptor after a crash, by what it had on disk.
    fn restored(&self) -> Self {
        let mut again = Self::new();
        for record in &self.log {
            paxos_core::Acceptor::<P>::restore(&mut again.acceptor, record);
        }
        again
    }
}

#[test]
fn a_promise_refuses_lower_ballots() {
    let mut bench = Bench::new();
    bench.prepare(ballot(2, 1), 4).expect("a promise");
    let before = bench.acceptor.clone();
    let nack = |slots| Nack { refused: ballot(1, 2), promised: ballot(2, 1), slots };
    assert_eq!(bench.prepare(ballot(1, 2), 4), Err(nack(Slot(4).onwards())));
    assert_eq!(bench.accept(ballot(1, 2), 4, 0..1), Err(nack(slots(4..5))));
    assert_eq!((&bench.acceptor, bench.log.len()), (&before, 1));
}

#[test]
fn a_promise_holds_for_all_slots() {
    let mut bench = Bench::new();
    bench.prepare(ballot(2, 1), 4).expect("a promise");
    // Below the first slot asked for, too: it is the ballot that is promised.
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
    // Asked from slot 1 on: what was voted in slot 0 is left out, and nothing is said of slots 4 and 5.
    assert_eq!(bench.prepare(ballot(3, 2), 1), Ok(promise(ballot(3, 2), 1, votes)));
}

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
    // The promise is for lower ballots only.
    bench.accept(ballot(3, 2), 0, 8..9).expect("a vote");
    bench.accept(ballot(4, 0), 0, 9..10).expect("a vote");
    assert_eq!(bench.acceptor.votes().get(Slot(0)), Some((ballot(4, 0), &entry(9))));
}

#[test]
fn promised_and_voted_are_two_things() {
    let mut bench = Bench::new();
    bench.accept(ballot(1, 0), 0, 0..1).expect("a vote");
    bench.prepare(ballot(5, 2), 0).expect("a promise");
    assert_eq!(bench.acceptor.promised(), ballot(5, 2));
    assert_eq!(bench.acceptor.votes().get(Slot(0)), Some((ballot(1, 0), &entry(0))));
    // What a later proposer hears is the ballot of the vote, not of the promise: after a crash as well.
    for mut bench in [bench.restored(), bench] {
        let told = bench.prepare(ballot(6, 1), 0).expect("a promise");
        assert_eq!(told.votes, [vote(ballot(1, 0), 0, 0..1)]);
    }
}

#[test]
fn a_vote_is_a_promise_too() {
    let mut bench = Bench::new();
    bench.accept(ballot(2, 1), 0, 0..1).expect("a vote");
    for mut bench in [bench.restored(), bench] {
        assert_eq!(bench.prepare(ballot(1, 2), 0).expect_err("refused").promised, ballot(2, 1));
        assert_eq!(bench.accept(ballot(1, 2), 9, 0..1).expect_err("refused").promised, ballot(2, 1));
    }
}

#[test]
fn a_restored_acceptor_has_what_was_on_disk() {
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

#[test]
fn a_record_that_tore_off_takes_its_promise_with_it_and_no_other() {
    let mut bench = Bench::new();
    bench.accept(ballot(1, 0), 0, 0..1).expect("a vote");
    bench.prepare(ballot(4, 2), 0).expect("a promise");
    bench.log.pop();
    let again = bench.restored();
    assert_eq!(again.acceptor.promised(), ballot(1, 0));
    assert_eq!(again.acceptor.votes().get(Slot(0)), Some((ballot(1, 0), &entry(0))));
}

#[test]
fn a_promise_is_written_even_if_a_vote_of_its_ballot_came_first() {
    let mut bench = Bench::new();
    bench.accept(ballot(1, 0), 5, 0..1).expect("a vote");
    bench.prepare(ballot(1, 0), 0).expect("a promise");
    assert!(bench.log.contains(&Record::Promised { ballot: ballot(1, 0), slots: Slot(0).onwards() }));
    // For more slots than before, it is written again.
    let mut bench = Bench::new();
    bench.prepare(ballot(1, 0), 4).expect("a promise");
    bench.prepare(ballot(1, 0), 2).expect("a promise");
    assert_eq!(bench.log.len(), 2);
}

#[test]
fn a_repeated_question_is_answered_again_and_writes_nothing() {
    let mut bench = Bench::new();
    let promised = bench.prepare(ballot(1, 0), 0);
    assert_eq!(bench.prepare(ballot(1, 0), 0), promised);
    let voted = bench.accept(ballot(1, 0), 0, 0..2);
    assert_eq!(voted, Ok(Some(accepted(ballot(1, 0), 0..2))));
    let before = (bench.acceptor.clone(), bench.log.len());
    assert_eq!(bench.accept(ballot(1, 0), 0, 0..2), voted);
    assert_eq!((bench.acceptor, bench.log.len()), before);
}

#[test]
fn a_phase_2a_without_values_is_no_vote() {
    let mut bench = Bench::new();
    assert_eq!(bench.accept(ballot(1, 0), 0, 0..0), Ok(None));
    assert!(bench.log.is_empty());
}

#[test]
fn votes_carry_the_values_to_learners_that_the_question_does_not_reach() {
    let config =
        Config { learning: paxos_core::Learning::Everyone, ..Config::separate(1, 3, 2).expect("lawful") };
    let mut bench = Bench::of(&setup(config, 1));
    let told = bench.accept(ballot(1, 0), 0, 0..2).expect("a vote").expect("a vote");
    assert_eq!(told.batch, Some(batch(0..2)));
}

#[test]
fn about_votes_that_it_forgot_an_acceptor_promises_nothing() {
    let mut bench = Bench::new();
    bench.accept(ballot(1, 0), 0, 0..4).expect("a vote");
    paxos_core::Acceptor::<P>::trim(&mut bench.acceptor, Slot(3));
    let before = (bench.acceptor.clone(), bench.log.len());
    bench.prepare(ballot(2, 1), 2).expect_err("refused");
    assert_eq!((&bench.acceptor, bench.log.len()), (&before.0, before.1));
    let told = bench.prepare(ballot(2, 1), 3).expect("a promise");
    assert_eq!(told.votes, [vote(ballot(1, 0), 3, 3..4)]);
}
