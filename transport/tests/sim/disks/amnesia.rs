//! Disks of a minority that are lost, restored from an older copy, or exchanged. The others notice: a process that has
//! forgotten stops, and counts in no quorum from then on.
//!
//! `SEEDS=20000` runs that many seeds, `FIRST=3769` starts there, and `SEED=3769 … show` shows one.

use crate::sim::chaos::{RIVALS, number};
use crate::sim::support::{Basic, Fast, MS, Machine, Multi, recovering, sim, usual};
use core::time::Duration;
use paxos_core::{
    Amnesia, Change, Config, Consistency, Leadership, Learning, NodeId, NodeSet, Protocol, Time,
};
use paxos_transport::sim::{Chance, Cut, Delay, Disk, Fault, Links, Sim, Stop, World};

/// The time when faults end.
const END: Duration = Duration::from_millis(1500);

/// Draws `n` of `all`.
fn some(all: &[NodeId], n: usize, chance: &mut Chance) -> Vec<NodeId> {
    let mut left = all.to_vec();
    (0..n.min(all.len())).map(|_| left.swap_remove(chance.below(left.len() as u64) as usize)).collect()
}

/// Creates a run in which some disks forget while two clients write and all servers read.
fn forgetting<P>(
    seed: u64,
    leadership: Option<Leadership>,
    stores: bool,
    options: P::Options,
) -> Sim<P, Machine>
where
    P: Protocol<Value = u64, Reply = (u64, u64)>,
{
    let mut chance = Chance::new(seed, 40);
    let servers = 3 + 2 * (seed % 2) as u16;
    let mut config = Config::collapsed(servers).expect("acceptors");
    config.leadership = leadership.unwrap_or(config.leadership);
    if chance.hits(0.5) {
        config.learning = Learning::Everyone;
    }
    config.limits.snapshot = if chance.hits(0.5) { 1 + chance.below(12) } else { 0 };
    let mut world = World::<P>::new(config, options, seed);
    world.replay =
        format!("cargo test -p paxos-transport --test simulated amnesia with FIRST = ({})", P::NAME);
    world.limit.events = 2_000_000;
    world.stores = stores;
    world.links = Links::lossy(MS / 2, 5 * MS, 0.05, 0.05);
    world.links.reliable_from = Some(Time::default().after(END));
    if chance.hits(0.7) {
        world.disk = Disk::with_sync(Delay::Uniform { low: Duration::ZERO, high: 2 * MS });
    }
    let ids: Vec<NodeId> = world.config.servers().iter().collect();
    let clients = world.add_clients(2);
    let mut sim = sim(world);
    let at = |time| Time::default().after(time);
    let victims = some(&ids, 1 + chance.below(u64::from(servers) / 2) as usize, &mut chance);
    for victim in &victims {
        // The victim is up for long enough to be known.
        let copied = chance.between(60 * MS, 600 * MS);
        let down = copied + chance.between(Duration::ZERO, 400 * MS);
        sim.fail_at(at(copied), Fault::CopyDisk(*victim));
        sim.fail_at(at(down), Fault::Crash(*victim));
    }
    let up = |chance: &mut Chance| at(chance.between(1000 * MS, 1300 * MS));
    if let (&[one, other], true) = (&victims[..], chance.hits(0.4)) {
        sim.fail_at(at(1000 * MS), Fault::SwapDisks(one, other));
    } else {
        for victim in &victims {
            let fault = if chance.hits(0.5) { Fault::WipeDisk(*victim) } else { Fault::PutDiskBack(*victim) };
            sim.fail_at(at(1000 * MS), fault);
        }
    }
    for victim in &victims {
        let first = up(&mut chance);
        sim.fail_at(first, Fault::Restart(*victim));
        // A supervisor starts it again whenever it has stopped.
        for again in 1..=chance.below(16) as u32 {
            sim.fail_at(first.after(40 * MS * again), Fault::Restart(*victim));
        }
    }
    // Leadership changes before and after.
    for _ in 0..2 {
        let paused = ids[chance.below(u64::from(servers)) as usize];
        let start = chance.between(100 * MS, 1200 * MS);
        sim.fail_at(at(start), Fault::Pause(paused));
        sim.fail_at(at(start + chance.between(10 * MS, 300 * MS)), Fault::Resume(paused));
    }
    for _ in 0..2 {
        let (from, to) = ids.iter().partition(|_| chance.hits(0.5));
        let start = at(chance.between(100 * MS, 1200 * MS));
        let end = start.after(chance.between(10 * MS, 300 * MS));
        sim.links_mut().cuts.push(Cut { from, to, both_ways: chance.hits(0.5), start, end });
    }
    for _ in 0..20 {
        let reader = ids[chance.below(u64::from(servers)) as usize];
        let way = [Consistency::Confirmed, Consistency::Quorum][chance.below(2) as usize];
        sim.read_at(at(chance.between(Duration::ZERO, END)), reader, way);
    }
    for (i, client) in (0..).zip(clients) {
        for k in 0..30 {
            sim.submit_at(at(chance.between(Duration::ZERO, END)), client, 100 * i + k);
        }
        sim.submit_in_turn(client, 2, (30..40).map(|k| 100 * i + k));
    }
    sim
}

/// The number of each kind of amnesia: another store, an older one, one of another process.
#[derive(Debug, Default)]
struct Found {
    another: u64,
    older: u64,
    misplaced: u64,
}

fn survives<P>(leadership: Option<Leadership>, usual: u64, options: fn(u64) -> P::Options)
where
    P: Protocol<Value = u64, Reply = (u64, u64)>,
{
    let (first, seeds) = (number("FIRST").unwrap_or(0), number("SEEDS").unwrap_or(usual));
    let mut found = Found::default();
    for seed in first..first + seeds {
        let mut sim = forgetting::<P>(seed, leadership, true, options(seed));
        let stop = sim.run_for(END).unwrap_or_else(|breach| panic!("{breach}"));
        assert_eq!(stop, Stop::Time, "seed {seed}: {:?}", sim.counts());
        let patience = sim.now().after(Duration::from_secs(20));
        let noticed = |sim: &Sim<P, Machine>| {
            sim.ids().iter().all(|id| sim.amnesia(*id).is_some() == sim.has_forgotten(*id))
        };
        let done = |sim: &Sim<P, Machine>| sim.all_answered() && noticed(sim);
        let stop = sim.run_until(|sim| done(sim) || sim.now() > patience);
        stop.unwrap_or_else(|breach| panic!("{breach}"));
        let amnesias: Vec<_> = sim.ids().iter().filter_map(|id| sim.amnesia(*id)).collect();
        assert!(done(&sim), "seed {seed} ({}): {amnesias:?}, {:?}", P::NAME, sim.counts());
        for amnesia in amnesias {
            match amnesia {
                Amnesia::Another { .. } => found.another += 1,
                Amnesia::Older { .. } => found.older += 1,
                Amnesia::Misplaced { .. } => found.misplaced += 1,
                Amnesia::Outnumbered { .. } | Amnesia::Contradicts { .. } => panic!("seed {seed}: {amnesia}"),
            }
        }
    }
    let Found { another, older, misplaced } = found;
    assert!(another > seeds / 8 && older > seeds / 8 && misplaced > seeds / 20, "{found:?} in {seeds} seeds");
}

#[test]
fn basic_paxos_survives_disks_that_forget() {
    survives::<Basic>(RIVALS, 100, usual::<Basic>);
}

#[test]
fn simple_paxos_survives_disks_that_forget() {
    survives::<Basic>(None, 50, usual::<Basic>);
}

#[test]
fn multi_paxos_survives_disks_that_forget() {
    survives::<Multi>(None, 200, usual::<Multi>);
}

#[test]
fn fast_paxos_survives_disks_that_forget() {
    survives::<Fast>(None, 50, usual::<Fast>);
    survives::<Fast>(None, 50, recovering::<Fast>);
}

/// All members have been replaced, so the configuration names none of the processes that remember. A member whose disk
/// is restored from a copy, or emptied, stops nevertheless.
#[test]
fn a_member_that_came_later_is_told_what_it_has_forgotten() {
    for seed in 0..40 {
        let mut config = Config::collapsed(3).expect("acceptors");
        config.spares = [3, 4, 5].map(NodeId).into_iter().collect();
        config.limits.alpha = 4;
        let mut world = World::<Multi>::new(config, (), seed);
        world.stores = true;
        world.links = Links::lossy(MS / 2, 5 * MS, 0.02, 0.02);
        let client = world.add_clients(1)[0];
        let mut sim = sim(world);
        let run = |sim: &mut Sim<Multi, Machine>, time| {
            sim.run_for(time).unwrap_or_else(|breach| panic!("{breach}"));
        };
        run(&mut sim, 500 * MS);
        let later: NodeSet = [3, 4, 5].map(NodeId).into_iter().collect();
        for (old, new) in (0..3).map(NodeId).zip(later.iter()) {
            _ = sim.force_change(NodeId(2), Change::replace(old, new));
            run(&mut sim, 500 * MS);
        }
        let acceptors = |sim: &Sim<Multi, Machine>| {
            let epochs = sim.node(NodeId(4)).and_then(|node| node.chosen().epochs());
            epochs.map(|epochs| epochs.current().members.acceptors)
        };
        sim.submit_in_turn(client, 2, 0..100);
        run(&mut sim, 1000 * MS);
        assert_eq!(acceptors(&sim), Some(later), "seed {seed}");
        (0..3).for_each(|old| sim.fail(Fault::Crash(NodeId(old))));
        let victim = NodeId(3 + (seed % 3) as u16);
        sim.fail(Fault::CopyDisk(victim));
        sim.submit_in_turn(client, 2, 100..200);
        run(&mut sim, 1000 * MS);
        sim.fail(Fault::Crash(victim));
        let older = seed % 2 == 0;
        sim.fail(if older { Fault::PutDiskBack(victim) } else { Fault::WipeDisk(victim) });
        sim.fail(Fault::Restart(victim));
        run(&mut sim, 2000 * MS);
        assert!(sim.has_forgotten(victim), "seed {seed}");
        assert!(sim.amnesia(victim).is_some(), "seed {seed}");
        sim.submit_in_turn(client, 2, 200..220);
        let stop = sim.run_until(Sim::all_answered).unwrap_or_else(|breach| panic!("{breach}"));
        assert_eq!(stop, Stop::Done, "seed {seed}");
    }
}

/// A newcomer, n3, joins and votes. Another, n4, never hears from it until its disk is emptied, and nobody else who has
/// heard from it is up. n4 knows from the log which store joined, so it counts no vote of the empty one.
fn a_store_never_met<P>(options: P::Options)
where
    P: Protocol<Value = u64, Reply = (u64, u64)>,
    P::Options: Clone,
{
    for seed in 0..20 {
        let mut config = Config::collapsed(3).expect("acceptors");
        config.spares = [3, 4].map(NodeId).into_iter().collect();
        config.limits.alpha = 4;
        config.limits.snapshot = if seed % 2 == 0 { 8 } else { 0 };
        let mut world = World::<P>::new(config, options.clone(), seed);
        world.stores = true;
        let client = world.add_clients(1)[0];
        let mut sim = sim(world);
        let run = |sim: &mut Sim<P, Machine>, time| {
            sim.run_for(time).unwrap_or_else(|breach| panic!("seed {seed}: {breach}"));
        };
        let (n3, n4) = (NodeId(3), NodeId(4));
        let apart = Time::default().after(2100 * MS);
        let (from, to) = (vec![n3], vec![n4]);
        sim.links_mut().cuts.push(Cut { from, to, both_ways: true, start: Time::default(), end: apart });
        run(&mut sim, 300 * MS);
        for (old, new) in [(2, n3), (1, n4)] {
            _ = sim.force_change(NodeId(0), Change::replace(NodeId(old), new));
            run(&mut sim, 300 * MS);
            sim.submit_in_turn(client, 2, 0..10);
            run(&mut sim, 300 * MS);
        }
        let epochs = sim.node(n4).and_then(|node| node.chosen().epochs()).expect("members change");
        assert_eq!(
            epochs.current().members.acceptors,
            [0, 3, 4].map(NodeId).into_iter().collect(),
            "seed {seed}"
        );
        assert!(epochs.stores().contains_key(&n3), "the log names its store");
        // What is chosen now, n4 does not hear of.
        sim.fail(Fault::Pause(n4));
        sim.submit_in_turn(client, 2, 10..20);
        run(&mut sim, 500 * MS);
        for node in [NodeId(0), NodeId(1), NodeId(2), n3] {
            sim.fail(Fault::Crash(node));
        }
        sim.fail(Fault::WipeDisk(n3));
        assert!(sim.has_forgotten(n3), "seed {seed}: n4 misses the store, though it never met it");
        sim.fail(Fault::Resume(n4));
        sim.fail(Fault::Restart(n3));
        sim.submit_in_turn(client, 2, 20..30);
        run(&mut sim, 3000 * MS);
        assert!(!sim.all_answered(), "seed {seed}: n4 alone is no quorum");
        sim.fail(Fault::Restart(NodeId(0)));
        let stop = sim.run_until(Sim::all_answered).unwrap_or_else(|breach| panic!("seed {seed}: {breach}"));
        assert_eq!(stop, Stop::Done, "seed {seed}");
    }
}

#[test]
fn the_log_tells_which_store_joined() {
    a_store_never_met::<Multi>(());
    a_store_never_met::<Fast>(usual::<Fast>(0));
    a_store_never_met::<Basic>(usual::<Basic>(0));
}

/// The cluster began with `founders`, and has grown to `founders` and as many again, or these have taken the places of the founders. Then all
/// founders but the last lose their disks, while the last is down. They know of no other members, and would be a quorum.
fn founders_that_come_back_empty<P>(founders: u16, replaced: bool, options: P::Options)
where
    P: Protocol<Value = u64, Reply = (u64, u64)>,
    P::Options: Clone,
{
    for seed in 0..10 {
        let what = format!("{} {founders} {replaced} seed {seed}", P::NAME);
        let mut config = Config::collapsed(founders).expect("acceptors");
        let later: Vec<NodeId> = (founders..2 * founders).map(NodeId).collect();
        config.spares = later.iter().copied().collect();
        config.limits.alpha = 4;
        let mut world = World::<P>::new(config, options.clone(), seed);
        world.stores = true;
        let client = world.add_clients(1)[0];
        let mut sim = sim(world);
        let run = |sim: &mut Sim<P, Machine>, time| {
            sim.run_for(time).unwrap_or_else(|breach| panic!("{what}: {breach}"));
        };
        run(&mut sim, 500 * MS);
        for (old, new) in (0..founders).map(NodeId).zip(later.iter()) {
            let change = if replaced { Change::replace(old, *new) } else { Change::add(*new) };
            _ = sim.force_change(NodeId(founders - 1), change);
            run(&mut sim, 500 * MS);
        }
        sim.submit_in_turn(client, 2, 0..40);
        run(&mut sim, 1000 * MS);
        (0..founders).for_each(|old| sim.fail(Fault::Crash(NodeId(old))));
        let empty = (0..founders.max(2) - 1).map(NodeId);
        empty.clone().for_each(|node| sim.fail(Fault::WipeDisk(node)));
        empty.clone().for_each(|node| sim.fail(Fault::Restart(node)));
        sim.submit_in_turn(client, 2, 40..41);
        run(&mut sim, 1000 * MS);
        for node in empty {
            assert!(sim.has_forgotten(node) && sim.amnesia(node).is_some(), "{what}: {node} goes on");
        }
        // The others have lost nobody, or only as many as a quorum can miss once the last founder is back.
        if founders > 1 {
            sim.fail(Fault::Restart(NodeId(founders - 1)));
        }
        if replaced || founders > 1 {
            sim.submit_in_turn(client, 2, 41..60);
            let stop = sim.run_until(Sim::all_answered).unwrap_or_else(|breach| panic!("{what}: {breach}"));
            assert_eq!(stop, Stop::Done, "{what}");
        }
    }
}

#[test]
fn founders_that_come_back_empty_stop_though_they_know_no_others() {
    for (founders, replaced) in [(1, false), (3, false), (1, true), (3, true)] {
        founders_that_come_back_empty::<Multi>(founders, replaced, ());
        founders_that_come_back_empty::<Fast>(founders, replaced, usual::<Fast>(0));
        founders_that_come_back_empty::<Basic>(founders, replaced, usual::<Basic>(0));
    }
}

/// If processes do not announce their stores, a loss goes unnoticed, and decided slots are decided again.
#[test]
fn a_disk_that_forgets_unnoticed_is_found_by_the_invariants() {
    let breach = (0..200).find_map(|seed| forgetting::<Multi>(seed, None, false, ()).run_for(2 * END).err());
    let breach = breach.expect("somebody counts an acceptor that has forgotten");
    assert!(["agreement", "votes_follow_proposals"].contains(&breach.invariant), "{breach}");
}

#[test]
#[allow(clippy::print_stdout)] // that is what it is for
fn show() {
    let Some(seed) = number("SEED") else { return };
    let mut sim = forgetting::<Multi>(seed, None, true, ());
    let outcome = sim.run_for(END + 500 * MS);
    for id in sim.ids() {
        println!("{id} has forgotten {}, {:?}", sim.has_forgotten(*id), sim.amnesia(*id));
    }
    println!("{outcome:?}");
}
