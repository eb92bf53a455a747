//! The partial partitions of *Omni-Paxos: Breaking the Barriers of Partial Connectivity* (Ng, Haridi, Carbone,
//! `EuroSys` 2023, §2): some links fail for ever, but one process still reaches a quorum.

use super::scene::{Fast, Journal, MS, Multi, Simple, T, cut, decides, run, seeds, start, world};
use paxos_core::{NodeId, Protocol};
use paxos_transport::sim::{Fault, Sim};

const SEEDS: u64 = 300;

/// All pairs of n1 to n4 except those with the hub, n1.
const WITHOUT_HUB: [(u16, u16); 3] = [(2, 3), (2, 4), (3, 4)];

fn five<P: Protocol<Value = u64, Reply = u64>>(seed: u64) -> Sim<P, Journal> {
    let mut sim = start(world::<P>(5, seed));
    run(&mut sim, 300 * MS);
    assert!(decides(&mut sim, 0, 0, T) && sim.leader() == Some(NodeId(0)), "n0 leads");
    sim
}

/// The leader n0 keeps only its link to n1, which is connected to all processes.
fn quorum_loss<P: Protocol<Value = u64, Reply = u64>>(most: u64) {
    for seed in seeds(most) {
        let mut sim = five::<P>(seed);
        cut(&mut sim, &[(0, 2), (0, 3), (0, 4)]);
        cut(&mut sim, &WITHOUT_HUB);
        for node in 0..5 {
            assert!(decides(&mut sim, node, 1 + u64::from(node), 12 * T), "{} {seed}: n{node}", P::NAME);
        }
        assert_eq!(sim.leader(), Some(NodeId(1)), "{} {seed}", P::NAME);
        let ballot = sim.node(NodeId(1)).and_then(paxos_core::Node::leading);
        run(&mut sim, 20 * T);
        let after = sim.node(NodeId(1)).and_then(paxos_core::Node::leading);
        assert_eq!(after, ballot, "{} {seed}: it stays so", P::NAME);
    }
}

/// n0 is cut off for good, and n1, the only process that still reaches a quorum, has missed the latest commands.
fn constrained_election<P: Protocol<Value = u64, Reply = u64>>(most: u64) {
    for seed in seeds(most) {
        let mut sim = five::<P>(seed);
        cut(&mut sim, &[(0, 1), (1, 2), (1, 3), (1, 4)]);
        for value in 100..120 {
            assert!(decides(&mut sim, 2, value, 4 * T), "four are left");
        }
        let behind = sim.node(NodeId(1)).map(|node| node.chosen().first_unknown());
        assert!(behind < sim.node(NodeId(2)).map(|node| node.chosen().first_unknown()));
        sim.links_mut().cuts.clear();
        cut(&mut sim, &[(0, 1), (0, 2), (0, 3), (0, 4)]);
        cut(&mut sim, &WITHOUT_HUB);
        for node in 1..5 {
            assert!(decides(&mut sim, node, 1 + u64::from(node), 12 * T), "{} {seed}: n{node}", P::NAME);
        }
        assert_eq!(sim.leader(), Some(NodeId(1)), "{} {seed}", P::NAME);
    }
}

/// The link between the two ends of a chain of three fails, and the leader is one of the ends.
fn chained<P: Protocol<Value = u64, Reply = u64>>(most: u64) {
    for seed in seeds(most) {
        let mut sim = start(world::<P>(3, seed));
        run(&mut sim, 300 * MS);
        assert!(decides(&mut sim, 0, 0, T) && sim.leader() == Some(NodeId(0)), "n0 leads");
        let ballot = sim.node(NodeId(0)).and_then(paxos_core::Node::leading);
        cut(&mut sim, &[(0, 2)]);
        for value in 1..10 {
            let node = (value % 3) as u16;
            assert!(decides(&mut sim, node, value, 4 * T), "{} {seed}: n{node}", P::NAME);
        }
        run(&mut sim, 20 * T);
        for value in 10..19 {
            let node = (value % 3) as u16;
            assert!(decides(&mut sim, node, value, 4 * T), "{} {seed}: n{node}", P::NAME);
        }
        assert_eq!(sim.leader(), Some(NodeId(0)), "{} {seed}", P::NAME);
        let after = sim.node(NodeId(0)).and_then(paxos_core::Node::leading);
        // Fast Paxos begins a new term when it loses or regains its fast quorum.
        assert!(after == ballot || P::NAME == "fast", "{} {seed}: nobody is deposed", P::NAME);
    }
}

#[test]
fn quorum_loss_recovers() {
    quorum_loss::<Multi>(2000);
    quorum_loss::<Simple>(300);
    quorum_loss::<Fast>(300);
}

#[test]
fn constrained_election_recovers() {
    constrained_election::<Multi>(2000);
    constrained_election::<Simple>(300);
    constrained_election::<Fast>(300);
}

#[test]
fn chained_goes_on_and_everyone_is_served() {
    chained::<Multi>(2000);
    chained::<Simple>(300);
    chained::<Fast>(300);
}

#[test]
fn a_client_that_reaches_only_a_follower_is_served_through_it() {
    for seed in seeds(SEEDS) {
        let mut world = world::<Multi>(3, seed);
        let client = world.add_clients(1)[0].0;
        let mut sim = start(world);
        run(&mut sim, 300 * MS);
        cut(&mut sim, &[(client, 0), (client, 2)]);
        assert!((0..5).all(|value| decides(&mut sim, client, value, 4 * T)), "seed {seed}");
    }
}

#[test]
fn a_hub_that_crashes_and_restarts_leads_again() {
    for seed in seeds(SEEDS) {
        let mut sim = five::<Multi>(seed);
        cut(&mut sim, &[(0, 2), (0, 3), (0, 4)]);
        cut(&mut sim, &WITHOUT_HUB);
        assert!(decides(&mut sim, 1, 1, 12 * T));
        sim.fail(Fault::Crash(NodeId(1)));
        run(&mut sim, 5 * T);
        sim.fail(Fault::Restart(NodeId(1)));
        assert!(decides(&mut sim, 1, 2, 12 * T), "seed {seed}");
    }
}
