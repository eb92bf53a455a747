//! What callers are told about changes of members when sessions expire, requests and answers are late or lost, and
//! changes are undone. The simulator checks the answers with `answers_are_true` and `ends_are_true`.
//!
//! `SEEDS=100000` runs that many seeds, and `FIRST=3769` starts there.

use crate::sim::chaos::{END, number};
use crate::sim::support::{Basic, Fast, MS, Machine, Multi, sim};
use core::time::Duration;
use paxos_core::{
    Change, Config, Leadership, Learning, NodeId, NodeSet, Patience, Protocol, Time, Unanswered,
};
use paxos_transport::sim::{Chance, Delay, Disk, Faults, Links, Stop, World};

/// The number of changes with each outcome.
#[derive(Debug, Default)]
struct Ends {
    made: usize,
    refused: usize,
    expired: usize,
    unknown: usize,
    untaken: usize,
}

/// The learners that are added and removed: n3 to n9.
fn spares() -> NodeSet {
    NodeSet::first(10).without(NodeSet::first(3))
}

fn world<P: Protocol>(seed: u64, leadership: Option<Leadership>) -> World<P> {
    let mut config = Config::collapsed(3).expect("acceptors");
    config.spares = spares();
    config.leadership = leadership.unwrap_or(config.leadership);
    config.learning = if seed % 4 < 2 { Learning::Everyone } else { Learning::Distinguished };
    config.patience = if seed.is_multiple_of(3) { Patience::Report } else { Patience::Follow };
    config.timeouts.give_up = Some(END / 3);
    (config.limits.idle, config.limits.sessions, config.limits.alpha) = (12, 3, 8);
    (config.limits.batch, config.limits.queue, config.limits.session) = (4, 6, 8);
    (config.limits.snapshot, config.limits.chunk) = (seed % 2 * 5, 100);
    let mut world = World::<P>::new(config, P::Options::default(), seed);
    world.replay = "cargo test -p paxos-transport --test simulated told::changes with FIRST =".into();
    world.limit.events = 2_000_000;
    world.links = Links::lossy(MS / 2, 5 * MS, 0.1, if seed.is_multiple_of(5) { 0.1 } else { 0.0 });
    // Late messages arrive after the session has expired.
    world.links.delay = Delay::Tailed { low: MS / 2, high: 5 * MS, late: 10, latest: 300 * MS };
    world.links.reliable_from = Some(Time::default().after(END));
    world.disk = Disk::with_sync(Delay::Uniform { low: Duration::ZERO, high: 2 * MS });
    world.faults = Faults::random(seed, NodeSet::first(3).iter(), END);
    world.add_clients(3);
    world
}

/// Every few milliseconds, a process requests something, and one time in three a change. Every request ends.
fn ends<P>(seed: u64, leadership: Option<Leadership>, ends: &mut Ends)
where
    P: Protocol<Value = u64, Reply = (u64, u64)>,
{
    let world = world::<P>(seed, leadership);
    let callers: Vec<NodeId> = NodeSet::first(3).iter().chain(world.clients.iter().copied()).collect();
    let mut chance = Chance::new(seed, 11);
    let mut sim: paxos_transport::sim::Sim<P, Machine> = sim(world);
    for command in 0..90 {
        sim.run_for(END / 90).unwrap_or_else(|breach| panic!("{breach}"));
        let mut caller = callers[chance.below(callers.len() as u64) as usize];
        let moving = NodeId(3 + chance.below(7) as u16);
        // A few callers make most requests, so that the sessions of the others expire.
        if chance.hits(0.6) {
            caller = callers[seed as usize % 3 + 2];
        }
        // The caller may be down, or have too many open requests.
        _ = match chance.below(6) {
            0 => sim.force_change(caller, Change::add_learner(moving)),
            1 => sim.force_change(caller, Change::remove(moving)),
            _ => sim.submit(caller, command),
        };
    }
    let patience = sim.now().after(Duration::from_secs(20));
    let stop = sim.run_until(|sim| sim.all_settled() || sim.now() > patience);
    assert_eq!(stop.unwrap_or_else(|breach| panic!("{breach}")), Stop::Done, "seed {seed}");
    // Requests that were given up may still take effect late.
    sim.run_for(Duration::from_secs(1)).unwrap_or_else(|breach| panic!("{breach}"));
    for command in sim.commands() {
        match (command.changed.map(|changed| changed.result), command.unanswered) {
            (Some(Ok(_)), _) => ends.made += 1,
            (Some(Err(_)), _) => ends.refused += 1,
            (None, Some(Unanswered::SessionExpired)) => ends.expired += 1,
            (None, Some(Unanswered::OutcomeUnknown)) => ends.unknown += 1,
            (None, Some(_)) => ends.untaken += 1,
            (None, None) => {}
        }
    }
}

fn survive<P>(leadership: Option<Leadership>, seeds: u64) -> Ends
where
    P: Protocol<Value = u64, Reply = (u64, u64)>,
{
    let (first, mut all) = (number("FIRST").unwrap_or(0), Ends::default());
    for seed in first..first + number("SEEDS").unwrap_or(seeds) {
        ends::<P>(seed, leadership, &mut all);
    }
    all
}

#[test]
fn callers_are_told_the_truth_about_changes_of_members() {
    let rivals =
        Leadership::SelfAppointed { backoff: Some((Duration::from_millis(20), Duration::from_millis(640))) };
    let multi = survive::<Multi>(None, 600);
    assert!(multi.untaken > 20, "{multi:?}");
    for ends in [multi, survive::<Fast>(None, 200), survive::<Basic>(Some(rivals), 200)] {
        assert!(ends.made > 100 && ends.refused > 100 && ends.expired > 100 && ends.unknown > 20, "{ends:?}");
    }
}
