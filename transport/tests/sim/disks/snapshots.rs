//! Processes that forget what a snapshot stands for, each few slots, and pass snapshots on in tiny pieces: in runs in
//! which everything goes wrong. Servers are down for long, in the middle of sending or getting one, or all at once.
//!
//! `SEEDS=20000` runs more of them, `FIRST=3769` starts there, and `SEED=3769 … show` draws one.

use crate::chaos::{END, RIVALS, cluster, number};
use crate::support::{Basic, Fast, MS, Machine, Multi, recovering, sim, usual};
use core::time::Duration;
use multi_paxos::Promise;
use paxos_core::{Kind, Leadership, Message, Nack, NodeId, Protocol, Time};
use paxos_transport::sim::{Chance, Delay, Disk, Fate, Fault, Faults, Links, Sim, Stop, World};

/// A run of 90 commands of three clients.
fn compacting<P>(
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
    let mut chance = Chance::new(seed, 9);
    config.limits.snapshot = 1 + chance.below(8);
    config.limits.chunk = [16, 100, 1 << 10][chance.below(3) as usize];
    let mut world = World::<P>::new(config, options, seed);
    world.replay = format!("cargo test -p paxos-transport --test sim snapshots with FIRST = ({})", P::NAME);
    world.limit.events = 2_000_000;
    (world.trace, world.steps) = (watched, watched);
    world.links = Links::lossy(MS / 2, 5 * MS, 0.1, 0.1);
    world.links.reliable_from = Some(Time::default().after(END));
    world.disk = Disk::with_sync(Delay::Uniform { low: Duration::ZERO, high: 2 * MS });
    let servers: Vec<NodeId> = world.config.servers().iter().collect();
    world.faults = Faults::random(seed, servers.iter().copied(), END);
    let time = |share: u32| Time::default().after(END * share / 10);
    let mut plan = |share, fault| world.faults.plan.push((time(share), fault));
    // One that is down for most of the time has much to catch up with; so have those who crash again and again.
    let absent = servers[chance.below(servers.len() as u64) as usize];
    plan(1, Fault::Crash(absent));
    plan(7, Fault::Restart(absent));
    if chance.hits(0.3) {
        for id in &servers {
            plan(6, Fault::Crash(*id));
            plan(8, Fault::Restart(*id));
        }
    }
    world.drift = servers.iter().copied().zip([0, 20_000, -15_000, 500, -100]).collect();
    let clients = world.add_clients(3);
    let mut sim = sim(world);
    for at in 0..12 {
        // Crashes in the middle of it, and soon back.
        let id = servers[chance.below(servers.len() as u64) as usize];
        let down = Time::default().after(END * 7 / 10 + 30 * at * MS);
        sim.fail_at(down, Fault::Crash(id));
        sim.fail_at(down.after(chance.between(MS, 40 * MS)), Fault::Restart(id));
    }
    for (i, client) in (0..).zip(clients) {
        for k in 0..20 {
            let at = Time::default().after(chance.between(Duration::ZERO, END));
            sim.submit_at(at, client, 100 * i + k);
        }
        sim.submit_in_turn(client, 2, (20..30).map(|k| 100 * i + k));
    }
    sim
}

/// How far every learner has come, if all have come as far.
fn level<P>(sim: &Sim<P, Machine>) -> Option<&[u64]>
where
    P: Protocol<Value = u64, Reply = (u64, u64)>,
{
    let learners = sim.ids().iter().filter(|id| sim.node(**id).is_some_and(paxos_core::Node::is_learner));
    // None while one of them takes over a snapshot.
    let machines: Vec<_> = learners.map(|id| Some(&*sim.machine(*id)?.entries)).collect::<Option<_>>()?;
    let first = *machines.first()?;
    machines.iter().all(|machine| *machine == first).then_some(first)
}

fn survives<P>(leadership: Option<Leadership>, seeds: u64, options: fn(u64) -> P::Options)
where
    P: Protocol<Value = u64, Reply = (u64, u64)>,
{
    let (mut jumps, mut chunks) = (0, 0);
    let (first, seeds) = (number("FIRST").unwrap_or(0), number("SEEDS").unwrap_or(seeds));
    for seed in first..first + seeds {
        let mut sim = compacting::<P>(seed, leadership, false, options(seed));
        let stop = sim.run_for(END + 200 * MS).unwrap_or_else(|v| panic!("{v}"));
        assert_eq!(stop, Stop::Time, "seed {seed} at {:?}: {:?}", sim.now(), sim.counts());
        let patience = sim.now().after(Duration::from_secs(20));
        let done = |sim: &Sim<P, Machine>| sim.all_answered() && level(sim).is_some();
        let stop = sim.run_until(|sim| done(sim) || sim.now() > patience);
        assert_eq!(stop.unwrap_or_else(|v| panic!("{v}")), Stop::Done, "seed {seed}: {:?}", sim.counts());
        assert!(done(&sim), "seed {seed}: somebody has not caught up: {:?}", sim.counts());
        jumps += sim.jumps();
        chunks += sim.counts().of(Kind::Chunk);
    }
    assert!(jumps > seeds / 4 && chunks > jumps, "only {jumps} snapshots and {chunks} pieces passed on");
}

#[test]
fn multi_paxos_forgets_and_catches_up() {
    survives::<Multi>(None, 2000, usual::<Multi>);
}

#[test]
fn simple_paxos_forgets_and_catches_up() {
    survives::<Basic>(None, 400, usual::<Basic>);
}

#[test]
fn basic_paxos_forgets_and_catches_up() {
    survives::<Basic>(RIVALS, 400, usual::<Basic>);
}

#[test]
fn fast_paxos_forgets_and_catches_up() {
    survives::<Fast>(None, 400, usual::<Fast>);
}

#[test]
fn fast_paxos_forgets_and_catches_up_with_its_other_recoveries() {
    survives::<Fast>(None, 200, recovering::<Fast>);
}

/// An acceptor that knows nothing of the slots below its snapshot, and says so as if it had never voted there.
#[test]
fn an_acceptor_that_forgets_and_does_not_say_so_is_found_out() {
    let mut config = paxos_core::Config::collapsed(3).expect("acceptors");
    config.limits.snapshot = 2;
    let mut world = World::<Multi>::new(config, (), 1);
    let client = world.add_clients(1)[0];
    let mut sim = sim(world);
    sim.fail(Fault::Crash(NodeId(2)));
    sim.submit_in_turn(client, 1, 0..12);
    sim.run_until(Sim::all_answered).expect("nothing breaks");
    // The leader is gone, and who was away must not catch up: it is to be elected as it is.
    sim.fail(Fault::Crash(NodeId(0)));
    sim.fail(Fault::Restart(NodeId(2)));
    sim.submit(client, 99).expect("up");
    sim.set_carrier(|post| {
        let from_n1 = post.from == NodeId(1);
        // It would not even be supported.
        if let Message::Support { granted, .. } = &mut post.message {
            *granted = true;
        }
        if let (true, Message::Nack(nack)) = (from_n1, &post.message)
            && nack.promised <= nack.refused
        {
            let Nack { refused: ballot, slots, .. } = *nack;
            post.message =
                Message::Promise(Promise { ballot, from: slots.start, until: slots.end, votes: Vec::new() });
        }
        let kept = matches!(post.message.kind(), Kind::Progress | Kind::Offer | Kind::Prepare);
        if from_n1 && kept { Fate::Lost } else { Fate::Usual }
    });
    let breach = sim.run_for(Duration::from_secs(5)).expect_err("a promise that hides votes");
    assert_eq!(breach.invariant, "written_before_spoken", "{breach}");
}

#[test]
#[allow(clippy::print_stdout)] // that is what it is for
fn show() {
    let Some(seed) = number("SEED") else { return };
    let mut sim = compacting::<Multi>(seed, None, true, ());
    let outcome = sim.run_for(END + 500 * MS);
    println!("{}\n{outcome:?}", sim.trace().expect("kept").draw());
}
