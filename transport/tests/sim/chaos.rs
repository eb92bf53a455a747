//! Runs in which everything goes wrong.

use crate::support::{MS, MultiSim, sim};
use core::time::Duration;
use paxos_core::{Config, Learning, Time};
use paxos_transport::sim::{Chance, Delay, Disk, Faults, Links, Stop, World};

/// When faults are over.
const END: Duration = Duration::from_millis(1500);

pub(crate) fn chaotic(seed: u64) -> MultiSim {
    let n = 3 + 2 * (seed % 2) as u16;
    let mut config = Config::collapsed(n).expect("acceptors");
    if seed % 4 < 2 {
        config.learning = Learning::Everyone;
    }
    let mut world = World::new(config, (), seed);
    world.replay = "cargo test -p paxos-transport --test sim -- chaos".into();
    world.limit.events = 1_000_000;
    world.trace = std::env::var("SEED").is_ok();
    world.links = Links::lossy(MS / 2, 5 * MS, 0.1, 0.1);
    world.links.reliable_from = Some(Time::default().after(END));
    world.disk = Disk::with_sync(Delay::Uniform { low: Duration::ZERO, high: 2 * MS });
    world.faults = Faults::random(seed, world.config.servers().iter(), END);
    world.drift = world.config.servers().iter().zip([0, 20_000, -15_000, 500, -100]).collect();
    let clients = world.add_clients(3);
    let mut chance = Chance::new(seed, 9);
    let mut sim = sim(world);
    for (i, client) in (0..).zip(clients) {
        for k in 0..10 {
            let at = Time::default().after(chance.between(Duration::ZERO, END));
            sim.submit_at(at, client, 100 * i + k);
        }
        sim.submit_in_turn(client, 2, (10..14).map(|k| 100 * i + k));
    }
    sim
}

#[test]
fn nothing_breaks_and_every_command_is_answered() {
    let seeds = std::env::var("SEEDS").ok().and_then(|s| s.parse().ok()).unwrap_or(1000);
    let mut messages = 0;
    let first = std::env::var("FIRST").ok().and_then(|s| s.parse().ok()).unwrap_or(0);
    for seed in first..first + seeds {
        let mut sim = chaotic(seed);
        let stop = sim.run_for(END).unwrap_or_else(|v| panic!("{v}"));
        assert_eq!(stop, Stop::Time, "seed {seed} at {:?}: {:?}", sim.now(), sim.counts());
        let patience = sim.now().after(Duration::from_secs(20));
        let stop = sim
            .run_until(|sim| sim.all_answered() || sim.now() > patience)
            .unwrap_or_else(|v| panic!("{v}"));
        assert_eq!(stop, Stop::Done, "seed {seed}");
        assert!(sim.all_answered(), "seed {seed}: {:?}", sim.commands());
        messages += sim.counts().total();
    }
    println!("{messages} messages");
}

#[test]
fn show() {
    let Some(seed) = std::env::var("SEED").ok().and_then(|s| s.parse().ok()) else { return };
    let mut sim = chaotic(seed);
    let outcome = sim.run_for(END + 500 * MS);
    if let Some(trace) = sim.trace() {
        println!("{}", trace.draw());
    }
    println!("{outcome:?}");
}
