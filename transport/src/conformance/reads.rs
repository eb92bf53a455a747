//! Reads at every replica during writes and all kinds of faults: some messages arrive very late, and clocks drift
//! within their bound. No read is stale, and in the end each read has ended.

use super::chaos::{RIVALS, hasty, servers, weather, weathered};
use super::cluster::{Journal, established, ms, quiet, run, settle, submit};
use super::{Facts, Tested, as_usual, seeds};
use crate::sim::{Chance, Delay, Fault, Sim};
use core::time::Duration;
use paxos_core::{Announce, Config, Consistency, Leadership, NodeId, Slot, Time};

/// The time when the reads end; the faults end somewhat later.
const END: Duration = ms(1200);

/// The largest error of clocks, in millionths.
const DRIFT: i32 = 30_000;

/// All kinds of linearizable reads.
pub const ALL: [Consistency; 3] = [Consistency::Confirmed, Consistency::Lease, Consistency::Quorum];

/// The kinds of linearizable reads that depend on no clock.
pub const CLOCKLESS: [Consistency; 2] = [Consistency::Confirmed, Consistency::Quorum];

/// Creates a run with commands of three clients all the time, and 8 reads at each replica; with `stops`, clocks stop at
/// times.
pub fn chaotic<P: Tested>(
    facts: &Facts<P>,
    seed: u64,
    ways: &[Consistency],
    leadership: Option<Leadership>,
    stops: bool,
) -> Sim<P, Journal> {
    let mut config = servers(seed);
    config.leadership = leadership.unwrap_or(config.leadership);
    reading(facts, config, seed, ways, stops)
}

fn reading<P: Tested>(
    facts: &Facts<P>,
    mut config: Config,
    seed: u64,
    ways: &[Consistency],
    stops: bool,
) -> Sim<P, Journal> {
    // The long lease outlasts elections, so that only grants prevent an early election.
    let lease = if seed % 6 < 3 { ms(80) } else { ms(250) };
    config.timeouts.lease = (ways == [Consistency::Lease] || seed % 7 < 3).then_some(lease);
    config.timeouts.drift = DRIFT.unsigned_abs();
    let mut world = weather::<P>(config, (facts.options)(seed), seed);
    world.links.delay = Delay::Tailed { low: ms(1) / 2, high: ms(5), late: 40, latest: ms(300) };
    world.links.reliable_from = Some(Time(0).after(END));
    world.faults = crate::sim::Faults::random(seed, world.config.servers().iter(), END);
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
    let mut sim = Sim::new(world, |_| Journal::default());
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
            sim.read_at(Time(0).after(chance.between(Duration::ZERO, END + ms(50))), replica, way);
        }
    }
    sim
}

fn other(chance: &mut Chance) -> Consistency {
    if chance.hits(0.5) { Consistency::Local } else { Consistency::AtLeast(Slot(chance.below(30))) }
}

/// Checks that no read of these seeds is stale, and that each is answered unless its process crashes.
pub fn survive<P: Tested>(
    facts: &Facts<P>,
    seeds: core::ops::Range<u64>,
    ways: &[Consistency],
    leadership: Option<Leadership>,
    stops: bool,
) {
    all_fresh(seeds, |seed| chaotic::<P>(facts, seed, ways, leadership, stops));
}

fn all_fresh<P: Tested>(seeds: core::ops::Range<u64>, mut start: impl FnMut(u64) -> Sim<P, Journal>) {
    let (mut answered, mut asked) = (0, 0);
    for seed in seeds {
        let mut sim = start(seed);
        let done = |sim: &Sim<P, Journal>| sim.all_answered() && sim.all_read();
        weathered(&mut sim, END + ms(50), done).unwrap_or_else(|violation| panic!("{violation}"));
        let refused: Vec<_> = sim.reads().iter().filter_map(|read| read.refused).collect();
        assert!(refused.is_empty(), "{refused:?}");
        answered += sim.reads().iter().filter(|read| read.seen.is_some()).count();
        asked += sim.reads().len() as u64 + sim.unsubmitted();
    }
    // The others were asked of processes that were down or crashed, or are commands that could not begin.
    assert!(!as_usual() || 2 * answered as u64 >= asked, "{answered} of {asked}");
}

/// All kinds of reads are mixed, including reads by lease.
pub fn with_an_elected_leader_reads_are_fresh<P: Tested>(facts: &Facts<P>) {
    survive(facts, seeds(facts.seeds.reads), &ALL, None, false);
}

/// All kinds of reads are mixed, including reads by lease.
pub fn with_rival_leaders_reads_are_fresh<P: Tested>(facts: &Facts<P>) {
    survive(facts, seeds(facts.seeds.reads / facts.seeds.rivals.max(1)), &ALL, RIVALS, false);
}

/// All kinds of reads are mixed, including reads by lease: a candidate that asks nobody is not answered while a lease
/// holds.
pub fn with_hasty_elections_reads_are_fresh<P: Tested>(facts: &Facts<P>) {
    let start = |seed| reading(facts, hasty(servers(seed), seed), seed, &ALL, false);
    let seeds = seeds(facts.seeds.reads / 2);
    if facts.hasty {
        return all_fresh::<P>(seeds, start);
    }
    for seed in seeds {
        start(seed).run_for(2 * END).unwrap_or_else(|violation| panic!("{violation}"));
    }
}

/// Holds with every kind of leadership.
pub fn reads_that_rest_on_no_clock_are_fresh_while_clocks_stop<P: Tested>(facts: &Facts<P>) {
    survive(facts, seeds(facts.seeds.reads), &CLOCKLESS, None, true);
    survive(facts, seeds(facts.seeds.reads / facts.seeds.rivals.max(1) / 2), &CLOCKLESS, RIVALS, true);
}

/// A follower may not have been told what is chosen, because nobody waited for it there. Who reads waits, and no time limit
/// is set that would end the wait.
pub fn a_reader_is_told_what_nobody_there_waited_for<P: Tested>(facts: &Facts<P>) {
    let read = |sim: &mut Sim<P, Journal>, way| {
        sim.read(NodeId(1), way).expect("it has a replica");
        settle(sim);
        assert!(sim.all_read(), "{way:?}");
    };
    for (n, way) in [3, 5].into_iter().flat_map(|n| ALL.map(|way| (n, way))) {
        let mut config = Config { announce: Announce::ToWaiting, ..quiet(n) };
        config.timeouts.lease = Some(ms(50));
        let (mut sim, _) = established::<P>(config, (facts.options)(0));
        run(&mut sim, ms(1));
        for value in 0..3 {
            submit(&mut sim, 0, value);
            settle(&mut sim);
            read(&mut sim, way);
        }
        // Some acceptors have voted for this command when they are asked, and it is chosen afterwards.
        for early in [0, 500, 999, 1000] {
            submit(&mut sim, 0, 3);
            run(&mut sim, Duration::from_micros(early));
            read(&mut sim, way);
        }
    }
}
