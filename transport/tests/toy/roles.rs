//! One role in isolation: a gap that even patience does not spare a proposer, and messages that leave something out.

use crate::toy::Patient;
use crate::toy::patient::{Accept, Accepted, Learner, Promise, Proposer};
use paxos_core::{
    Ballot, Batch, Chosen, ClientId, Config, Entry, NodeId, Proposal, Proposer as Role, Setup, Slot, Time,
    Vote,
};
use std::sync::Arc;

const NOW: Time = Time(0);

fn command(seq: u64) -> Entry<u64> {
    Entry::new(ClientId::default(), seq, seq)
}

/// n0, one of three.
fn setup() -> Setup<()> {
    let config = Arc::new(Config::collapsed(3).expect("lawful"));
    Setup { id: NodeId(0), config, options: () }
}

/// The first proposal of n0 in a new term in which n1 and n2 report these votes in the slots below `until`: slot, round,
/// command.
fn proposes(reports: [&[(u64, u64, u64)]; 2], until: Slot) -> Option<Accept<u64>> {
    let chosen = Chosen::default();
    let mut proposer: Proposer<u64> = Role::<Patient>::new(&setup());
    // Rounds 1 to 4 have been used.
    Role::<Patient>::on_ballot(&mut proposer, Ballot::classic(4, NodeId(2)));
    Role::<Patient>::campaign(&mut proposer, NOW, &chosen);
    for (from, votes) in (1..).map(NodeId).zip(reports) {
        let vote = |(slot, round, seq): &(u64, u64, u64)| Vote {
            first: Slot(*slot),
            ballot: Ballot::classic(*round, NodeId(2)),
            batch: Batch::from(command(*seq)),
        };
        let votes = votes.iter().map(vote).collect();
        let promise = Promise { ballot: Ballot::classic(5, NodeId(0)), from: Slot(0), until, votes };
        Role::<Patient>::on_promise(&mut proposer, NOW, from, promise, &chosen);
    }
    match Role::<Patient>::poll(&mut proposer, NOW, &chosen)? {
        (Proposal::Accept(accept), _) => Some(accept),
        (Proposal::Prepare(..), _) => None,
    }
}

#[test]
fn a_gap_below_a_vote_is_proposed_as_a_noop_which_a_higher_ballot_has_made_harmless() {
    let accept = proposes([&[], &[(1, 2, 9)]], Slot::MAX).expect("a proposal");
    assert_eq!((accept.first, accept.batch), (Slot(0), Batch::from(Entry::Noop)));
}

#[test]
fn a_promise_that_reports_only_a_part_does_not_count() {
    let reports: [&[_]; 2] = [&[(0, 2, 9)], &[(0, 2, 9)]];
    assert!(proposes(reports, Slot::MAX).is_some());
    assert_eq!(proposes(reports, Slot(1)), None);
}

#[test]
fn a_vote_without_its_value_does_not_count() {
    for batch in [None, Some(Batch::from(command(9)))] {
        let (mut chosen, mut decisions) = (Chosen::default(), Vec::new());
        let mut learner: Learner<u64> = paxos_core::Learner::<Patient>::new(&setup());
        let carried = batch.is_some();
        let vote = Accepted { ballot: Ballot::classic(1, NodeId(0)), slots: Slot(0).extend(1), batch };
        for from in [1, 2] {
            paxos_core::Learner::<Patient>::on_accepted(
                &mut learner,
                NodeId(from),
                &vote,
                &mut chosen,
                &mut decisions,
            );
        }
        assert_eq!((chosen.knows(Slot(0)), decisions.len()), (carried, usize::from(carried)));
    }
}
