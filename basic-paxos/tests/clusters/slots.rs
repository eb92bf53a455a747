//! Each slot is its own instance: if one proposer leaves it undecided, another one finishes it.

use super::scene::{Journal, P, cluster, executed, submit, until};
use basic_paxos::{leaderless, simple};
use paxos_core::{Config, Entry, Kind, Message, NodeId, Slot};
use paxos_transport::conformance::Facts;
use paxos_transport::conformance::rivals::duel;
use paxos_transport::sim::{Fate, Fault, Post, Sim};

/// The client of `asker` submits two commands. Messages about slot 0 get lost if `lost` says so, until slot 1 is
/// decided without n0 and n0 crashes.
fn crashed(config: Config, asker: u16, lost: fn(&Post<P>) -> bool) -> Sim<P, Journal> {
    let mut sim = cluster(config, 1);
    sim.set_carrier(move |post| if lost(post) { Fate::Lost } else { Fate::Usual });
    submit(&mut sim, asker, 10);
    submit(&mut sim, asker, 11);
    let knows = |sim: &Sim<P, Journal>, id| sim.node(NodeId(id)).is_some_and(|n| n.chosen().knows(Slot(1)));
    assert!(until(&mut sim, |sim| knows(sim, 1) && knows(sim, 2)));
    assert!(sim.now().0 <= 20_000_000 && journal(&sim, 1).is_empty());
    sim.fail(Fault::Crash(NodeId(0)));
    sim.set_carrier(|_| Fate::Usual);
    sim
}

/// The phase 2a for slot 0 arrives only at n2, whose vote gets lost.
fn n2_alone_votes(post: &Post<P>) -> bool {
    matches!(&post.message, Message::Accept(m) if m.slot == Slot(0) && post.to != NodeId(2))
        || matches!(&post.message, Message::Accepted(m) if m.slot == Slot(0))
}

fn journal(sim: &Sim<P, Journal>, id: u16) -> &[u64] {
    &sim.machine(NodeId(id)).expect("it is there").0
}

/// n0 of three servers submits its own commands, once.
fn impatient() -> Config {
    let mut config = leaderless(3).expect("lawful");
    config.timeouts.client = None;
    config
}

#[test]
fn a_slot_that_a_dead_proposer_left_undecided_is_finished_with_its_value() {
    let mut sim = crashed(impatient(), 0, n2_alone_votes);
    assert!(until(&mut sim, |sim| executed(sim, 2)));
    assert_eq!((journal(&sim, 1), journal(&sim, 2)), (&[10, 11][..], &[10, 11][..]));
}

#[test]
fn a_slot_that_nobody_voted_in_is_filled_with_a_noop() {
    let mut sim =
        crashed(impatient(), 0, |post| matches!(&post.message, Message::Accept(m) if m.slot == Slot(0)));
    assert!(until(&mut sim, |sim| executed(sim, 1)));
    let first = sim.node(NodeId(2)).and_then(|node| node.chosen().get(Slot(0)));
    assert_eq!((journal(&sim, 1), first), (&[11][..], Some(&Entry::Noop)));
}

#[test]
fn an_elected_leader_finishes_what_its_predecessor_left() {
    let mut sim = crashed(simple(3).expect("lawful"), 3, n2_alone_votes);
    assert!(until(&mut sim, |sim| executed(sim, 2) && sim.all_answered()));
    assert_eq!(journal(&sim, 1), [10, 11]);
}

#[test]
fn rivals_that_forgot_everything_but_their_votes_learn_again_though_nobody_asks() {
    let mut sim = cluster(leaderless(3).expect("lawful"), 0);
    (0..20).for_each(|value| submit(&mut sim, 0, value));
    assert!(until(&mut sim, |sim| executed(sim, 20)));
    let before = journal(&sim, 0).to_vec();
    (0..3).for_each(|id| sim.fail(Fault::Crash(NodeId(id))));
    (0..3).for_each(|id| sim.fail(Fault::Restart(NodeId(id))));
    assert!(until(&mut sim, |sim| executed(sim, 20)));
    assert_eq!(journal(&sim, 2), before);
}

#[test]
fn in_a_duel_each_phase_2a_is_refused() {
    let sim = duel::<P>(&Facts::usual());
    assert!(sim.counts().of(Kind::Nack) > 5000, "{:?}", sim.counts());
}
