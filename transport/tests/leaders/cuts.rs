//! Runs in which one-way links between two processes fail and recover, with loss, a crash and drifting clocks.

use super::scene::{Fast, MS, Multi, Simple, assert_exactly_once, recovering, run, seeds, start, world};
use core::time::Duration;
use paxos_core::{NodeId, Protocol, Time};
use paxos_transport::sim::{Chance, Cut, Fault, Links, Stop};

/// The time when all faults have ended.
const END: Duration = Duration::from_millis(1500);

fn survives<P: Protocol<Value = u64, Reply = u64>>(seed: u64) {
    survives_with::<P>(seed, P::Options::default());
}

fn survives_with<P: Protocol<Value = u64, Reply = u64>>(seed: u64, options: P::Options) {
    let mut chance = Chance::new(seed, 6);
    let n = 3 + 2 * (seed % 2) as u16;
    let mut world = world::<P>(n, seed);
    world.options = options;
    world.limit.events = 1_000_000;
    world.links = Links::lossy(MS / 2, 5 * MS, 0.05, 0.05);
    world.links.reliable_from = Some(Time(0).after(END));
    let mut moment = || Time(0).after(chance.between(Duration::ZERO, END));
    let spans: Vec<_> = (0..2 * n).map(|_| (moment(), moment())).map(|(a, b)| (a.min(b), a.max(b))).collect();
    let crash = (moment(), moment());
    for (start, end) in spans {
        let mut one = || NodeId(chance.below(u64::from(n)) as u16);
        world.faults.cuts.push(Cut { from: vec![one()], to: vec![one()], both_ways: false, start, end });
    }
    let crashing = NodeId(chance.below(u64::from(n)) as u16);
    world.faults.plan = vec![
        (crash.0.min(crash.1), Fault::Crash(crashing)),
        (crash.0.max(crash.1), Fault::Restart(crashing)),
    ];
    world.faults.plan.sort_by_key(|(at, _)| *at);
    world.drift = world.config.servers().iter().zip([0, 20_000, -15_000, 500, -100]).collect();
    let clients = world.add_clients(2);
    let mut sim = start(world);
    for (client, half) in clients.iter().zip(0..) {
        sim.submit_in_turn(*client, 2, (0..20).map(|k| half * 20 + k));
    }
    run(&mut sim, END);
    let patience = sim.now().after(Duration::from_secs(5));
    let stop = sim.run_until(|sim| sim.all_answered() || sim.now() >= patience);
    assert_eq!(stop.unwrap_or_else(|violation| panic!("{violation}")), Stop::Done, "{} {seed}", P::NAME);
    assert!(sim.all_answered(), "{} {seed}", P::NAME);
    run(&mut sim, Duration::from_secs(1));
    assert_exactly_once(&sim, 0..40);
}

#[test]
fn multi_paxos_survives_ways_that_come_and_go() {
    seeds(2000).for_each(survives::<Multi>);
}

#[test]
fn simple_paxos_survives_ways_that_come_and_go() {
    seeds(500).for_each(survives::<Simple>);
}

#[test]
fn fast_paxos_survives_ways_that_come_and_go() {
    seeds(500).for_each(survives::<Fast>);
}

#[test]
fn fast_paxos_survives_ways_that_come_and_go_with_its_other_recoveries() {
    seeds(300).for_each(|seed| survives_with::<Fast>(seed, recovering::<Fast>(seed)));
}
