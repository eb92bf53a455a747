//! One role at a time is replaced by one with a mistake: the simulator's invariants detect it, and say what is wrong.

use crate::toy::Patient;
use crate::toy::patient::{
    Accept, Accepted, Acceptor, Decision, Dialect, Learner, Prepare, Promise, Proposer,
};
use paxos_core::{
    Ballot, Batch, Chosen, Load, Nack, NodeId, Overloaded, Proposal, Reach, Record, Request, Setup, Slot,
    Time, Votes,
};
use paxos_transport::conformance::{self, Facts, Tested, chaos};
use paxos_transport::sim::Violation;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// An acceptor that votes even below its promise.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Obliging(Acceptor<u64>);

impl<P: Dialect<u64>> paxos_core::Acceptor<P> for Obliging {
    fn new(setup: &Setup<()>) -> Self {
        Self(paxos_core::Acceptor::<P>::new(setup))
    }

    fn restore(&mut self, record: &Record<u64>) {
        paxos_core::Acceptor::<P>::restore(&mut self.0, record);
    }

    fn on_prepare(&mut self, prepare: &Prepare, log: &mut Vec<Record<u64>>) -> Result<Promise<u64>, Nack> {
        paxos_core::Acceptor::<P>::on_prepare(&mut self.0, prepare, log)
    }

    fn follows(&self, _ballot: Ballot) -> bool {
        true
    }

    fn votes(&self) -> &Votes<u64> {
        paxos_core::Acceptor::<P>::votes(&self.0)
    }

    fn on_accept(
        &mut self,
        accept: &Accept<u64>,
        log: &mut Vec<Record<u64>>,
    ) -> Result<Option<Accepted<u64>>, Nack> {
        // The mistake: a refusal is turned into a vote.
        paxos_core::Acceptor::<P>::on_accept(&mut self.0, accept, log).or_else(|_refusal| {
            let Accept { ballot, first, ref batch, .. } = *accept;
            log.push(Record::Voted { ballot, first, batch: batch.clone() });
            Ok(Some(Accepted { ballot, slots: first.extend(batch.len() as u64), batch: Some(batch.clone()) }))
        })
    }
}

/// A proposer that counts promises but ignores the votes that they report.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Deaf(Proposer<u64>);

impl<P: Dialect<u64>> paxos_core::Proposer<P> for Deaf {
    fn new(setup: &Setup<()>) -> Self {
        Self(paxos_core::Proposer::<P>::new(setup))
    }

    fn on_promise(&mut self, now: Time, from: NodeId, promise: Promise<u64>, chosen: &Chosen<u64>) -> bool {
        // The mistake: the reported votes are dropped.
        let promise = Promise { votes: Vec::new(), ..promise };
        paxos_core::Proposer::<P>::on_promise(&mut self.0, now, from, promise, chosen)
    }

    fn restore(&mut self, record: &Record<u64>) {
        paxos_core::Proposer::<P>::restore(&mut self.0, record);
    }

    fn on_request(&mut self, now: Time, request: &Request<u64>, leads: bool) -> Result<(), Overloaded> {
        paxos_core::Proposer::<P>::on_request(&mut self.0, now, request, leads)
    }

    fn campaign(&mut self, now: Time, chosen: &Chosen<u64>) {
        paxos_core::Proposer::<P>::campaign(&mut self.0, now, chosen);
    }

    fn step_down(&mut self) -> bool {
        paxos_core::Proposer::<P>::step_down(&mut self.0)
    }

    fn on_nack(&mut self, now: Time, nack: &Nack) -> bool {
        paxos_core::Proposer::<P>::on_nack(&mut self.0, now, nack)
    }

    fn on_ballot(&mut self, ballot: Ballot) -> bool {
        paxos_core::Proposer::<P>::on_ballot(&mut self.0, ballot)
    }

    fn on_chosen(&mut self, now: Time, chosen: &Chosen<u64>) {
        paxos_core::Proposer::<P>::on_chosen(&mut self.0, now, chosen);
    }

    fn on_progress(&mut self, now: Time, slot: Slot) {
        paxos_core::Proposer::<P>::on_progress(&mut self.0, now, slot);
    }

    fn propose_again(&mut self, now: Time, from: Slot, chosen: &Chosen<u64>) {
        paxos_core::Proposer::<P>::propose_again(&mut self.0, now, from, chosen);
    }

    fn on_timeout(&mut self, now: Time, chosen: &Chosen<u64>) {
        paxos_core::Proposer::<P>::on_timeout(&mut self.0, now, chosen);
    }

    fn deadline(&self) -> Option<Time> {
        paxos_core::Proposer::<P>::deadline(&self.0)
    }

    fn poll(&mut self, now: Time, chosen: &Chosen<u64>) -> Option<(Proposal<P>, Reach)> {
        paxos_core::Proposer::<P>::poll(&mut self.0, now, chosen)
    }

    fn leading(&self) -> Option<Ballot> {
        paxos_core::Proposer::<P>::leading(&self.0)
    }

    fn is_idle(&self) -> bool {
        paxos_core::Proposer::<P>::is_idle(&self.0)
    }

    fn has_work(&self) -> bool {
        paxos_core::Proposer::<P>::has_work(&self.0)
    }

    fn load(&self) -> Load {
        paxos_core::Proposer::<P>::load(&self.0)
    }

    fn surrender(&mut self) -> Vec<Batch<u64>> {
        paxos_core::Proposer::<P>::surrender(&mut self.0)
    }
}

/// A learner that treats one vote as a quorum.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Credulous;

impl<P: Dialect<u64>> paxos_core::Learner<P> for Credulous {
    fn new(_setup: &Setup<()>) -> Self {
        Self
    }

    fn on_accept(&mut self, accept: &Accept<u64>, chosen: &mut Chosen<u64>) {
        chosen.hear_of(accept.chosen);
    }

    fn on_accepted(
        &mut self,
        _from: NodeId,
        accepted: &Accepted<u64>,
        chosen: &mut Chosen<u64>,
        decisions: &mut Vec<Decision<u64>>,
    ) {
        let Accepted { ballot, slots, batch } = accepted.clone();
        // The mistake: votes are not counted.
        let decision = Decision { ballot, slots, batch };
        paxos_core::Learner::<P>::on_decide(self, &decision, chosen);
        decisions.push(decision);
    }

    fn on_decide(&mut self, decision: &Decision<u64>, chosen: &mut Chosen<u64>) {
        decision.add_to(chosen);
    }
}

paxos_core::variations! { Patient {
    WithObligingAcceptors: Proposer<u64>, Obliging, Learner<u64>;
    WithDeafProposers: Deaf, Acceptor<u64>, Learner<u64>;
    WithCredulousLearners: Proposer<u64>, Acceptor<u64>, Credulous;
} }

/// The first breach within this many seeds.
fn first_breach<P: Tested>(seeds: u64) -> Violation {
    let broken = (0..seeds).find_map(|seed| chaos::survive::<P>(&Facts::usual(), seed, None).err());
    broken.unwrap_or_else(|| panic!("not found in {seeds} seeds"))
}

/// A claim about one role that a single call tests.
type Claim<P> = fn(&Facts<P>);

/// Checks that none of these claims holds: each panics.
fn refuted<P: Tested>(claims: &[Claim<P>]) {
    for (nth, claim) in claims.iter().enumerate() {
        let facts = Facts { compacts: false, ..Facts::usual() };
        let outcome = catch_unwind(AssertUnwindSafe(|| claim(&facts)));
        assert!(outcome.is_err(), "claim {nth} about {} holds", P::NAME);
    }
}

#[test]
fn an_acceptor_that_votes_below_its_promise_is_found_out() {
    use conformance::{acceptor, node};
    refuted::<WithObligingAcceptors>(&[
        acceptor::a_promise_refuses_lower_ballots,
        acceptor::a_vote_is_a_promise_too,
        acceptor::a_promise_reports_the_highest_vote,
        acceptor::a_restored_acceptor_has_what_was_on_disk,
        node::a_restored_node_keeps_its_word,
    ]);
    // Few leaders still send after they were deposed, so this takes many seeds.
    let violation = first_breach::<WithObligingAcceptors>(2000);
    assert_eq!(violation.invariant, "no_vote_below_promise", "{violation}");
}

#[test]
fn a_proposer_that_ignores_reported_votes_is_found_out() {
    refuted::<WithDeafProposers>(&[
        conformance::proposer::it_proposes_the_value_of_the_highest_vote_reported,
    ]);
    let violation = first_breach::<WithDeafProposers>(200);
    assert_eq!(violation.invariant, "proposals_are_safe", "{violation}");
}

#[test]
fn a_learner_that_counts_nobody_is_found_out() {
    use conformance::{learner, node};
    refuted::<WithCredulousLearners>(&[
        learner::a_quorum_in_one_ballot_chooses,
        learner::votes_in_different_ballots_are_not_added_up,
        learner::strangers_and_repeated_votes_change_nothing,
        node::a_repeated_answer_is_not_counted,
    ]);
    // It is found early: a server believes a value to be chosen for which no quorum has voted.
    let violation = first_breach::<WithCredulousLearners>(200);
    assert_eq!(violation.invariant, "agreement", "{violation}");
}
