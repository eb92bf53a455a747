//! The proposer: phase 1 once, then phase 2 for each batch.

use super::snapshot::Server;
use super::*;
use paxos_core::{Change, Leadership, Learning, Proposer as _, Timeouts};

struct Bench {
    proposer: Proposer<u64>,
    chosen: Chosen<u64>,
}

impl Bench {
    fn new(setup: &Setup<()>) -> Self {
        let proposer = <Proposer<u64> as paxos_core::Proposer<P>>::new(setup);
        Self { proposer, chosen: Chosen::default() }
    }

    /// A proposer in its first ballot, after it sent its phase 1a.
    fn campaigning(n: u16) -> Self {
        let mut bench = Self::new(&server(0, n));
        bench.campaign();
        assert_eq!(bench.prepares(), [(prepare(ballot(1, 0), 0), Some(Record::Started(ballot(1, 0))))]);
        bench
    }

    /// A leader of three servers that has proposed these commands from slot 0 on.
    fn leading(seqs: core::ops::Range<u64>) -> Self {
        let mut bench = Self::campaigning(3);
        bench.promise(1, promise(ballot(1, 0), 0, vec![]));
        bench.promise(2, promise(ballot(1, 0), 0, vec![]));
        bench.request(seqs.clone());
        assert_eq!(bench.accepts(), [accept(ballot(1, 0), 0, seqs)]);
        bench
    }

    fn request(&mut self, seqs: core::ops::Range<u64>) {
        let taken = paxos_core::Proposer::<P>::on_request(&mut self.proposer, NOW, &request(seqs), true);
        taken.expect("there is room");
    }

    fn campaign(&mut self) {
        paxos_core::Proposer::<P>::campaign(&mut self.proposer, NOW, &self.chosen);
    }

    fn promise(&mut self, from: u16, promise: Promise<u64>) {
        paxos_core::Proposer::<P>::on_promise(&mut self.proposer, NOW, NodeId(from), promise, &self.chosen);
    }

    fn choose(&mut self, first: u64, seqs: core::ops::Range<u64>) {
        self.chosen.choose(Slot(first), batch(seqs));
        paxos_core::Proposer::<P>::on_chosen(&mut self.proposer, NOW, &self.chosen);
    }

    fn poll(&mut self) -> Vec<(Proposal<P>, Reach)> {
        std::iter::from_fn(|| self.proposer.poll(NOW, &self.chosen)).collect()
    }

    fn prepares(&mut self) -> Vec<(Prepare, Option<Record<u64>>)> {
        let prepare = |(proposal, _)| match proposal {
            Proposal::Prepare(prepare, record) => (prepare, record),
            Proposal::Accept(accept) => panic!("{accept:?}"),
        };
        self.poll().into_iter().map(prepare).collect()
    }

    fn accepts(&mut self) -> Vec<Accept<u64>> {
        let accept = |(proposal, _)| match proposal {
            Proposal::Prepare(prepare, _) => panic!("{prepare:?}"),
            Proposal::Accept(accept) => accept,
        };
        self.poll().into_iter().map(accept).collect()
    }

    fn ballot(&self) -> Option<Ballot> {
        paxos_core::Proposer::<P>::leading(&self.proposer)
    }
}

/// A leader of three servers that has proposed these commands from slot 0 on.
pub(super) fn leading_bench(seqs: core::ops::Range<u64>) -> Proposer<u64> {
    Bench::leading(seqs).proposer
}

#[test]
fn one_phase_1_serves_all_slots() {
    let mut bench = Bench::leading(0..2);
    bench.request(2..3);
    assert_eq!(bench.accepts(), [accept(ballot(1, 0), 2, 2..3)]);
    bench.choose(0, 0..3);
    bench.request(3..5);
    assert_eq!(bench.accepts(), [Accept { chosen: Slot(3), ..accept(ballot(1, 0), 3, 3..5) }]);
}

#[test]
fn a_new_leader_proposes_what_may_be_chosen() {
    let mut bench = Bench::campaigning(5);
    bench.request(0..1);
    bench.promise(1, promise(ballot(1, 0), 0, vec![vote(ballot(0, 3), 0, 30..32)]));
    bench.promise(2, promise(ballot(1, 0), 0, vec![vote(ballot(0, 4), 1, 41..42)]));
    bench.promise(3, promise(ballot(1, 0), 0, vec![vote(ballot(0, 2), 0, 20..22)]));
    // Each slot gets the value of its highest vote; the proposer's own command comes after them.
    let recovered: Batch<u64> = [entry(30), entry(41)].into_iter().collect();
    let first = Accept { batch: recovered, ..accept(ballot(1, 0), 0, 0..0) };
    assert_eq!(bench.accepts(), [first, accept(ballot(1, 0), 2, 0..1)]);
}

#[test]
fn the_order_of_the_promises_does_not_matter() {
    let votes = [
        (1, vec![vote(ballot(0, 3), 0, 30..32)]),
        (2, vec![vote(ballot(0, 4), 1, 41..42)]),
        (3, vec![vote(ballot(0, 2), 0, 20..23)]),
    ];
    let proposed = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]].map(|order| {
        let mut bench = Bench::campaigning(5);
        for (from, votes) in order.map(|i| votes[i].clone()) {
            bench.promise(from, promise(ballot(1, 0), 0, votes));
        }
        bench.accepts()
    });
    assert!(proposed.windows(2).all(|pair| pair[0] == pair[1]), "{proposed:?}");
    let recovered: Batch<u64> = [entry(30), entry(41), entry(22)].into_iter().collect();
    assert_eq!(proposed[0], [Accept { batch: recovered, ..accept(ballot(1, 0), 0, 0..0) }]);
}

#[test]
fn gaps_are_filled_with_noops() {
    let mut bench = Bench::campaigning(3);
    bench.request(0..1);
    bench.promise(
        1,
        promise(ballot(1, 0), 0, vec![vote(ballot(0, 3), 1, 30..31), vote(ballot(0, 3), 4, 34..35)]),
    );
    bench.promise(2, promise(ballot(1, 0), 0, vec![]));
    let noop = || Entry::Noop;
    let recovered: Batch<u64> = [noop(), entry(30), noop(), noop(), entry(34)].into_iter().collect();
    let first = Accept { batch: recovered, ..accept(ballot(1, 0), 0, 0..0) };
    assert_eq!(bench.accepts(), [first, accept(ballot(1, 0), 5, 0..1)]);
}

#[test]
fn a_new_leader_asks_from_its_first_unknown_slot_on() {
    let mut bench = Bench::new(&server(0, 3));
    bench.choose(0, 0..3);
    bench.choose(5, 5..6);
    bench.campaign();
    assert_eq!(bench.prepares()[0].0, prepare(ballot(1, 0), 3));
}

#[test]
fn a_leader_that_finds_another_value_chosen_stops_vouching() {
    let mut bench = Bench::leading(0..3);
    // Its own values are not news.
    bench.choose(0, 0..1);
    assert_eq!(bench.ballot(), Some(ballot(1, 0)));
    bench.choose(1, 71..72);
    assert_eq!(bench.ballot(), None);
    assert!(bench.accepts().is_empty());
    // Commands under way wait for its next ballot, in which it does not use a lower slot.
    assert!(paxos_core::Proposer::<P>::has_work(&bench.proposer));
    bench.campaign();
    assert_eq!(bench.prepares()[0].0, prepare(ballot(2, 0), 2));
}

#[test]
fn a_leader_that_finds_a_slot_chosen_that_it_never_used_stops_vouching() {
    let mut bench = Bench::leading(0..1);
    bench.choose(4, 74..75);
    assert_eq!(bench.ballot(), None);
}

#[test]
fn a_command_found_among_the_promises_is_not_proposed_twice() {
    let mut bench = Bench::leading(0..2);
    assert!(paxos_core::Proposer::<P>::on_ballot(&mut bench.proposer, ballot(2, 1)));
    bench.campaign();
    bench.prepares();
    bench.promise(1, promise(ballot(3, 0), 0, vec![vote(ballot(1, 0), 0, 0..1)]));
    bench.promise(2, promise(ballot(3, 0), 0, vec![]));
    assert_eq!(bench.accepts(), [accept(ballot(3, 0), 0, 0..1), accept(ballot(3, 0), 1, 1..2)]);
}

#[test]
fn no_more_slots_are_under_way_than_the_window_has() {
    let mut config = Config::collapsed(3).expect("lawful");
    config.limits.window = 3;
    config.limits.batch = 2;
    let mut bench = Bench::new(&setup(config, 0));
    bench.request(0..5);
    bench.campaign();
    bench.prepares();
    for from in [1, 2] {
        bench.promise(from, promise(ballot(1, 0), 0, vec![]));
    }
    assert_eq!(bench.accepts(), [accept(ballot(1, 0), 0, 0..2), accept(ballot(1, 0), 2, 2..3)]);
    assert_eq!((bench.proposer.in_flight(), bench.proposer.waiting()), (3, 2));
    bench.choose(0, 0..2);
    assert_eq!(bench.accepts(), [Accept { chosen: Slot(2), ..accept(ballot(1, 0), 3, 3..5) }]);
}

#[test]
fn a_candidate_that_is_behind_begins_again_where_it_knows_more() {
    let mut bench = Bench::campaigning(3);
    // Learning more slots is no reason to ask again.
    bench.choose(0, 0..2);
    assert_eq!(bench.prepares(), []);
    let nack = Nack { refused: ballot(1, 0), promised: Ballot::ZERO, slots: Slot(0).onwards() };
    assert!(!paxos_core::Proposer::<P>::on_nack(&mut bench.proposer, NOW, &nack), "the ballot is not lost");
    bench.choose(2, 2..4);
    assert_eq!(bench.prepares(), [(prepare(ballot(1, 0), 4), None)]);
    // Answers to the earlier request do not count for this one.
    bench.promise(1, promise(ballot(1, 0), 0, vec![]));
    bench.promise(2, promise(ballot(1, 0), 4, vec![]));
    assert_eq!(paxos_core::Proposer::<P>::leading(&bench.proposer), None);
    bench.promise(1, promise(ballot(1, 0), 4, vec![]));
    assert_eq!(paxos_core::Proposer::<P>::leading(&bench.proposer), Some(ballot(1, 0)));
}

#[test]
fn what_was_under_way_is_proposed_again_in_the_same_order() {
    let mut bench = Bench::leading(0..2);
    let nack = |refused, promised| Nack { refused, promised, slots: Slot(0).onwards() };
    // A refusal of an earlier ballot is not news.
    assert!(!paxos_core::Proposer::<P>::on_nack(&mut bench.proposer, NOW, &nack(ballot(0, 0), ballot(3, 1))));
    assert!(paxos_core::Proposer::<P>::on_nack(&mut bench.proposer, NOW, &nack(ballot(1, 0), ballot(7, 1))));
    assert!(bench.ballot().is_none() && bench.accepts().is_empty());
    bench.campaign();
    assert_eq!(bench.prepares()[0].1, Some(Record::Started(ballot(8, 0))));
    // Commands under way are proposed again, in the same order.
    for from in [1, 2] {
        bench.promise(from, promise(ballot(8, 0), 0, vec![]));
    }
    assert_eq!(bench.accepts(), [accept(ballot(8, 0), 0, 0..2)]);
}

#[test]
fn an_unanswered_question_of_either_phase_goes_to_all() {
    let mut bench = Bench::new(&server(0, 3));
    let reach =
        |asked: Vec<(Proposal<P>, Reach)>| asked.into_iter().map(|(_, reach)| reach).collect::<Vec<_>>();
    bench.campaign();
    assert_eq!(reach(bench.poll()), [Reach::Quorum(Phase::One)]);
    let due = paxos_core::Proposer::<P>::deadline(&bench.proposer).expect("it waits");
    paxos_core::Proposer::<P>::on_timeout(&mut bench.proposer, due, &bench.chosen);
    assert_eq!(reach(bench.poll()), [Reach::All]);
    for from in [1, 2] {
        bench.promise(from, promise(ballot(1, 0), 0, vec![]));
    }
    bench.request(0..1);
    assert_eq!(reach(bench.poll()), [Reach::Quorum(Phase::TwoClassic)]);
    let due = paxos_core::Proposer::<P>::deadline(&bench.proposer).expect("it waits");
    paxos_core::Proposer::<P>::on_timeout(&mut bench.proposer, due, &bench.chosen);
    assert_eq!(reach(bench.poll()), [Reach::All]);
    bench.choose(0, 0..1);
    assert_eq!(paxos_core::Proposer::<P>::deadline(&bench.proposer), None);
}

#[test]
fn a_leader_that_does_not_learn_goes_on_where_others_have_learned_what_it_found() {
    let config = Config { learning: Learning::Everyone, ..Config::separate(1, 3, 2).expect("lawful") };
    let mut bench = Bench::new(&setup(config, 0));
    bench.campaign();
    bench.prepares();
    let found = vec![vote(ballot(0, 9), 0, 30..34)];
    bench.promise(1, promise(ballot(1, 0), 0, found));
    bench.promise(2, promise(ballot(1, 0), 0, vec![]));
    paxos_core::Proposer::<P>::on_progress(&mut bench.proposer, NOW, Slot(4));
    bench.request(0..1);
    assert_eq!(bench.accepts(), [accept(ballot(1, 0), 4, 0..1)]);
}

/// In one turn it wins, and learns that all slots are taken in which it may propose: nobody knows the members after them. Or
/// the members change in its phase 1. It needs another ballot, and no message will say that this one is over.
#[test]
fn a_ballot_that_ends_without_a_refusal_is_followed_by_another() {
    let add = Entry::Change(entry(0).id().expect("a command"), Box::new(Change::add(NodeId(7)).into()));
    let fixed = Leadership::Elected { first: Some(NodeId(0)) };
    for leadership in [Leadership::SelfAppointed { backoff: None }, fixed] {
        for first in [entry(0), add.clone()] {
            let mut config = Config::collapsed(3).expect("lawful");
            (config.leadership, config.timeouts, config.limits.alpha) = (leadership, Timeouts::NEVER, 2);
            let mut server = Server::of(config, NodeId(0));
            server.node.submit(NOW, 7).expect("room");
            server.settle();
            let own = server.node.proposer().expect("it proposes").ballot();
            let taken = [first, entry(1)].into_iter().collect();
            let taken = Message::Chosen { first: Slot(0), batch: taken, known: Slot(2), asked: None };
            for message in [taken, Message::Promise(promise(own, 0, vec![]))] {
                server.node.step(NOW, Event::Message { from: NodeId(1), message });
            }
            let said = server.settle();
            let asks = |m: &Message<P>| matches!(m, Message::Prepare(prepare) if prepare.ballot > own);
            assert!(said.iter().any(|(_, m)| asks(m)), "it has executed both slots: {said:?}");
        }
    }
}
