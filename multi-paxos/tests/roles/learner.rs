//! The learner: which votes add up to a decision.

use super::*;

struct Bench {
    learner: Learner<u64>,
    chosen: Chosen<u64>,
    decisions: Vec<Decision<u64>>,
}

impl Bench {
    fn new(setup: &Setup<()>) -> Self {
        let learner = <Learner<u64> as paxos_core::Learner<P>>::new(setup);
        Self { learner, chosen: Chosen::default(), decisions: Vec::new() }
    }

    fn accept(&mut self, accept: &Accept<u64>) {
        paxos_core::Learner::<P>::on_accept(&mut self.learner, accept, &mut self.chosen);
    }

    fn accepted(&mut self, from: u16, accepted: &Accepted<u64>) {
        let Self { learner, chosen, decisions } = self;
        paxos_core::Learner::<P>::on_accepted(learner, NodeId(from), accepted, chosen, decisions);
    }

    fn decide(&mut self, b: Ballot, range: core::ops::Range<u64>) {
        let decision = Decision { ballot: b, slots: slots(range), batch: None };
        paxos_core::Learner::<P>::on_decide(&mut self.learner, &decision, &mut self.chosen);
    }

    fn heartbeat(&mut self, b: Ballot, below: u64) {
        paxos_core::Learner::<P>::on_heartbeat(&mut self.learner, b, Slot(below), &mut self.chosen);
    }

    /// The commands, by number, that the learner knows in the first `n` slots.
    fn known(&self, n: u64) -> Vec<Option<u64>> {
        (0..n).map(|slot| Some(self.chosen.get(Slot(slot))?.id()?.seq)).collect()
    }
}

#[test]
fn votes_are_counted_slot_by_slot() {
    let mut bench = Bench::new(&server(0, 3));
    bench.accept(&accept(ballot(1, 0), 0, 0..4));
    bench.accepted(1, &accepted(ballot(1, 0), 0..3));
    bench.accepted(2, &accepted(ballot(1, 0), 2..4));
    assert_eq!(bench.known(4), [None, None, Some(2), None]);
    bench.accepted(2, &accepted(ballot(1, 0), 0..2));
    assert_eq!(bench.known(4), [Some(0), Some(1), Some(2), None]);
}

#[test]
fn what_is_decided_waits_for_the_value_of_its_ballot() {
    for announced in [false, true] {
        let mut bench = Bench::new(&server(1, 3));
        if announced {
            bench.decide(ballot(2, 0), 0..1);
        } else {
            bench.accepted(0, &accepted(ballot(2, 0), 0..1));
            bench.accepted(2, &accepted(ballot(2, 0), 0..1));
        }
        bench.accept(&accept(ballot(1, 2), 0, 6..7));
        assert_eq!(bench.known(1), [None]);
        bench.accept(&accept(ballot(2, 0), 0, 7..8));
        assert_eq!(bench.known(1), [Some(7)]);
    }
}

#[test]
fn what_a_leader_vouches_for_is_its_own_proposal_and_no_other() {
    let mut bench = Bench::new(&server(1, 3));
    bench.accept(&accept(ballot(1, 0), 0, 0..2));
    bench.accept(&accept(ballot(2, 2), 1, 11..12));
    // Every slot below 3 is chosen. The learner knows what ballot 1.n0 proposed in slot 0. In slot 1 it last saw
    // another ballot's value, and in slot 2 none.
    bench.heartbeat(ballot(1, 0), 3);
    assert_eq!(bench.known(3), [Some(0), None, None]);
    assert!(bench.chosen.is_behind());
}

#[test]
fn a_phase_2a_tells_what_was_chosen_before() {
    let mut bench = Bench::new(&server(1, 3));
    bench.accept(&accept(ballot(1, 0), 0, 0..2));
    bench.accept(&Accept { chosen: Slot(2), ..accept(ballot(1, 0), 2, 2..3) });
    assert_eq!(bench.known(3), [Some(0), Some(1), None]);
}

#[test]
fn votes_too_far_ahead_are_not_kept() {
    let mut bench = Bench::new(&server(0, 3));
    bench.chosen = Chosen::within_reach(8);
    let empty = bench.learner.clone();
    for at in 8..100 {
        bench.accepted(1, &accepted(ballot(1, 0), at..at + 1));
        bench.accept(&accept(ballot(1, 0), at, at..at + 1));
        bench.decide(ballot(1, 0), at..at + 1);
    }
    assert_eq!((&bench.learner, bench.chosen.end()), (&empty, Slot(0)));
    // If a batch reaches too far ahead, its near part still counts.
    bench.accept(&accept(ballot(1, 0), 6, 6..10));
    bench.decide(ballot(1, 0), 6..10);
    assert_eq!(bench.chosen.end(), Slot(8));
}
