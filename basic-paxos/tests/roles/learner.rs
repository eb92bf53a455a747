//! The learner: which votes add up to a decision.

use super::*;

struct Bench {
    learner: Learner<u64>,
    chosen: Chosen<u64>,
    decisions: Vec<Decision<u64>>,
}

impl Bench {
    fn new(setup: &Setup<Options>) -> Self {
        let learner = <Learner<u64> as paxos_core::Learner<P>>::new(setup);
        Self { learner, chosen: Chosen::default(), decisions: Vec::new() }
    }

    fn accept(&mut self, b: Ballot, seq: u64) {
        let accept = Accept { ballot: b, slot: Slot(0), entry: one(seq) };
        paxos_core::Learner::<P>::on_accept(&mut self.learner, &accept, &mut self.chosen);
    }

    fn vote(&mut self, from: u16, b: Ballot, entry: Option<One<u64>>) {
        let accepted = Accepted { ballot: b, slot: Slot(0), entry };
        let Self { learner, chosen, decisions } = self;
        paxos_core::Learner::<P>::on_accepted(learner, NodeId(from), &accepted, chosen, decisions);
    }

    fn decide(&mut self, b: Ballot, entry: Option<One<u64>>) {
        let decision = Decision { ballot: b, slot: Slot(0), entry };
        paxos_core::Learner::<P>::on_decide(&mut self.learner, &decision, &mut self.chosen);
    }

    fn value(&self) -> Option<&Entry<u64>> {
        self.chosen.get(Slot(0))
    }
}

#[test]
fn votes_in_different_ballots_are_not_added_up() {
    let mut bench = Bench::new(&rivals());
    bench.vote(0, ballot(1, 0), Some(one(7)));
    bench.vote(1, ballot(2, 1), Some(one(7)));
    assert_eq!(bench.value(), None);
    // A higher ballot does not make the votes of a lower one void.
    bench.vote(2, ballot(1, 0), Some(one(7)));
    assert_eq!(bench.value(), Some(&entry(7)));
}

#[test]
fn what_is_decided_waits_for_its_value() {
    for decided in [false, true] {
        let mut bench = Bench::new(&setup(simple(3).expect("lawful"), 1));
        if decided {
            bench.decide(ballot(2, 0), None);
        } else {
            bench.vote(0, ballot(2, 0), None);
            bench.vote(2, ballot(2, 0), None);
        }
        bench.accept(ballot(1, 2), 6);
        assert_eq!(bench.value(), None);
        bench.accept(ballot(2, 0), 7);
        assert_eq!(bench.value(), Some(&entry(7)));
    }
}

#[test]
fn an_announcement_carries_the_value_to_those_who_may_not_have_it() {
    let servers = |setup: &Setup<Options>| {
        let mut bench = Bench::new(setup);
        bench.accept(ballot(1, 0), 7);
        (0..4).for_each(|from| bench.vote(from, ballot(1, 0), None));
        bench.decisions.pop().expect("decided").entry
    };
    assert_eq!(servers(&setup(simple(3).expect("lawful"), 0)), None);
    assert_eq!(servers(&setup(Config { thrifty: true, ..simple(3).expect("lawful") }, 0)), Some(one(7)));
    assert_eq!(servers(&setup(Config::separate(1, 3, 1).expect("lawful"), 0)), Some(one(7)));
    assert_eq!(servers(&rivals()), Some(one(7)));
}
