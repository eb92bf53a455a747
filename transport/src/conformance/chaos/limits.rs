//! Limits hold in every run, and a node counts what happens to it.

use super::super::cluster::{Journal, cluster, executed, ms, run, submit};
use crate::conformance::{Facts, Tested, as_usual, seeds};
use crate::sim::{Cut, Delay, Faults, Links, Sim, Stop, World};
use core::time::Duration;
use paxos_core::{Amount, Config, Limits, Node, NodeId, Proposer as _, Status, Time, Timeouts};

const CLIENTS: u16 = 3;
const COMMANDS: u64 = 30;

/// Limits that commands of 8 bytes reach all the time.
fn tiny<P: Tested>(facts: &Facts<P>) -> Limits {
    let tiny = Limits {
        batch: 3,
        batch_bytes: 16,
        window: 5,
        window_bytes: 32,
        queue: 7,
        queue_bytes: 48,
        session: 8,
        reply_bytes: 64,
        session_bytes: 48,
        disk_bytes: 1 << 20,
        snapshot: 0,
        ..Limits::default()
    };
    let Limits { batch, batch_bytes, .. } = Limits::default();
    if facts.pieces { tiny } else { Limits { batch, batch_bytes, ..tiny } }
}

fn world<P: Tested>(facts: &Facts<P>, seed: u64) -> World<P> {
    let timeouts = Timeouts { linger: (seed % 2 == 1).then_some(ms(4)), ..Timeouts::default() };
    let config = Config { timeouts, limits: tiny(facts), ..Config::collapsed(3).expect("servers") };
    let mut world = World::<P>::new(config, (facts.options)(seed), seed);
    let end = Duration::from_secs(2);
    world.limit.time = Duration::from_secs(120);
    world.links = Links::lossy(ms(1), ms(20), 0.1, 0.05);
    world.links.delay = Delay::Tailed { low: ms(1), high: ms(20), late: 40, latest: ms(700) };
    world.links.reliable_from = Some(Time(0).after(end));
    world.faults = Faults::random(seed, world.config.servers().iter(), end);
    world
}

/// A new term proposes all values that the promises report, and a lost term requeues all that was under way. Apart from
/// that, nothing grows beyond its limit. A leader that recovers slots besides does so within its reach. Returns whether there
/// are such slots.
fn check<P: Tested>(facts: &Facts<P>, limits: &Limits, seed: u64, before: &Status, now: &Status) -> bool {
    let [was, is] = [before.load, now.load];
    let terms = |status: &Status| (status.counters.won, status.counters.lost, status.load.ballot);
    let window = Amount { count: limits.window, bytes: limits.window_bytes };
    let reach = limits.reach() as usize;
    let reach = Amount { count: reach, bytes: 8 * reach };
    let queue = Amount { count: limits.queue, bytes: limits.queue_bytes };
    let same = terms(before) == terms(now);
    let fits = |limit| is.in_flight.fits(limit) || !same || is.in_flight.fits(was.in_flight);
    assert!(fits(window) || facts.recovers && fits(reach), "{seed}: {now:?}");
    assert!(is.waiting.fits(queue) || !same || is.waiting.fits(was.waiting), "{seed}: {now:?}");
    assert!(now.unanswered <= limits.session_bytes / 8, "{seed}: {now:?}");
    !fits(window)
}

/// The limits are reached in every run, in which everything goes wrong.
pub fn nothing_is_lost_and_no_limit_exceeded_when_everything_goes_wrong<P: Tested>(facts: &Facts<P>) {
    let (mut refused, mut won, mut again, mut recovers) = (0, 0, 0, false);
    for seed in seeds(facts.seeds.limits) {
        let mut world = world(facts, seed);
        let clients = world.add_clients(CLIENTS);
        let limits = world.config.limits;
        let mut sim = Sim::new(world, |_| Journal::default());
        for (client, nth) in clients.iter().zip(0..) {
            sim.submit_in_turn(*client, 8, (0..COMMANDS).map(|k| nth * 1000 + k));
        }
        let mut before: Vec<Status> = vec![Status::default(); sim.ids().len()];
        let stop = sim.run_until(|sim| {
            for (id, before) in sim.ids().iter().zip(&mut before) {
                let now = sim.node(*id).map(Node::status).unwrap_or_default();
                recovers |= check(facts, &limits, seed, before, &now);
                *before = now;
            }
            sim.all_answered()
        });
        assert_eq!(stop.map_err(|violation| violation.to_string()), Ok(Stop::Done), "seed {seed}");
        for counters in before.iter().map(|status| status.counters) {
            refused += counters.refused;
            won += counters.won;
            again += counters.retransmissions;
        }
        run(&mut sim, Duration::from_secs(3));
        assert!(executed(&sim, usize::from(CLIENTS) * COMMANDS as usize), "seed {seed}");
    }
    let usual = facts.seeds.limits;
    let often = refused > usual && won > usual && again > usual;
    assert!(often || !as_usual(), "{refused} {won} {again}");
    assert!(recovers == facts.recovers || !as_usual(), "`recovers` of {} is not true", P::NAME);
}

/// Three servers, of which n0 leads first, and whose sessions have two commands.
pub fn a_status_counts_what_happened<P: Tested>(facts: &Facts<P>) {
    let mut config = Config::collapsed(3).expect("servers");
    config.limits.session = 2;
    let mut sim = cluster::<P>(config, (facts.options)(0), 1);
    run(&mut sim, ms(50));
    let of = |sim: &Sim<P, Journal>, id: u16| sim.node(NodeId(id)).expect("there").status();
    let leader = of(&sim, 0);
    assert!(leader.leads && leader.plays.proposer && leader.plays.acceptor && leader.plays.learner);
    // What acceptors vote for by themselves is not under way at the leader.
    let fast = sim.node(NodeId(0)).and_then(|node| node.proposer()?.reminder()).is_some();
    assert_eq!((leader.counters.campaigns, leader.counters.won, leader.counters.lost), (1, 1, 0));
    // Cut off from the leader, the others elect a new one; the old leader hears of it when the network heals.
    let (from, to) = (vec![NodeId(0)], vec![NodeId(1), NodeId(2)]);
    let (start, end) = (sim.now(), sim.now().after(ms(1000)));
    sim.links_mut().cuts.push(Cut { from, to, both_ways: true, start, end });
    submit(&mut sim, 0, 7);
    submit(&mut sim, 0, 8);
    assert!(sim.submit(NodeId(0), 9).is_err());
    run(&mut sim, ms(60));
    let cut_off = of(&sim, 0);
    let [under_way, waiting] = [cut_off.load.in_flight.count, cut_off.load.waiting.count];
    assert_eq!((under_way + waiting, cut_off.unanswered), (if fast { 0 } else { 2 }, 2));
    assert_eq!(under_way == 0, fast, "{cut_off:?}");
    assert!(cut_off.counters.refused == 1 && cut_off.counters.retransmissions > 0);
    // Without answers, the leader gives up its ballot and what was under way in it.
    run(&mut sim, ms(440));
    let forsaken = of(&sim, 0);
    assert_eq!(
        (forsaken.load.in_flight, forsaken.leads, forsaken.counters.lost),
        (Amount::default(), false, 1)
    );
    submit(&mut sim, 3, 10);
    run(&mut sim, ms(500));
    run(&mut sim, ms(500));
    let (back, other) = (of(&sim, 0), of(&sim, 1));
    assert!(back.counters.lost == 1 && !back.leads && back.unanswered == 0, "{back:?}");
    assert!(back.highest > back.ballot && back.counters.catch_ups + back.counters.caught_up > 0, "{back:?}");
    assert_eq!(
        (back.applied, other.applied, back.heard, back.log_start.index()),
        (other.applied, back.first_unknown, back.applied, 0)
    );
    // A leader may begin another ballot by itself, to recover slots.
    let won = back.counters.won + other.counters.won + of(&sim, 2).counters.won;
    assert!(won == 2 || facts.recovers && won > 2, "{won}");
    assert_eq!(other.counters.ignored, 0);
}
