//! Three members stay, and twelve spares come and go in pairs, so that the same set of members recurs in other epochs.
//! Meanwhile processes (mostly leaders) are cut off, crash and pause, and learners may be read, in three ways. Some
//! leaders sleep: they learn that a pair joins, hear nothing until it has left again, and then hear everything at once,
//! from a process that has not heard of a new leader either.

mod weather;

use super::{Journal, first, follow, members, ms, number, state};
use basic_paxos::BasicPaxos;
use fast_paxos::{FastPaxos, Options, Recovery};
use multi_paxos::MultiPaxos;
use paxos_core::{
    Ballot, Change, Config, Consistency, Leadership, Learning, Limits, Membership, NodeId, NodeSet, Protocol,
    Slot, Time, Weighted,
};
use paxos_transport::sim::{Chance, Cut, Delay, Disk, Fault, Links, Sim, Stop, World};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use weather::{Sleeper, Weather};

/// The number of processes that may join, n3 to n14.
const SPARES: u16 = 12;
/// The number of commands of each of the two clients.
const COMMANDS: u64 = 60;

/// The members that the cluster begins with.
fn founders() -> NodeSet {
    NodeSet::first(3)
}

/// For a long test, `CHURN=100000 cargo test --release -p paxos-transport --test simulated members::churn`; `FIRST=398` begins there.
fn seeds(usual: u64) -> std::ops::Range<u64> {
    first()..number("CHURN").unwrap_or(usual)
}

fn world<P: Protocol>(options: P::Options, seed: u64) -> World<P> {
    let mut chance = Chance::new(seed, 20);
    let mut config = Config::collapsed(3).expect("three acceptors");
    config.spares = NodeSet::first(3 + SPARES).without(founders());
    let alpha = 4 << chance.below(3);
    let snapshot = if chance.hits(0.5) { 1 + chance.below(12) } else { 0 };
    config.limits = Limits {
        window: 8,
        alpha,
        batch: if chance.hits(0.3) { 1 + chance.below(4) as usize } else { 64 },
        snapshot,
        chunk: 200,
        ..Limits::default()
    };
    if chance.hits(0.5) {
        config.learning = Learning::Everyone;
    }
    config.timeouts.lease = chance.hits(0.4).then(|| ms(80));
    let mut world = World::new(config, options, seed);
    world.stores = true;
    let loss = if chance.hits(0.5) { 0.03 } else { 0.0 };
    world.links = Links::lossy(ms(1), ms(5), loss, loss);
    if chance.hits(0.3) {
        world.links.delay = Delay::Tailed { low: ms(1), high: ms(5), late: 20, latest: ms(200) };
    }
    // In half of the runs disks take time, and stall now and then for longer than an election.
    if chance.hits(0.5) {
        world.disk = Disk::with_sync(Delay::Tailed { low: ms(0), high: ms(3), late: 10, latest: ms(400) });
    }
    world.limit.time = Duration::from_secs(120);
    world.limit.events = 10_000_000;
    world.add_clients(2);
    world
}

/// Changes in which this many pairs of spares join and leave, one after the other.
fn changes(pairs: u16) -> impl Iterator<Item = (NodeSet, Change)> {
    (0..pairs).flat_map(|pair| {
        let two: NodeSet = [3 + 2 * pair, 4 + 2 * pair].map(NodeId).into_iter().collect();
        let add = Membership { proposers: two, acceptors: two, learners: two };
        let none = Membership::default();
        [(two, Change { add, remove: NodeSet::EMPTY }), (two, Change { add: none, remove: two })]
    })
}

/// Makes each change during faults. Then everything must be answered, and executed once. Removed members are switched
/// off as soon as enough of the others know, or keep running.
fn churn<P: Protocol<Value = u64, Reply = u64>>(
    world: World<P>,
    changes: impl IntoIterator<Item = (NodeSet, Change)>,
    switch_off: bool,
) {
    let (seed, clients) = (world.seed, world.clients.clone());
    let mut weather = Weather {
        chance: Chance::new(seed, 21),
        clients: clients.clone(),
        extra: 9999,
        led: BTreeMap::new(),
    };
    let mut sim = Sim::new(world, |_| Journal::default());
    for (at, client) in clients.iter().enumerate() {
        for k in 0..COMMANDS {
            let soon = Time(0).after(ms(weather.chance.below(4000)));
            sim.submit_at(soon, *client, at as u64 * 1000 + k);
        }
    }
    let mut expected = founders();
    let mut sleeper: Option<Sleeper> = None;
    for (step, (moving, change)) in changes.into_iter().enumerate() {
        expected = expected.without(change.remove).union(change.add.acceptors);
        weather.read(&mut sim, expected.union(moving));
        let everyone = sim.world().config.learning == Learning::Everyone;
        if everyone && !change.add.acceptors.is_empty() && weather.chance.hits(0.5) {
            sleeper = weather.lull(&mut sim, change, expected);
        }
        if sleeper.is_none() && weather.chance.hits(0.7) {
            weather.strike(&mut sim);
        }
        let mut tries = 0;
        while members(&sim) != expected {
            // Any member that is up may be asked, repeatedly: asking twice changes nothing.
            let up: Vec<NodeId> = members(&sim).iter().filter(|id| sim.is_up(*id)).collect();
            let is_away = |id| sleeper.as_ref().is_some_and(|s| id == s.leader || id == s.friend);
            let up: Vec<NodeId> = up.into_iter().filter(|id| !is_away(*id)).collect();
            if !up.is_empty() {
                let asked = up[weather.chance.below(up.len() as u64) as usize];
                // A process that already has too many open changes refuses.
                _ = sim.force_change(asked, change);
            }
            tries += 1;
            if tries == 5
                && let Some(sleeper) = sleeper.take()
            {
                weather.wake(&mut sim, &sleeper);
            }
            assert!(tries < 60, "seed {seed}, step {step}: {change}\n{}", state(&sim));
            weather.run_within(&mut sim, ms(300), |sim| members(sim) == expected);
        }
        if let Some(sleeper) = sleeper.take_if(|_| !change.remove.is_empty()) {
            weather.wake(&mut sim, &sleeper);
        }
        if switch_off && !change.remove.is_empty() {
            let stop = weather.run(&mut sim, |sim| follow(sim, expected));
            assert_eq!(stop, Stop::Done, "seed {seed}, step {step}: {change}\n{}", state(&sim));
            change.remove.iter().for_each(|id| sim.fail(Fault::Crash(id)));
        }
        let rest = weather.chance.below(200);
        weather.run_within(&mut sim, ms(rest), |_| false);
    }
    let done = |sim: &Sim<P, Journal>| {
        let of_clients = sim.commands().iter().filter(|c| clients.contains(&c.id.client.node));
        of_clients.filter(|c| c.is_settled()).count() as u64 == 2 * COMMANDS
    };
    let stop = weather.run(&mut sim, done);
    assert_eq!(stop, Stop::Done, "seed {seed}\n{}", state(&sim));
    weather.run_within(&mut sim, ms(1500), |_| false);
    let all: Vec<u64> = (0..COMMANDS).chain(1000..1000 + COMMANDS).collect();
    for member in expected.iter() {
        let mut journal = sim.machine(member).expect("a member").0.clone();
        journal.sort_unstable();
        assert!(journal.is_sorted_by(|a, b| a < b), "seed {seed}, {member}: executed twice, {journal:?}");
        journal.retain(|command| *command < 9999);
        assert_eq!(journal, all, "seed {seed}, {member}\n{}", state(&sim));
    }
}

fn pairs<P: Protocol<Value = u64, Reply = u64>>(world: World<P>) {
    let switch_off = Chance::new(world.seed, 22).hits(0.3);
    churn(world, changes(SPARES / 2), switch_off);
}

#[test]
fn multi_paxos_survives_churn() {
    seeds(40).for_each(|seed| pairs::<MultiPaxos<u64, u64>>(world((), seed)));
}

fn fast(recovery: Recovery, usual: u64) {
    let options = Options { recovery, ..Options::default() };
    seeds(usual).for_each(|seed| pairs::<FastPaxos<u64, u64>>(world(options, seed)));
}

#[test]
fn fast_paxos_survives_churn() {
    fast(Recovery::Coordinated, 80);
}

#[test]
fn fast_paxos_survives_churn_when_acceptors_recover_by_themselves() {
    fast(Recovery::Uncoordinated, 80);
}

#[test]
fn fast_paxos_survives_churn_when_it_recovers_in_classic_ballots() {
    fast(Recovery::Classic, 80);
}

#[test]
fn simple_paxos_survives_churn() {
    let options = basic_paxos::Options::default();
    seeds(30).for_each(|seed| pairs::<BasicPaxos<u64, u64>>(world(options, seed)));
}

/// Every proposer with commands proposes by itself.
fn rivals<P: Protocol<Value = u64, Reply = u64>>(options: &P::Options, usual: u64) {
    for seed in seeds(usual) {
        let mut world = world::<P>(options.clone(), seed);
        let config = Arc::make_mut(&mut world.config);
        config.leadership = Leadership::SelfAppointed { backoff: Some((ms(20), ms(320))) };
        pairs(world);
    }
}

#[test]
fn basic_paxos_survives_churn() {
    rivals::<BasicPaxos<u64, u64>>(&basic_paxos::Options::default(), 30);
}

#[test]
fn multi_paxos_survives_churn_with_rivals() {
    rivals::<MultiPaxos<u64, u64>>(&(), 15);
}

#[test]
fn fast_paxos_survives_churn_with_rivals() {
    rivals::<FastPaxos<u64, u64>>(&Options::default(), 15);
}

/// Quorums by weight have fixed places: two members at a time, and at last all of them, are replaced one for one.
/// Higher ids come first, so that the order of ids differs from that of the places.
#[test]
fn quorums_by_weight_survive_churn() {
    for seed in seeds(30) {
        let mut world = world::<MultiPaxos<u64, u64>>((), seed);
        let quorums = Weighted::majority(founders(), &[2, 1, 1]).expect("lawful");
        Arc::make_mut(&mut world.config).quorums = Arc::new(quorums);
        let steps = (0..SPARES).map(|step| {
            let old = if step < 3 { step } else { 3 + SPARES - (step - 2) };
            let (old, new) = (NodeId(old), NodeId(2 + SPARES - step));
            (NodeSet::only(new), Change::replace(old, new))
        });
        // The clients do not learn, and find new members through the former ones.
        churn(world, steps, false);
    }
}
