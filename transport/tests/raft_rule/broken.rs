//! One mistake at a time: what is left of Raft's rule when a part of it is missing, and what finds that out.

use crate::raft_rule::Abreast;
use crate::raft_rule::abreast::{
    Accept, Accepted, Acceptor, Decision, Dialect, Learner, Prepare, Promise, Proposer, Reached, reached,
};
use core::fmt::Debug;
use core::hash::Hash;
use core::marker::PhantomData;
use paxos_core::{
    Ballot, Chosen, CommandId, Config, Kind, Nack, NodeId, NodeSet, Phase, Record, Setup, Slot, Votes,
};
use paxos_transport::conformance::cluster::{Journal, ms};
use paxos_transport::conformance::{Facts, Tested, chaos};
use paxos_transport::sim::{Fate, Fault, Sim, Violation, World};
use std::collections::BTreeMap;
use std::panic::catch_unwind;

/// What an acceptor gets wrong.
trait Slip: Clone + Debug + Eq + Hash + Send + Sync + 'static {
    /// It votes where its log has a gap.
    const LEAPS: bool = false;

    /// Whether the log that a candidate shows is behind its own, as it thinks.
    fn is_behind(shown: Reached, own: Reached) -> bool {
        shown < own
    }

    /// How many of so many entries it votes for.
    fn takes(entries: u64) -> u64 {
        entries
    }
}

/// An acceptor with this slip.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Erring<S>(Acceptor<u64>, PhantomData<S>);

impl<S: Slip, P: Dialect<u64>> paxos_core::Acceptor<P> for Erring<S> {
    fn new(setup: &Setup<()>) -> Self {
        Self(paxos_core::Acceptor::<P>::new(setup), PhantomData)
    }

    fn restore(&mut self, record: &Record<u64>) {
        paxos_core::Acceptor::<P>::restore(&mut self.0, record);
    }

    fn on_prepare(&mut self, prepare: &Prepare, log: &mut Vec<Record<u64>>) -> Result<Promise<u64>, Nack> {
        let own = reached(paxos_core::Acceptor::<P>::votes(&self.0));
        // It judges by itself, and lets the acceptor that does not err see a log which it refuses or does not.
        let shown = prepare.log.zip(own).map(|(shown, own)| {
            if S::is_behind(shown, own) { (Ballot::ZERO, Slot(0)) } else { (prepare.ballot, Slot::LAST) }
        });
        let prepare = Prepare { log: shown.or(prepare.log), ..prepare.clone() };
        paxos_core::Acceptor::<P>::on_prepare(&mut self.0, &prepare, log)
    }

    fn on_accept(
        &mut self,
        accept: &Accept<u64>,
        log: &mut Vec<Record<u64>>,
    ) -> Result<Option<Accepted<u64>>, Nack> {
        let accept =
            Accept { batch: accept.batch.head(S::takes(accept.batch.len() as u64)), ..accept.clone() };
        let answer = paxos_core::Acceptor::<P>::on_accept(&mut self.0, &accept, log);
        if !S::LEAPS || !matches!(answer, Err(nack) if nack.promised <= nack.refused) {
            return answer;
        }
        let Accept { ballot, first, batch, .. } = accept;
        let record = Record::Voted { ballot, first, batch: batch.clone() };
        paxos_core::Acceptor::<P>::restore(&mut self.0, &record);
        log.push(record);
        Ok(Some(Accepted { ballot, slots: first.extend(batch.len() as u64), batch: Some(batch) }))
    }

    fn follows(&self, ballot: Ballot) -> bool {
        paxos_core::Acceptor::<P>::follows(&self.0, ballot)
    }

    fn votes(&self) -> &Votes<u64> {
        paxos_core::Acceptor::<P>::votes(&self.0)
    }

    fn voted_below(&self) -> Slot {
        paxos_core::Acceptor::<P>::voted_below(&self.0)
    }
}

/// A learner that counts the votes for a value in whatever ballots they were cast, as a leader of Raft would that counts replicas
/// of entries of former terms (Ongaro 2014, §3.6.2 and figure 3.7).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Adding(Setup<()>, BTreeMap<(Slot, Option<CommandId>), NodeSet>);

impl<P: Dialect<u64>> paxos_core::Learner<P> for Adding {
    fn new(setup: &Setup<()>) -> Self {
        Self(setup.clone(), BTreeMap::new())
    }

    fn on_accept(&mut self, accept: &Accept<u64>, chosen: &mut Chosen<u64>) {
        chosen.hear_of(accept.chosen);
    }

    fn on_accepted(
        &mut self,
        from: NodeId,
        accepted: &Accepted<u64>,
        chosen: &mut Chosen<u64>,
        decisions: &mut Vec<Decision<u64>>,
    ) {
        let Accepted { ballot, slots, batch: Some(ref batch) } = *accepted else { return };
        for (slot, entry) in slots.iter().zip(batch.iter()) {
            // The mistake: the ballot is no part of the key.
            let voters = self.1.entry((slot, entry.id())).or_default();
            let counts = !chosen.knows(slot) && voters.insert(from);
            if counts && self.0.config.quorums.is_quorum(Phase::TwoClassic, *voters) {
                let decision = Decision { ballot, slots: slot.extend(1), batch: Some(entry.clone().into()) };
                paxos_core::Learner::<P>::on_decide(self, &decision, chosen);
                decisions.push(decision);
            }
        }
    }

    fn on_decide(&mut self, decision: &Decision<u64>, chosen: &mut Chosen<u64>) {
        decision.add_to(chosen);
    }
}

macro_rules! slips {
    ($($name:ident { $($body:tt)* })+) => {$(
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        struct $name;

        impl Slip for $name {
            $($body)*
        }
    )+};
}

slips! {
    Faultless {}
    Indifferent { fn is_behind(_shown: Reached, _own: Reached) -> bool { false } }
    LengthFirst {
        fn is_behind(shown: Reached, own: Reached) -> bool { (shown.1, shown.0) < (own.1, own.0) }
    }
    Piecemeal { fn takes(entries: u64) -> u64 { entries.min(1) } }
    Leaping { const LEAPS: bool = true; }
}

paxos_core::variations! { Abreast {
    WithFaultlessAcceptors: Proposer<u64>, Erring<Faultless>, Learner<u64>;
    WithIndifferentAcceptors: Proposer<u64>, Erring<Indifferent>, Learner<u64>;
    WithLengthFirst: Proposer<u64>, Erring<LengthFirst>, Learner<u64>;
    WithPiecemealAcceptors: Proposer<u64>, Erring<Piecemeal>, Learner<u64>;
    WithLeapingAcceptors: Proposer<u64>, Erring<Leaping>, Learner<u64>;
    WithAddingLearners: Proposer<u64>, Acceptor<u64>, Adding;
} }

/// A claim about roles with these messages.
type Claim = fn();

/// None of these holds, and the panic of the test says so.
fn refuted(claims: &[Claim]) {
    for (nth, claim) in claims.iter().enumerate() {
        assert!(catch_unwind(claim).is_err(), "claim {nth} holds");
    }
}

/// The first breach in so many seeds of a run.
fn first_breach(seeds: u64, run: impl Fn(u64) -> Result<(), Violation>) -> Violation {
    (0..seeds).find_map(|seed| run(seed).err()).unwrap_or_else(|| panic!("not found in {seeds} seeds"))
}

/// A run of the suite, in which everything goes wrong.
fn chaotic<P: Tested>(seed: u64) -> Result<(), Violation> {
    chaos::survive::<P>(&Facts::usual(), seed, None).map(drop)
}

/// n0 leads, proposes three commands that nobody hears, and crashes. The others choose one command in the first slot. Then the one
/// that leads crashes, and n0 comes back, with a log that is longer and ends in a lower ballot.
fn longer_and_older<P: Tested>(seed: u64) -> Result<(), Violation> {
    let mut world = World::<P>::new(Config::collapsed(3).expect("servers"), P::Options::default(), seed);
    let client = world.add_clients(1)[0];
    let mut sim = Sim::new(world, |_| Journal::default());
    sim.run_for(ms(50))?;
    sim.set_carrier(|post| if post.message.kind() == Kind::Accept { Fate::Lost } else { Fate::Usual });
    for value in 0..3 {
        sim.submit(NodeId(0), value).expect("there is room");
    }
    sim.run_for(ms(20))?;
    // Nobody is told what is chosen: only logs say it.
    let tells = |kind| matches!(kind, Kind::Decide | Kind::Chosen);
    sim.set_carrier(move |post| if tells(post.message.kind()) { Fate::Lost } else { Fate::Usual });
    sim.fail(Fault::Crash(NodeId(0)));
    sim.submit(client, 7).expect("there is room");
    sim.run_until(Sim::all_answered)?;
    let leads = |id: &NodeId| sim.node(*id).is_some_and(|node| node.leading().is_some());
    let leader = [1, 2].map(NodeId).into_iter().find(leads).expect("one of them leads");
    sim.fail(Fault::Crash(leader));
    sim.fail(Fault::Restart(NodeId(0)));
    sim.run_for(ms(3000))?;
    Ok(())
}

#[test]
fn without_a_mistake_none_is_found() {
    crate::raft_rule::roles::a_candidate_whose_log_is_behind_is_refused::<WithFaultlessAcceptors>();
    crate::raft_rule::roles::no_vote_leaves_a_gap::<WithFaultlessAcceptors>();
    crate::raft_rule::roles::a_vote_is_for_the_whole_log::<WithFaultlessAcceptors>();
    for seed in 0..20 {
        longer_and_older::<WithFaultlessAcceptors>(seed).unwrap_or_else(|violation| panic!("{violation}"));
    }
}

#[test]
fn an_acceptor_that_compares_no_logs_is_found_out() {
    refuted(&[
        crate::raft_rule::roles::a_candidate_whose_log_is_behind_is_refused::<WithIndifferentAcceptors>,
    ]);
    let violation = first_breach(100, chaotic::<WithIndifferentAcceptors>);
    assert_eq!(violation.invariant, "proposals_are_safe", "{violation}");
    let violation = first_breach(20, longer_and_older::<WithIndifferentAcceptors>);
    assert_eq!(violation.invariant, "proposals_are_safe", "{violation}");
}

#[test]
fn an_acceptor_that_compares_lengths_before_ballots_is_found_out() {
    refuted(&[crate::raft_rule::roles::a_candidate_whose_log_is_behind_is_refused::<WithLengthFirst>]);
    // Chaos finds it as well, at seed 3576: logs of lower ballots are rarely longer.
    let violation = first_breach(20, longer_and_older::<WithLengthFirst>);
    assert_eq!(violation.invariant, "proposals_are_safe", "{violation}");
}

#[test]
fn an_acceptor_that_votes_for_one_entry_at_a_time_is_found_out() {
    refuted(&[crate::raft_rule::roles::a_vote_is_for_the_whole_log::<WithPiecemealAcceptors>]);
    let violation = first_breach(400, chaotic::<WithPiecemealAcceptors>);
    assert_eq!(violation.invariant, "proposals_are_safe", "{violation}");
}

#[test]
fn an_acceptor_that_leaves_gaps_is_found_out() {
    refuted(&[crate::raft_rule::roles::no_vote_leaves_a_gap::<WithLeapingAcceptors>]);
}

#[test]
fn a_learner_that_counts_votes_of_former_ballots_is_found_out() {
    let violation = first_breach(200, chaotic::<WithAddingLearners>);
    assert_eq!(violation.invariant, "agreement", "{violation}");
}
