//! Members change while clients submit commands: one server grows to three and five, all members are replaced one by
//! one, five shrink to one, and spares come and go in pairs. Nothing is lost, and nothing is executed twice.

mod churn;
mod leaving;

use basic_paxos::BasicPaxos;
use fast_paxos::FastPaxos;
use multi_paxos::MultiPaxos;
use paxos_core::{Change, Config, Consistency, Leadership, Limits, NodeId, NodeSet, Protocol, Time};
use paxos_transport::conformance::cluster::{Journal, ms};
use paxos_transport::sim::{Chance, Delay, Disk, Fault, Links, Sim, Stop, World};
use std::time::Duration;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// For a long test, `MEMBERS=100000 cargo test --release -p paxos-transport --test simulated members::`; `FIRST=398` begins there.
fn seeds(usual: u64) -> u64 {
    number("MEMBERS").unwrap_or(usual)
}

fn first() -> u64 {
    number("FIRST").unwrap_or(0)
}

/// Changes from n0 alone to three members, to five, to five others, and back to one.
fn long_way() -> Vec<Change> {
    let n = NodeId;
    let mut changes: Vec<Change> = (1..5).map(|id| Change::add(n(id))).collect();
    changes.extend((0..5).map(|id| Change::replace(n(id), n(id + 5))));
    changes.extend((5..9).map(|id| Change::remove(n(id))));
    changes
}

/// Changes from n0 alone to three members, to three others, and to one of those.
fn short_way() -> Vec<Change> {
    let n = NodeId;
    let mut changes: Vec<Change> = (1..3).map(|id| Change::add(n(id))).collect();
    changes.extend((0..3).map(|id| Change::replace(n(id), n(id + 3))));
    changes.extend((3..5).map(|id| Change::remove(n(id))));
    changes
}

/// A cluster of n0, nine spares, and two clients.
fn world<P: Protocol>(options: P::Options, seed: u64) -> World<P> {
    let mut config = Config::collapsed(1).expect("an acceptor");
    config.spares = NodeSet::first(10).without(NodeSet::first(1));
    // With every other seed, processes take snapshots, and pass them on in pieces.
    let snapshot = if seed % 2 == 1 { 1 + seed / 2 % 12 } else { 0 };
    config.limits = Limits { window: 8, alpha: 16, batch: 4, snapshot, chunk: 200, ..Limits::default() };
    config.timeouts.lease = seed.is_multiple_of(3).then(|| ms(80));
    let mut world = World::new(config, options, seed);
    world.stores = true;
    world.links = Links::new(Delay::Uniform { low: ms(1), high: ms(5) });
    // With two of four seeds disks take time, and with one of these they stall now and then.
    world.disk = match seed / 2 % 4 {
        0 => Disk::with_sync(Delay::Uniform { low: ms(0), high: ms(2) }),
        1 => Disk::with_sync(Delay::Tailed { low: ms(0), high: ms(2), late: 5, latest: ms(300) }),
        _ => Disk::default(),
    };
    world.limit.time = Duration::from_secs(60);
    world.limit.events = 5_000_000;
    world.add_clients(2);
    world
}

/// The members in force, as known by the process that is farthest ahead.
fn members<P>(sim: &Sim<P, Journal>) -> NodeSet
where
    P: Protocol<Value = u64, Reply = u64>,
{
    let known = sim.ids().iter().filter_map(|id| sim.node(*id)?.chosen().epochs());
    known.max_by_key(|epochs| epochs.current().from).map_or(NodeSet::EMPTY, |e| e.current().members.acceptors)
}

/// Whether more than half of `members` know that they are the members.
fn follow<P>(sim: &Sim<P, Journal>, members: NodeSet) -> bool
where
    P: Protocol<Value = u64, Reply = u64>,
{
    let knows = |id: &NodeId| {
        let epochs = sim.node(*id).filter(|_| sim.is_up(*id)).and_then(|node| node.chosen().epochs());
        epochs.is_some_and(|epochs| epochs.current().members.acceptors == members)
    };
    2 * members.iter().filter(knows).count() > members.len()
}

/// Describes what each server knows.
fn state<P>(sim: &Sim<P, Journal>) -> String
where
    P: Protocol<Value = u64, Reply = u64>,
{
    let mut lines = Vec::new();
    for id in sim.ids() {
        let Some(node) = sim.node(*id) else { continue };
        let chosen = node.chosen();
        let epochs =
            chosen.epochs().map(|e| (e.current().from, e.current().members.acceptors, e.last().from));
        let (up, leader, leading) = (sim.is_up(*id), node.leader(), node.leading());
        let (first, applied, end, heard) =
            (chosen.first_unknown(), chosen.applied(), chosen.end(), chosen.heard());
        lines.push(format!(
            "{id} up {up}, leader {leader:?}, leads {leading:?}, {epochs:?}, unknown {first}, applied {applied}, known to \
             {end}, heard {heard}, limit {}",
            chosen.limit()
        ));
    }
    lines.join("\n")
}

/// Makes every change of `way`, one after the other, by asking a member, while two clients write `commands` each.
/// `disturb` is called with each change, before and after it is in force.
fn travel<P>(
    world: World<P>,
    way: Vec<Change>,
    commands: u64,
    mut disturb: impl FnMut(&mut Sim<P, Journal>, &Change, bool),
) -> Sim<P, Journal>
where
    P: Protocol<Value = u64, Reply = u64>,
{
    let clients = world.clients.clone();
    let seed = world.seed;
    let mut sim = Sim::new(world, |_| Journal::default());
    // Learners read all the time, and must see fresh values. With every third seed leaders have leases.
    let mut chance = Chance::new(seed, 10);
    let ways = [Consistency::Confirmed, Consistency::Lease, Consistency::Quorum];
    for _ in 0..60 {
        let at = Time(0).after(chance.between(ms(50), ms(3500)));
        let (reader, way) = (NodeId(chance.below(6) as u16), ways[chance.below(3) as usize]);
        sim.read_at(at, reader, way);
    }
    for (at, client) in clients.iter().enumerate() {
        for k in 0..commands {
            sim.submit_at(Time(0).after(ms(20 * k)), *client, at as u64 * 1000 + k);
        }
    }
    let mut expected = NodeSet::first(1);
    for (step, change) in way.into_iter().enumerate() {
        sim.run_for(ms(300)).unwrap_or_else(|breach| panic!("{breach}"));
        expected = expected.without(change.remove).union(change.add.acceptors);
        let mut tries = 0;
        while members(&sim) != expected {
            // The process that was asked may have crashed and forgotten the change. Asking twice changes nothing.
            if let Some(member) = members(&sim).iter().find(|id| sim.is_up(*id)) {
                // A process that refuses, because the cluster would not survive the change now, may accept it later.
                _ = sim.change(member, change);
            }
            if tries == 0 {
                disturb(&mut sim, &change, false);
            }
            tries += 1;
            assert!(tries < 20, "seed {seed}, step {step}: {change}\n{}", state(&sim));
            let soon = sim.now().after(ms(1500));
            let stop = sim.run_until(|sim| members(sim) == expected || sim.now() > soon);
            stop.unwrap_or_else(|breach| panic!("{breach}"));
        }
        // The previous members may go only when enough of the new members know that they are members.
        let stop = sim.run_until(|sim| follow(sim, expected)).unwrap_or_else(|breach| panic!("{breach}"));
        assert_eq!(stop, Stop::Done, "seed {seed}, step {step}: {change}\n{}", state(&sim));
        disturb(&mut sim, &change, true);
    }
    sim
}

/// Checks that everything is answered, and that `last` has executed each command once.
fn arrived<P>(mut sim: Sim<P, Journal>, commands: u64, last: NodeId)
where
    P: Protocol<Value = u64, Reply = u64>,
{
    let seed = sim.world().seed;
    // The others were asked of processes that were no members yet or any more, or crashed.
    let answered = sim.reads().iter().filter(|read| read.seen.is_some()).count();
    assert!(answered >= 12, "seed {seed}: {answered} of {} reads were answered", sim.reads().len());
    let clients: Vec<NodeId> = sim.world().clients.clone();
    let done = |sim: &Sim<P, Journal>| {
        let of_clients = sim.commands().iter().filter(|c| clients.contains(&c.id.client.node));
        of_clients.filter(|c| c.is_settled()).count() as u64 == 2 * commands
    };
    let stop = sim.run_until(done).unwrap_or_else(|breach| panic!("{breach}"));
    assert_eq!(stop, Stop::Done, "seed {seed}\n{}", state(&sim));
    sim.run_for(ms(500)).unwrap_or_else(|breach| panic!("{breach}"));
    let mut journal = sim.machine(last).expect("the last member").0.clone();
    journal.sort_unstable();
    let all: Vec<u64> = (0..commands).chain(1000..1000 + commands).collect();
    assert_eq!(journal, all, "seed {seed}");
}

/// The short way under faults: messages are lost, duplicated and late, and one member after the other crashes and
/// restarts. By the seed, removed members are switched off forever or keep running.
fn bad_day<P>(mut world: World<P>)
where
    P: Protocol<Value = u64, Reply = u64>,
{
    let mut chance = Chance::new(world.seed, 9);
    world.links = Links::lossy(ms(1), ms(8), 0.05, 0.05);
    world.links.delay = Delay::Tailed { low: ms(1), high: ms(8), late: 20, latest: ms(300) };
    let switch_off = chance.hits(0.5);
    let sim = travel(world, short_way(), 100, move |sim, change, in_force| {
        if in_force && switch_off {
            // A new member has on its disk what the leaving one knew, or cannot promise anything.
            change.remove.iter().for_each(|id| sim.fail(Fault::Crash(id)));
            return;
        }
        let all: Vec<NodeId> = members(sim).iter().collect();
        let victim = all[chance.below(all.len() as u64) as usize];
        if !in_force && sim.is_up(victim) && chance.hits(0.5) {
            let after = |d| Time(sim.now().0).after(ms(d));
            let (down, up) = (after(chance.below(60)), after(60 + chance.below(200)));
            sim.fail_at(down, Fault::Crash(victim));
            sim.fail_at(up, Fault::Restart(victim));
        }
    });
    arrived(sim, 100, NodeId(5));
}

#[test]
fn a_cluster_grows_moves_and_shrinks_while_commands_flow() {
    let (way, last) = (long_way(), NodeId(9));
    arrived(travel::<MultiPaxos<u64, u64>>(world((), 1), way.clone(), 400, |_, _, _| {}), 400, last);
    let fast = world(fast_paxos::Options::default(), 1);
    arrived(travel::<FastPaxos<u64, u64>>(fast, way.clone(), 400, |_, _, _| {}), 400, last);
    let basic = world(basic_paxos::Options::default(), 1);
    arrived(travel::<BasicPaxos<u64, u64>>(basic, way, 400, |_, _, _| {}), 400, last);
}

/// A change costs at most one phase 1 if the leader stays, and an election if it does not.
#[test]
fn no_change_stops_the_cluster_for_longer_than_an_election() {
    let mut world = world::<MultiPaxos<u64, u64>>((), 1);
    world.links = Links::constant(ms(1));
    let mut sim = travel(world, long_way(), 200, |_, _, _| {});
    sim.run_until(Sim::all_answered).unwrap_or_else(|breach| panic!("{breach}"));
    // Commands come every 20 ms. A process campaigns after at most twice the shortest timeout of 100 ms. The first one
    // has to ask the spares before, for a round trip of 2 ms, and its campaign takes another one.
    let longest = sim.commands().iter().filter_map(paxos_transport::sim::Submitted::latency).max();
    assert!(longest.is_some_and(|longest| longest < ms(204)), "{longest:?}");
    let usual = |c: &&paxos_transport::sim::Submitted<u64>| c.latency().is_some_and(|d| d <= ms(10));
    let (all, usual) = (sim.commands().len(), sim.commands().iter().filter(usual).count());
    assert!(usual * 10 > all * 9, "{usual} of {all} commands take a few messages");
}

#[test]
fn multi_paxos_changes_its_members_on_bad_days() {
    (std::env::var("FIRST").map_or(0, |s| s.parse().unwrap_or(0))..seeds(2000))
        .for_each(|seed| bad_day::<MultiPaxos<u64, u64>>(world((), seed)));
}

#[test]
fn fast_paxos_changes_its_members_on_bad_days() {
    let options = fast_paxos::Options::default();
    (first()..seeds(300)).for_each(|seed| bad_day::<FastPaxos<u64, u64>>(world(options, seed)));
}

#[test]
fn fast_paxos_changes_its_members_on_bad_days_when_acceptors_recover_by_themselves() {
    let options = fast_paxos::Options {
        recovery: fast_paxos::Recovery::Uncoordinated,
        ..fast_paxos::Options::default()
    };
    (first()..seeds(200)).for_each(|seed| bad_day::<FastPaxos<u64, u64>>(world(options, seed)));
}

#[test]
fn simple_paxos_changes_its_members_on_bad_days() {
    let options = basic_paxos::Options::default();
    (first()..seeds(300)).for_each(|seed| bad_day::<BasicPaxos<u64, u64>>(world(options, seed)));
}

#[test]
fn basic_paxos_changes_its_members_on_bad_days() {
    let options = basic_paxos::Options::default();
    for seed in first()..seeds(200) {
        let mut world = world(options, seed);
        let config = std::sync::Arc::make_mut(&mut world.config);
        config.leadership = Leadership::SelfAppointed { backoff: Some((ms(20), ms(320))) };
        bad_day::<BasicPaxos<u64, u64>>(world);
    }
}
