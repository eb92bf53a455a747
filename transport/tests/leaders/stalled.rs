//! Slow disks, and a leader whose disk stalls.

use super::scene::{Fast, Journal, MS, Multi, Simple, T, assert_exactly_once, run, seeds, start, world};
use core::ops::RangeInclusive;
use paxos_core::{NodeId, Protocol};
use paxos_transport::sim::{Delay, Disk, Fault, Sim, Stop, World};
use std::sync::Arc;

const N0: NodeId = NodeId(0);

/// The number of times that leaders stepped aside.
fn stepped_aside<P: Protocol<Value = u64, Reply = u64>>(sim: &Sim<P, Journal>) -> u64 {
    sim.ids().iter().filter_map(|id| Some(sim.node(*id)?.status().counters.stepped_aside)).sum()
}

/// Creates a cluster led by n0, with disks that take up to `sync`, and a client that has submitted its first commands.
fn busy<P>(n: u16, seed: u64, sync: Delay, commands: u64) -> Sim<P, Journal>
where
    P: Protocol<Value = u64, Reply = u64>,
{
    busy_in(world::<P>(n, seed), sync, commands)
}

/// As [`busy`], in this world.
fn busy_in<P>(mut world: World<P>, sync: Delay, commands: u64) -> Sim<P, Journal>
where
    P: Protocol<Value = u64, Reply = u64>,
{
    world.disk = Disk::with_sync(sync);
    world.limit.time *= 5;
    let client = world.add_clients(1)[0];
    let mut sim = start(world);
    run(&mut sim, 10 * T);
    sim.submit_in_turn(client, 2, 0..commands);
    run(&mut sim, T);
    sim
}

fn finishes<P: Protocol<Value = u64, Reply = u64>>(sim: &mut Sim<P, Journal>) {
    let (name, seed) = (P::NAME, sim.world().seed);
    let stop = sim.run_until(Sim::all_answered).unwrap_or_else(|violation| panic!("{violation}"));
    assert_eq!(stop, Stop::Done, "{name}, seed {seed}");
}

/// The others decide without the leader's disk. Then one of them leads, and clients are served all the time.
fn another_leads<P: Protocol<Value = u64, Reply = u64>>(aside: RangeInclusive<u64>) {
    for seed in seeds(100) {
        let mut sim =
            busy::<P>(3 + 2 * (seed % 2) as u16, seed, Delay::Uniform { low: MS, high: 3 * MS }, 200);
        let leader = sim.leader().expect("somebody leads");
        sim.fail(Fault::StopDisk(leader));
        run(&mut sim, 6 * T);
        assert!(sim.leader().is_some_and(|now| now != leader), "{}, seed {seed}", P::NAME);
        assert!(aside.contains(&stepped_aside(&sim)), "{}, seed {seed}: {}", P::NAME, stepped_aside(&sim));
        finishes(&mut sim);
        sim.fail(Fault::StartDisk(leader));
        run(&mut sim, 10 * T);
        assert_exactly_once(&sim, 0..200);
        assert!(aside.contains(&stepped_aside(&sim)), "{}, seed {seed}: {}", P::NAME, stepped_aside(&sim));
    }
}

#[test]
fn a_leader_whose_disk_stalls_has_another_lead() {
    another_leads::<Multi>(1..=1);
    // A new step begins with a ballot on disk, so the others may be the first to notice the stalled disk.
    another_leads::<Fast>(0..=1);
    // In this variant every instance needs the leader's disk, so nothing is decided any more.
    another_leads::<Simple>(1..=1);
}

/// The disk may take longer for a snapshot than for other writes, but not for ever.
#[test]
fn a_leader_whose_disk_stalls_while_it_installs_a_snapshot_has_another_lead_later() {
    for seed in seeds(50) {
        let sync = Delay::Uniform { low: MS, high: 3 * MS };
        let mut world = world::<Multi>(3 + 2 * (seed % 2) as u16, seed);
        Arc::make_mut(&mut world.config).limits.snapshot = 8;
        let mut sim = busy_in(world, sync, 2_000);
        let leader = sim.leader().expect("somebody leads");
        let installs = |sim: &Sim<Multi, Journal>| {
            sim.unwritten(leader).next().is_some_and(|write| write.snapshot().is_some())
        };
        let stop = sim.run_until(installs).unwrap_or_else(|violation| panic!("{violation}"));
        assert_eq!(stop, Stop::Done, "seed {seed}: nothing is installed");
        sim.fail(Fault::StopDisk(leader));
        run(&mut sim, 6 * T);
        assert_eq!(stepped_aside(&sim), 0, "seed {seed}: it waits longer for a snapshot");
        run(&mut sim, 16 * T);
        assert!(sim.leader().is_some_and(|now| now != leader), "seed {seed}");
        assert_eq!(stepped_aside(&sim), 1, "seed {seed}");
    }
}

/// If all disks are slow, no other leader is better: leaders stay, however long a write takes.
#[test]
fn leadership_does_not_go_round_where_all_disks_are_slow() {
    for seed in seeds(50) {
        let mut sim = busy::<Multi>(3, seed, Delay::Uniform { low: T, high: T + T / 5 }, 40);
        finishes(&mut sim);
        run(&mut sim, 10 * T);
        assert_eq!(stepped_aside(&sim), 0, "seed {seed}");
        assert_exactly_once(&sim, 0..40);
    }
}

/// The operator has already chosen another leader.
#[test]
fn a_leader_that_hands_over_already_does_not_change_its_mind() {
    let mut sim = busy::<Multi>(5, 1, Delay::Constant(MS), 200);
    assert_eq!(sim.leader(), Some(N0));
    sim.fail(Fault::StopDisk(N0));
    run(&mut sim, T);
    sim.fail(Fault::Pause(NodeId(4)));
    sim.transfer(N0, NodeId(4)).expect("n0 leads");
    run(&mut sim, T + T / 2);
    assert_eq!(stepped_aside(&sim), 0, "it still waits for n4");
}
