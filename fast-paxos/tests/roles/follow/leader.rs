//! What the coordinator does with what acceptors decided by themselves.

use super::*;

/// A coordinator of five acceptors that proceed by themselves. n1 is silent.
fn open() -> Process {
    let mut leader = server(0, 5, Recovery::Uncoordinated);
    leader.begin();
    leader.prepares();
    for from in [0, 2, 3, 4] {
        leader.hear(NodeId(from), promise(B, 0, vec![]));
    }
    leader
}

fn said(leader: &mut Process) -> Vec<Proposal<P>> {
    leader.poll().into_iter().map(|(proposal, _)| proposal).collect()
}

#[test]
fn the_quorum_it_names_is_alive_and_no_larger_than_it_must() {
    let mut leader = open();
    let said = said(&mut leader);
    let [Proposal::Accept(accept)] = &said[..] else { panic!("{said:?}") };
    let named = accept.any.and_then(|any| any.recovery);
    assert_eq!(named, Some([0, 2, 3].map(NodeId).into_iter().collect()));
}

#[test]
fn a_collision_is_left_to_the_acceptors_at_first() {
    let mut leader = open();
    said(&mut leader);
    for (from, seq) in [(0, 7), (1, 7), (2, 8), (3, 8), (4, 9)] {
        tell(&mut leader, from, &accepted(fast(B), 0, &[seq]));
    }
    assert!(said(&mut leader).is_empty());
}

#[test]
fn votes_below_the_last_fast_step_are_no_promises() {
    // All five voted in step 1, and any of them may have proceeded, unheard. Only a phase 1 can tell.
    let mut leader = open();
    said(&mut leader);
    for (from, seq) in [(0, 7), (1, 7), (2, 8), (3, 8), (4, 9)] {
        tell(&mut leader, from, &accepted(fast(B), 0, &[seq]));
    }
    leader.timeout();
    let said = said(&mut leader);
    assert!(matches!(&said[..], [Proposal::Prepare(p, _)] if p.ballot == ballot(2, 0)), "{said:?}");
}

#[test]
fn what_the_acceptors_left_undecided_the_coordinator_finishes() {
    let mut leader = open();
    said(&mut leader);
    tell(&mut leader, 4, &accepted(fast(B), 0, &[9]));
    for from in [0, 2, 3] {
        tell(&mut leader, from, &accepted(next(B), 0, &[7]));
    }
    assert!(said(&mut leader).is_empty(), "a fourth vote may come");
    leader.timeout();
    let third = next(B).next_step(false).expect("a step");
    let said = said(&mut leader);
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
    let mut leader = open();
    said(&mut leader);
    leader.begin();
    said(&mut leader);
    let again = ballot(2, 0);
    let reports = [(0, vote(fast(B), 0, &[7])), (2, vote(fast(B), 0, &[8])), (4, vote(next(B), 0, &[7]))];
    for (from, report) in reports {
        leader.hear(NodeId(from), promise(again, 0, vec![report]));
    }
    let said = said(&mut leader);
    let Some(Proposal::Accept(accept)) = said.first() else { panic!("{said:?}") };
    assert_eq!((accept.classic.ballot, accept.classic.batch[0].clone()), (again, entry(7)));
}
