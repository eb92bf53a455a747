//! What the coordinator does with what acceptors decided by themselves.

use super::*;

/// A coordinator of five acceptors that proceed by themselves.
struct Leader {
    proposer: Proposer<u64>,
    chosen: Chosen<u64>,
}

impl Leader {
    fn open() -> Self {
        let setup = Setup {
            options: Options { recovery: Recovery::Uncoordinated, ..Options::default() },
            ..server(0, 5)
        };
        let proposer = <Proposer<u64> as paxos_core::Proposer<P>>::new(&setup);
        let mut leader = Self { proposer, chosen: Chosen::default() };
        paxos_core::Proposer::<P>::campaign(&mut leader.proposer, NOW, &leader.chosen);
        leader.poll();
        // n1 is silent.
        for from in [0, 2, 3, 4] {
            let promise = promise(B, 0, vec![]);
            let Self { proposer, chosen } = &mut leader;
            paxos_core::Proposer::<P>::on_promise(proposer, NOW, NodeId(from), promise, chosen);
        }
        leader
    }

    fn hears(&mut self, from: u16, b: Ballot, seq: u64) {
        let Self { proposer, chosen } = self;
        let vote = accepted(b, 0, &[seq]);
        paxos_core::Proposer::<P>::on_accepted(proposer, NOW, NodeId(from), &vote, chosen);
    }

    fn timeout(&mut self) {
        let due = paxos_core::Proposer::<P>::deadline(&self.proposer).expect("it waits");
        paxos_core::Proposer::<P>::on_timeout(&mut self.proposer, due, &self.chosen);
    }

    fn poll(&mut self) -> Vec<Proposal<P>> {
        std::iter::from_fn(|| paxos_core::Proposer::<P>::poll(&mut self.proposer, NOW, &self.chosen))
            .map(|(proposal, _)| proposal)
            .collect()
    }
}

#[test]
fn the_quorum_it_names_is_alive_and_no_larger_than_it_must() {
    let mut leader = Leader::open();
    let said = leader.poll();
    let [Proposal::Accept(accept)] = &said[..] else { panic!("{said:?}") };
    let named = accept.any.and_then(|any| any.recovery);
    assert_eq!(named, Some([0, 2, 3].map(NodeId).into_iter().collect()));
}

#[test]
fn a_collision_is_left_to_the_acceptors_at_first() {
    let mut leader = Leader::open();
    leader.poll();
    for (from, seq) in [(0, 7), (1, 7), (2, 8), (3, 8), (4, 9)] {
        leader.hears(from, fast(B), seq);
    }
    assert!(leader.poll().is_empty());
}

#[test]
fn votes_below_the_last_fast_step_are_no_promises() {
    // All five voted in step 1, and any of them may have proceeded, unheard. Only a phase 1 can tell.
    let mut leader = Leader::open();
    leader.poll();
    for (from, seq) in [(0, 7), (1, 7), (2, 8), (3, 8), (4, 9)] {
        leader.hears(from, fast(B), seq);
    }
    leader.timeout();
    let said = leader.poll();
    assert!(matches!(&said[..], [Proposal::Prepare(p, _)] if p.ballot == ballot(2, 0)), "{said:?}");
}

#[test]
fn what_the_acceptors_left_undecided_the_coordinator_finishes() {
    let mut leader = Leader::open();
    leader.poll();
    leader.hears(4, fast(B), 9);
    for from in [0, 2, 3] {
        leader.hears(from, next(B), 7);
    }
    assert!(leader.poll().is_empty(), "a fourth vote may come");
    leader.timeout();
    let third = next(B).next_step(false).expect("a step");
    let said = leader.poll();
    let found = said.iter().any(|proposal| match proposal {
        Proposal::Accept(accept) => accept.classic.ballot == third && accept.classic.batch == list(&[7]),
        Proposal::Prepare(..) => false,
    });
    assert!(found, "{said:?}");
}

#[test]
fn the_one_vote_that_a_new_leader_hears_of_is_the_value() {
    // n0 and n1 voted for 7, and n2 for 8. An acceptor that proceeded took 7, which may have been chosen as far as it
    // knew.
    let mut leader = Leader::open();
    leader.poll();
    paxos_core::Proposer::<P>::campaign(&mut leader.proposer, NOW, &leader.chosen);
    leader.poll();
    let again = ballot(2, 0);
    let Leader { proposer, chosen } = &mut leader;
    let reports = [(0, vote(fast(B), 0, &[7])), (2, vote(fast(B), 0, &[8])), (4, vote(next(B), 0, &[7]))];
    for (from, report) in reports {
        let promise = promise(again, 0, vec![report]);
        paxos_core::Proposer::<P>::on_promise(proposer, NOW, NodeId(from), promise, chosen);
    }
    let said = leader.poll();
    let Some(Proposal::Accept(accept)) = said.first() else { panic!("{said:?}") };
    assert_eq!((accept.classic.ballot, accept.classic.batch[0].clone()), (again, entry(7)));
}
