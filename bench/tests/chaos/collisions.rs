//! Clients that collide all the time under faults: messages are lost, duplicated and reordered, and there are crashes,
//! pauses and a partition that heals. The runs have one to eight clients, quorum systems of every kind, all recoveries,
//! both ways of learning, collapsed and separate roles, with and without snapshots, with and without hysteresis. No
//! invariant is broken. After the faults every command is decided, and every replica executes it once.

use fast_paxos::{FastPaxos, Hysteresis, Options, Recovery};
use paxos_bench::lab::quorums::QuorumChoice;
use paxos_bench::variants::Digest;
use paxos_core::{Config, Learning, NodeId, NodeSet, Time};
use paxos_transport::sim::{Chance, Delay, Disk, Faults, Links, Sim, World};
use std::time::Duration;

type P = FastPaxos<u64, u64>;

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Numbers of acceptors, and quorums over them that allow fast ballots.
const SYSTEMS: [(u16, &str); 14] = [
    (3, "majority"),
    (4, "majority"),
    (5, "majority"),
    (6, "majority"),
    (7, "majority"),
    (5, "fast-flexible:5,3,3"),
    (5, "fast-flexible:4,2,4"),
    (4, "fast-flexible:3,2,3"),
    (5, "weighted:1,1,1,1,1/3,3,4"),
    (4, "weighted:2,1,1,1/3,3,4"),
    (6, "zones:2,2,2/2.2,2.2,3.2"),
    (3, "sets:0.1.2/0,1/0.1,1.2"),
    (4, "rule:2of(0,1,2,3)/all(0,1,2)/all(all(0,1),all(2,3))"),
    (4, "grid:2x2"),
];

const RECOVERIES: [Recovery; 3] = [Recovery::Coordinated, Recovery::Uncoordinated, Recovery::Classic];

/// The same systems, parsed.
fn systems() -> Vec<(u16, QuorumChoice)> {
    let read = |(n, text): (u16, &str)| {
        let choice: QuorumChoice = text.parse().unwrap_or_else(|why| panic!("{text}: {why}"));
        let system = choice.over(NodeSet::first(n)).unwrap_or_else(|why| panic!("{text}: {why}"));
        assert!(system.has_fast_rounds(), "{text}");
        (n, choice)
    };
    SYSTEMS.into_iter().map(read).collect()
}

/// Each seed is a different kind of run. Every system runs with every recovery.
fn world(systems: &[(u16, QuorumChoice)], seed: u64) -> (World<P>, u64) {
    let mut chance = Chance::new(seed, 21);
    let recovery = RECOVERIES[(seed % 3) as usize];
    let (n, choice) = systems[(seed / 3 % systems.len() as u64) as usize];
    let apart = chance.hits(0.3);
    let config = if apart { Config::separate(2, n, 2) } else { Config::collapsed(n) };
    let mut config = config.expect("acceptors");
    config.quorums = choice.over(config.acceptors()).expect("it was formed before");
    config.learning = if chance.hits(0.5) { Learning::Everyone } else { Learning::Distinguished };
    config.thrifty = chance.hits(0.15);
    if chance.hits(0.3) {
        (config.limits.snapshot, config.limits.chunk) = (1 + chance.below(6), 100);
    }
    let rule = Hysteresis { window: 8, collided: 4, calm: 2 };
    let hysteresis = chance.hits(0.2).then_some(rule);
    let mut options = Options { recovery, hysteresis, ..Options::default() };
    options.copy_votes = chance.hits(0.8);
    let mut world = World::<P>::new(config, options, seed);
    world.replay = "SEEDS=1 cargo test --release -p paxos-bench --test chaos collisions with FIRST =".into();
    world.limit.events = 5_000_000;
    let end = ms(1000);
    world.links = Links::lossy(ms(1), ms(12), 0.08, 0.05);
    world.links.delay = Delay::Tailed { low: ms(1), high: ms(12), late: 30, latest: ms(500) };
    world.links.reliable_from = Some(Time(0).after(end));
    world.disk = Disk::with_sync(Delay::Uniform { low: Duration::ZERO, high: ms(2) });
    world.faults = Faults::random(seed, world.config.servers().iter(), end);
    (world, 1 + chance.below(8))
}

fn survives(systems: &[(u16, QuorumChoice)], seed: u64) -> u64 {
    let (mut world, clients) = world(systems, seed);
    let clients = world.add_clients(clients as u16);
    let commands = 40_u64.div_ceil(clients.len() as u64);
    let mut sim = Sim::new(world, |_| Digest::default());
    for (client, nth) in clients.iter().zip(0..) {
        // All clients submit again as soon as they are answered, so their commands collide.
        sim.submit_in_turn(*client, 2, (0..commands).map(|k| 1000 * nth + k));
    }
    sim.run_for(ms(1000)).unwrap_or_else(|violation| panic!("{violation}"));
    let patience = sim.now().after(Duration::from_secs(20));
    let stop = sim.run_until(|sim| (sim.all_answered() && level(sim)) || sim.now() > patience);
    stop.unwrap_or_else(|violation| panic!("{violation}"));
    assert!(sim.all_answered(), "seed {seed}: not every command was decided: {:?}", sim.counts());
    assert!(level(&sim), "seed {seed}: not everybody has executed the same: {:?}", sim.counts());
    sim.commands().iter().filter(|command| command.answer.is_some()).count() as u64
}

/// Whether all learners have executed the same number of slots, and are in the same state.
fn level(sim: &Sim<P, Digest>) -> bool {
    let learners: Vec<NodeId> = sim.world().config.all_learners().iter().collect();
    let state = |id: &NodeId| Some((sim.node(*id)?.chosen().applied(), sim.machine(*id)?.value()));
    let states: Vec<_> = learners.iter().filter_map(state).collect();
    states.len() == learners.len() && states.windows(2).all(|w| w[0] == w[1])
}

/// For a long test, `SEEDS=100000 cargo test --release -p paxos-bench --test chaos collisions`; `FIRST=3769` begins there.
#[test]
fn clients_that_collide_on_bad_days_are_all_served() {
    let systems = systems();
    let (first, seeds) = (number("FIRST").unwrap_or(0), number("SEEDS").unwrap_or(1500));
    let decided: u64 = (first..first + seeds).map(|seed| survives(&systems, seed)).sum();
    assert!(decided >= 40 * seeds);
}

#[test]
fn all_kinds_of_quorum_systems_take_part() {
    let names: Vec<String> = systems().iter().map(|(_, choice)| choice.to_string()).collect();
    for kind in ["majority", "fast-flexible", "weighted", "grid", "zones", "sets", "rule"] {
        assert!(names.iter().any(|name| name.starts_with(kind)), "{kind}: {names:?}");
    }
}
