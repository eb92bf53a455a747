//! Leadership transfers under load.

use super::scene::{Fast, MS, Multi, Simple, T, assert_exactly_once, elections, run, start, world};
use paxos_core::{NodeId, Protocol, Untransferable};
use paxos_transport::sim::{Chance, Delay, Links, Sim, Stop};

const COMMANDS: u64 = 60;

/// Transfers leadership while two clients have four commands each in flight. Returns how often a transfer had to be
/// begun.
fn transferred<P: Protocol<Value = u64, Reply = u64>>(seed: u64, loss: f64) -> u32 {
    let mut world = world::<P>(3 + 2 * (seed % 2) as u16, seed);
    world.links = Links { loss, duplication: loss, ..Links::new(Delay::Uniform { low: MS, high: T / 20 }) };
    let clients = world.add_clients(2);
    let mut sim = start(world);
    run(&mut sim, 30 * MS);
    for (client, half) in clients.iter().zip(0..) {
        let values = (0..COMMANDS / 2).map(|k| half * COMMANDS / 2 + k);
        sim.submit_in_turn(*client, 4, values);
    }
    run(&mut sim, Chance::new(seed, 5).between(5 * MS, 30 * MS));
    let to = NodeId(1 + (seed % 2) as u16);
    let mut begun = 0;
    while sim.leader() != Some(to) {
        assert!(begun < 20, "{} {seed}", P::NAME);
        let leader = sim.leader();
        if leader.is_some_and(|leader| sim.transfer(leader, to).is_ok()) {
            begun += 1;
        }
        let end = sim.now().after(3 * T);
        let stop = sim.run_until(|sim| sim.leader() == Some(to) || sim.now() >= end);
        stop.unwrap_or_else(|violation| panic!("{violation}"));
    }
    let stop = sim.run_until(Sim::all_answered);
    assert_eq!(stop.unwrap_or_else(|violation| panic!("{violation}")), Stop::Done, "{} {seed}", P::NAME);
    sim.links_mut().reliable_from = Some(sim.now());
    run(&mut sim, 10 * T);
    assert_exactly_once(&sim, 0..COMMANDS);
    begun
}

fn keeps_everything<P: Protocol<Value = u64, Reply = u64>>(seeds: u64) {
    let seeds = super::scene::seeds(seeds);
    let again = seeds.clone().map(|seed| transferred::<P>(seed, 0.05)).filter(|begun| *begun != 1).count();
    assert!(again <= seeds.count() / 20 + 1, "{}: {again} took another try", P::NAME);
}

#[test]
fn nothing_is_lost_when_leadership_is_handed_over_under_load_and_loss() {
    keeps_everything::<Multi>(2000);
}

#[test]
fn nothing_is_lost_when_simple_or_fast_paxos_hands_leadership_over() {
    keeps_everything::<Simple>(300);
    keeps_everything::<Fast>(300);
}

#[test]
fn without_loss_the_successor_leads_at_once_and_nobody_is_asked() {
    for seed in 0..200 {
        let mut sim = start(world::<Multi>(5, seed));
        run(&mut sim, 300 * MS);
        sim.transfer(NodeId(0), NodeId(3)).expect("n0 leads");
        run(&mut sim, T / 2);
        assert_eq!(sim.leader(), Some(NodeId(3)), "seed {seed}");
        assert_eq!((elections(&sim).pre_votes, elections(&sim).campaigns), (0, 2), "seed {seed}");
    }
}

#[test]
fn leadership_stays_where_it_is_if_the_successor_is_gone() {
    let mut world = world::<Multi>(3, 1);
    let client = world.add_clients(1)[0];
    let mut sim = start(world);
    run(&mut sim, 300 * MS);
    sim.fail(paxos_transport::sim::Fault::Crash(NodeId(2)));
    sim.transfer(NodeId(0), NodeId(2)).expect("n0 leads");
    sim.submit(client, 7).expect("it is up");
    run(&mut sim, T);
    assert!(!sim.all_answered() && sim.node(NodeId(0)).is_some_and(paxos_core::Node::is_transferring));
    run(&mut sim, T + 20 * MS);
    assert!(sim.all_answered() && sim.leader() == Some(NodeId(0)));
    assert_eq!(elections(&sim).won, 1);
}

#[test]
fn only_a_leader_hands_over_and_only_to_a_proposer() {
    let mut sim = start(world::<Multi>(3, 1));
    run(&mut sim, 300 * MS);
    let refused = sim.transfer(NodeId(1), NodeId(2));
    assert_eq!(refused, Err(Untransferable::NotLeader(Some(NodeId(0)))));
    assert_eq!(sim.transfer(NodeId(0), NodeId(7)), Err(Untransferable::NoProposer(NodeId(7))));
    assert_eq!(sim.transfer(NodeId(0), NodeId(0)), Ok(()));
}
