//! Runs in which everything goes wrong: messages get lost, doubled and overtaken, clocks drift, disks tear their
//! last write, a process crashes and restarts, another may be halted, a partition comes and goes.
//!
//! `SEEDS=20000` runs more of them, `FIRST=3769` starts there, and `SEED=3769 … show` draws one.

use crate::support::{MS, Machine, sim};
use core::time::Duration;
use paxos_core::{Announce, Config, Leadership, Learning, Protocol, Time};
use paxos_transport::sim::{Chance, Delay, Disk, Faults, Links, Sim, Stop, World};

/// When faults are over.
pub(crate) const END: Duration = Duration::from_millis(1500);

pub(crate) fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// 3 or 5 servers that play all roles, or each role apart; either way of learning, and of telling.
pub(crate) fn cluster(seed: u64) -> Config {
    let acceptors = 3 + 2 * (seed % 2) as u16;
    let config = if seed % 5 == 4 { Config::separate(2, acceptors, 2) } else { Config::collapsed(acceptors) };
    let mut config = config.expect("acceptors");
    if seed % 4 < 2 {
        config.learning = Learning::Everyone;
    }
    if seed % 16 < 4 {
        config.announce = Announce::WithNext;
    }
    config.thrifty = seed.is_multiple_of(3);
    config
}

/// A run of 42 commands of three clients.
pub(crate) fn chaotic<P>(
    seed: u64,
    leadership: Option<Leadership>,
    watched: bool,
    options: P::Options,
) -> Sim<P, Machine>
where
    P: Protocol<Value = u64, Reply = (u64, u64)>,
{
    let mut config = cluster(seed);
    config.leadership = leadership.unwrap_or(config.leadership);
    let mut world = World::<P>::new(config, options, seed);
    world.replay = format!("cargo test -p paxos-transport --test sim {} with FIRST =", P::NAME);
    world.limit.events = 1_000_000;
    (world.trace, world.steps) = (watched, watched);
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

fn survives<P>(leadership: Option<Leadership>, options: fn(u64) -> P::Options)
where
    P: Protocol<Value = u64, Reply = (u64, u64)>,
{
    let first = number("FIRST").unwrap_or(0);
    for seed in first..first + number("SEEDS").unwrap_or(1000) {
        let mut sim = chaotic::<P>(seed, leadership, false, options(seed));
        let stop = sim.run_for(END).unwrap_or_else(|v| panic!("{v}"));
        assert_eq!(stop, Stop::Time, "seed {seed} at {:?}: {:?}", sim.now(), sim.counts());
        let patience = sim.now().after(Duration::from_secs(20));
        let stop = sim.run_until(|sim| sim.all_answered() || sim.now() > patience);
        assert_eq!(stop.unwrap_or_else(|v| panic!("{v}")), Stop::Done, "seed {seed}: {:?}", sim.counts());
        let open: Vec<_> = sim.commands().iter().filter(|c| !c.is_settled()).map(|c| c.id).collect();
        assert!(open.is_empty(), "seed {seed}: no answer to {open:?}");
    }
}

#[allow(clippy::print_stdout)] // that is what it is for
fn show<P>(leadership: Option<Leadership>, options: fn(u64) -> P::Options)
where
    P: Protocol<Value = u64, Reply = (u64, u64)>,
{
    let Some(seed) = number("SEED") else { return };
    let mut sim = chaotic::<P>(seed, leadership, true, options(seed));
    let outcome = sim.run_for(END + 500 * MS);
    println!("{}\n{outcome:?}", sim.trace().expect("kept").draw());
}

pub(crate) const RIVALS: Option<Leadership> = Some(Leadership::SelfAppointed {
    backoff: Some((Duration::from_millis(20), Duration::from_millis(640))),
});

macro_rules! survivors {
    ($($name:ident: $protocol:ty, $leadership:expr, $options:ident;)*) => {$(
        mod $name {
            #[test]
            fn nothing_breaks_and_every_command_is_answered() {
                super::survives::<$protocol>($leadership, crate::support::$options::<$protocol>);
            }

            #[test]
            fn show() {
                super::show::<$protocol>($leadership, crate::support::$options::<$protocol>);
            }
        }
    )*};
}

survivors! {
    multi: crate::support::Multi, None, usual;
    multi_rivals: crate::support::Multi, super::RIVALS, usual;
    simple: crate::support::Basic, None, usual;
    basic: crate::support::Basic, super::RIVALS, usual;
    fast: crate::support::Fast, None, usual;
    fast_recoveries: crate::support::Fast, None, recovering;
}
