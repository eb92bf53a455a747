//! One role in isolation: a gap that even patience does not spare a proposer.

use crate::Patient;
use crate::patient::{Accept, Promise, Proposer};
use paxos_core::{
    Ballot, Batch, Chosen, ClientId, Config, Entry, NodeId, Proposal, Proposer as Role, Setup, Slot, Time,
    Vote,
};
use std::sync::Arc;

const NOW: Time = Time(0);

fn command(seq: u64) -> Entry<u64> {
    Entry::new(ClientId::default(), seq, seq)
}

/// The first proposal of n0, one of three, in a new term in which n1 and n2 report these votes: slot, round, command.
fn proposes(reports: [&[(u64, u64, u64)]; 2]) -> Option<Accept<u64>> {
    let config = Arc::new(Config::collapsed(3).expect("lawful"));
    let chosen = Chosen::default();
    let mut proposer: Proposer<u64> = Role::<Patient>::new(&Setup { id: NodeId(0), config, options: () });
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
        let promise = Promise { ballot: Ballot::classic(5, NodeId(0)), from: Slot(0), votes };
        Role::<Patient>::on_promise(&mut proposer, NOW, from, promise, &chosen);
    }
    match Role::<Patient>::poll(&mut proposer, NOW, &chosen)? {
        (Proposal::Accept(accept), _) => Some(accept),
        (Proposal::Prepare(..), _) => None,
    }
}

#[test]
fn a_gap_below_a_vote_is_proposed_as_a_noop_which_a_higher_ballot_has_made_harmless() {
    let accept = proposes([&[], &[(1, 2, 9)]]).expect("a proposal");
    assert_eq!((accept.slot, accept.entry), (Slot(0), Entry::Noop));
}
