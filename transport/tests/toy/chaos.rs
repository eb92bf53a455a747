//! In the simulator: messages get lost, doubled and overtaken, clocks drift, disks tear their last write, a process
//! crashes and restarts, another may be halted, a partition comes and heals. Every step is checked.

use crate::patient::Dialect;
use crate::{Journal, Patient};
use core::time::Duration;
use paxos_core::{Announce, Config, Entry, Kind, Leadership, Learning, Protocol, Slot, Time, Timeouts};
use paxos_transport::sim::{Chance, Delay, Disk, Faults, Links, Note, Sim, Stop, Violation, World};

const MS: Duration = Duration::from_millis(1);

/// When faults are over.
const END: Duration = Duration::from_millis(1500);

/// 3 or 5 servers that play all roles, or each role apart; either way of learning, and of telling.
fn cluster(seed: u64) -> Config {
    let acceptors = 3 + 2 * (seed % 2) as u16;
    let config = if seed % 5 == 4 { Config::separate(2, acceptors, 2) } else { Config::collapsed(acceptors) };
    let mut config = config.expect("lawful");
    if seed % 4 < 2 {
        config.learning = Learning::Everyone;
    }
    if seed % 16 < 4 {
        config.announce = Announce::WithNext;
    }
    config.thrifty = seed.is_multiple_of(3);
    config
}

/// A run of 30 commands of three clients, until all are answered.
pub(crate) fn run<P>(seed: u64, leadership: Option<Leadership>) -> Result<Sim<P, Journal>, Violation>
where
    P: Protocol<Value = u64, Reply = u64>,
{
    let mut config = cluster(seed);
    config.leadership = leadership.unwrap_or(config.leadership);
    let mut world = World::<P>::new(config, P::Options::default(), seed);
    world.limit.events = 1_000_000;
    world.links = Links::lossy(MS / 2, 5 * MS, 0.1, 0.1);
    world.links.reliable_from = Some(Time::default().after(END));
    world.disk = Disk::with_sync(Delay::Uniform { low: Duration::ZERO, high: 2 * MS });
    world.faults = Faults::random(seed, world.config.servers().iter(), END);
    world.drift = world.config.servers().iter().zip([0, 20_000, -15_000, 500, -100]).collect();
    let clients = world.add_clients(3);
    let mut chance = Chance::new(seed, 9);
    let mut sim = Sim::new(world, |_| Journal::default());
    for (i, client) in (0..).zip(clients) {
        for k in 0..10 {
            sim.submit_at(Time::default().after(chance.between(Duration::ZERO, END)), client, 100 * i + k);
        }
    }
    assert_eq!(sim.run_for(END)?, Stop::Time, "seed {seed}: {:?}", sim.counts());
    let patience = sim.now().after(Duration::from_secs(20));
    let stop = sim.run_until(|sim| sim.all_answered() || sim.now() > patience)?;
    assert_eq!(stop, Stop::Done, "seed {seed}: {:?}", sim.counts());
    let open = sim.commands().iter().filter(|command| !command.is_settled()).count();
    assert_eq!(open, 0, "seed {seed}: commands without an answer");
    Ok(sim)
}

/// That nothing breaks in 200 seeds (`SEEDS=20000` runs more), every command is answered, and no log holds a no-op.
fn survives<P: Dialect<u64> + Protocol<Reply = u64>>(leadership: Option<Leadership>) {
    let seeds = std::env::var("SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(200);
    for seed in 0..seeds {
        let sim = run::<P>(seed, leadership).unwrap_or_else(|violation| panic!("{violation}"));
        for node in sim.ids().iter().filter_map(|id| sim.node(*id)) {
            let log = node.chosen().within(Slot(0).onwards());
            let noops = log.flat_map(|(_, batch)| batch.to_vec()).filter(|entry| *entry == Entry::Noop);
            assert_eq!(noops.count(), 0, "seed {seed}: {}", node.id());
        }
    }
}

#[test]
fn with_an_elected_leader_nothing_breaks_and_no_gap_is_ever_filled() {
    survives::<Patient>(None);
}

#[test]
fn with_rival_leaders_nothing_breaks_and_no_gap_is_ever_filled() {
    survives::<Patient>(Some(Leadership::SelfAppointed { backoff: Some((20 * MS, 640 * MS)) }));
}

#[test]
fn the_picture_in_the_docs_is_a_run() {
    let config = Config { timeouts: Timeouts::NEVER, ..Config::collapsed(3).expect("lawful") };
    let mut world = World::<Patient>::new(config, (), 1);
    world.trace = true;
    let client = world.add_clients(1)[0];
    let mut sim = Sim::new(world, |_| Journal::default());
    for command in [7, 8] {
        sim.submit_at(Time::default().after(2 * MS), client, command);
    }
    assert_eq!(sim.run_to_quiescence(100 * MS), Ok(Stop::Quiet));
    let trace = sim.trace().expect("kept");
    let drawn = trace.without(&[Kind::Decide], &[Note::Submitted, Note::Learned]).draw();
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/toy/patient/run.txt");
    if std::env::var("BLESS").is_ok() {
        std::fs::write(&path, &drawn).expect("writable");
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(drawn, golden, "not current; look at it, and if it is right run with BLESS=1");
}
