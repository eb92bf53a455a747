//! Reads at every replica while clients write all the time, messages get lost, doubled and overtaken and some come when
//! nobody expects them any more, clocks drift within their bound, a process crashes and restarts, another may be halted,
//! and a partition comes and goes. No read is stale, and when it is over each has ended.
//!
//! `CHAOS=100000 cargo test --release -p paxos-transport --test reads chaos` for a long night, `FIRST=3769` starts there.

use crate::support::{Basic, Count, Fast, MS, Multi, ms, number, recovering, sim, usual};
use core::time::Duration;
use paxos_core::{Announce, Config, Consistency, Leadership, Learning, NodeId, Protocol, Slot, Time};
use paxos_transport::sim::{Chance, Delay, Disk, Fault, Faults, Links, Sim, Stop, World};

/// When faults are over.
const END: Duration = Duration::from_millis(1200);

/// What clocks may be wrong by, in millionths.
const DRIFT: i32 = 30_000;

/// 3 or 5 servers that play all roles, or each role apart; either way of learning, and of telling.
fn cluster(seed: u64, leases: bool) -> Config {
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
    // The long one outlasts elections, so that only grants keep others from being elected too early.
    let lease = if seed % 6 < 3 { 80 * MS } else { 250 * MS };
    config.timeouts.lease = leases.then_some(lease);
    config.timeouts.drift = DRIFT.unsigned_abs();
    config
}

/// A run with 36 commands of three clients, and 8 reads at each replica.
fn chaotic<P>(
    seed: u64,
    ways: &[Consistency],
    leadership: Option<Leadership>,
    stops: bool,
    options: P::Options,
) -> Sim<P, Count>
where
    P: Protocol<Value = u64, Reply = u64>,
{
    let leases = ways == [Consistency::Lease] || seed % 7 < 3;
    let mut config = cluster(seed, leases);
    config.leadership = leadership.unwrap_or(config.leadership);
    let mut world = World::<P>::new(config, options, seed);
    world.replay = format!("CHAOS=1 cargo test -p paxos-transport --test reads {} with FIRST =", P::NAME);
    world.limit.events = 1_000_000;
    world.links = Links::lossy(MS / 2, 5 * MS, 0.1, 0.1);
    world.links.delay = Delay::Tailed { low: MS / 2, high: 5 * MS, late: 40, latest: 300 * MS };
    world.links.reliable_from = Some(Time(0).after(END));
    world.disk = Disk::with_sync(Delay::Uniform { low: Duration::ZERO, high: 2 * MS });
    world.faults = Faults::random(seed, world.config.servers().iter(), END);
    let mut chance = Chance::new(seed, 9);
    let mut drift = || chance.below(u64::from(2 * DRIFT.unsigned_abs())) as i32 - DRIFT;
    world.drift = world.config.servers().iter().map(|node| (node, drift())).collect();
    if stops {
        for node in world.config.servers().iter() {
            let (one, other) = (chance.between(Duration::ZERO, END), chance.between(Duration::ZERO, END));
            if chance.hits(0.5) {
                world.faults.plan.push((Time(0).after(one.min(other)), Fault::StopClock(node)));
                world.faults.plan.push((Time(0).after(one.max(other)), Fault::StartClock(node)));
            }
        }
    }
    let clients = world.add_clients(3);
    let replicas: Vec<NodeId> = world.config.all_learners().iter().collect();
    let mut sim = sim(world);
    for (i, client) in (0..).zip(clients) {
        for k in 0..10 {
            sim.submit_at(Time(0).after(chance.between(Duration::ZERO, END)), client, 100 * i + k);
        }
        sim.submit_in_turn(client, 1, (10..40).map(|k| 100 * i + k));
    }
    for replica in replicas {
        for nth in 0..8 {
            let way = ways[chance.below(ways.len() as u64) as usize];
            let way = if nth == 7 { other(&mut chance) } else { way };
            sim.read_at(Time(0).after(chance.between(Duration::ZERO, END + 50 * MS)), replica, way);
        }
    }
    sim
}

fn other(chance: &mut Chance) -> Consistency {
    if chance.hits(0.5) { Consistency::Local } else { Consistency::AtLeast(Slot(chance.below(30))) }
}

/// How many reads were answered, in one `share`th of the seeds.
fn survives<P>(
    share: u64,
    ways: &[Consistency],
    leadership: Option<Leadership>,
    stops: bool,
    options: fn(u64) -> P::Options,
) -> usize
where
    P: Protocol<Value = u64, Reply = u64>,
{
    let (first, seeds) = (number("FIRST").unwrap_or(0), number("CHAOS").unwrap_or(2000).div_ceil(share));
    let mut answered = 0;
    for seed in first..first + seeds {
        let mut sim = chaotic::<P>(seed, ways, leadership, stops, options(seed));
        sim.run_for(END + 50 * MS).unwrap_or_else(|v| panic!("{v}"));
        let patience = sim.now().after(Duration::from_secs(20));
        let done = |sim: &Sim<P, Count>| sim.all_answered() && sim.all_read();
        let stop = sim.run_until(|sim| done(sim) || sim.now() > patience).unwrap_or_else(|v| panic!("{v}"));
        let open: Vec<_> = sim
            .reads()
            .iter()
            .filter(|r| r.seen.is_none() && !r.abandoned)
            .map(|r| (r.node, r.id, r.consistency))
            .collect();
        assert!(
            stop == Stop::Done && done(&sim),
            "seed {seed}: {stop}, no answer to {open:?}: {:?}",
            sim.counts()
        );
        answered += sim.reads().iter().filter(|r| r.seen.is_some()).count();
    }
    answered
}

const RIVALS: Option<Leadership> = Some(Leadership::SelfAppointed {
    backoff: Some((Duration::from_millis(20), Duration::from_millis(640))),
});

const ALL: [Consistency; 3] = [Consistency::Confirmed, Consistency::Lease, Consistency::Quorum];

macro_rules! survivors {
    ($($name:ident: $protocol:ty, $share:expr, $ways:expr, $leadership:expr, $options:ident;)*) => {$(
        #[test]
        fn $name() {
            let answered = survives::<$protocol>($share, $ways, $leadership, false, $options::<$protocol>);
            assert!(answered > 0);
        }
    )*};
}

/// The ways that rest on no clock, while clocks stand still now and then.
const CLOCKLESS: [Consistency; 2] = [Consistency::Confirmed, Consistency::Quorum];

#[test]
fn reads_that_rest_on_no_clock_are_fresh_while_clocks_stop() {
    survives::<Multi>(4, &CLOCKLESS, None, true, usual::<Multi>);
    survives::<Fast>(8, &CLOCKLESS, None, true, usual::<Fast>);
    survives::<Basic>(8, &CLOCKLESS, RIVALS, true, usual::<Basic>);
}

survivors! {
    multi_confirmed_reads_are_fresh: Multi, 1, &[Consistency::Confirmed], None, usual;
    multi_reads_by_lease_are_fresh: Multi, 1, &[Consistency::Lease], None, usual;
    multi_quorum_reads_are_fresh: Multi, 1, &[Consistency::Quorum], None, usual;
    multi_reads_of_all_ways_are_fresh_together: Multi, 4, &ALL, None, usual;
    fast_reads_of_all_ways_are_fresh_together: Fast, 4, &ALL, None, usual;
    fast_reads_of_all_ways_are_fresh_with_its_other_recoveries: Fast, 8, &ALL, None, recovering;
    simple_reads_of_all_ways_are_fresh_together: Basic, 4, &ALL, None, usual;
    multi_rivals_reads_are_fresh: Multi, 4, &ALL, RIVALS, usual;
    basic_reads_are_fresh: Basic, 4, &ALL, RIVALS, usual;
}

#[test]
fn the_chaos_has_reads_by_lease() {
    // Most of the reads that begin while all is well need no round: they end where they began.
    let mut at_once = 0;
    for seed in 0..100 {
        let mut sim = chaotic::<Multi>(seed, &[Consistency::Lease], None, false, ());
        sim.run_until(|sim| sim.now() > ms(1250)).expect("fresh");
        let now = |r: &&paxos_transport::sim::Reading| r.latency() == Some(Duration::ZERO);
        at_once += sim.reads().iter().filter(|r| r.consistency == Consistency::Lease).filter(now).count();
    }
    assert!(at_once > 100, "{at_once}");
}
