//! Limits hold in every run, and larger batches need fewer messages.

use super::scene::{Journal, P, cluster, executed, ms, quiet, settle, submit};
use core::time::Duration;
use paxos_core::{Amount, Announce, Config, Limits, NodeId, Status, Time, Timeouts};
use paxos_transport::sim::{Cut, Delay, Faults, Links, Sim, Stop, World};

/// `LIMITS=100000 cargo test --release -p multi-paxos limits` runs all night.
fn seeds() -> u64 {
    std::env::var("LIMITS").ok().and_then(|n| n.parse().ok()).unwrap_or(2000)
}

const CLIENTS: u16 = 3;
const COMMANDS: u64 = 30;

/// Limits that commands of 8 bytes reach all the time.
const TINY: Limits = Limits {
    disk_bytes: 1 << 20,
    batch: 3,
    batch_bytes: 16,
    window: 5,
    window_bytes: 32,
    queue: 7,
    queue_bytes: 48,
    session: 8,
    reply_bytes: 64,
    session_bytes: 48,
    idle: 1 << 20,
    sessions: 1 << 16,
    alpha: 8192,
    snapshot: 0,
    chunk: 1 << 18,
    reads: 1 << 16,
};

fn world(seed: u64) -> World<P> {
    let timeouts = Timeouts { linger: (seed % 2 == 1).then_some(ms(4)), ..Timeouts::default() };
    let config = Config { timeouts, limits: TINY, ..Config::collapsed(3).expect("lawful") };
    let mut world = World::<P>::new(config, (), seed);
    let end = Duration::from_secs(2);
    world.limit.time = Duration::from_secs(120);
    world.links = Links::lossy(ms(1), ms(20), 0.1, 0.05);
    world.links.delay = Delay::Tailed { low: ms(1), high: ms(20), late: 40, latest: ms(700) };
    world.links.reliable_from = Some(Time(0).after(end));
    world.faults = Faults::random(seed, world.config.servers().iter(), end);
    world
}

/// A new term proposes all values that the promises report, and a lost term requeues all that was under way. Apart from
/// that, nothing grows beyond its limit.
fn check(seed: u64, before: &Status, now: &Status) {
    let [was, is] = [before.load, now.load];
    let terms = |status: &Status| (status.counters.won, status.counters.lost, status.load.ballot);
    let (window, queue) = (
        Amount { count: TINY.window, bytes: TINY.window_bytes },
        Amount { count: TINY.queue, bytes: TINY.queue_bytes },
    );
    let same = terms(before) == terms(now);
    assert!(is.in_flight.fits(window) || !same || is.in_flight.fits(was.in_flight), "{seed}: {now:?}");
    assert!(is.waiting.fits(queue) || !same || is.waiting.fits(was.waiting), "{seed}: {now:?}");
    assert!(now.unanswered <= TINY.session_bytes / 8, "{seed}: {now:?}");
}

#[test]
fn nothing_is_lost_and_no_limit_exceeded_when_everything_goes_wrong() {
    let (mut refused, mut won, mut again) = (0, 0, 0);
    for seed in 0..seeds() {
        let mut world = world(seed);
        let clients = world.add_clients(CLIENTS);
        let mut sim = Sim::new(world, |_| Journal::default());
        for (nth, client) in clients.iter().enumerate() {
            sim.submit_in_turn(*client, 8, (0..COMMANDS).map(|k| nth as u64 * 1000 + k));
        }
        let mut before: Vec<Status> = vec![Status::default(); sim.ids().len()];
        let stop = sim.run_until(|sim| {
            for (id, before) in sim.ids().iter().zip(&mut before) {
                let now = sim.node(*id).map(paxos_core::Node::status).unwrap_or_default();
                check(seed, before, &now);
                *before = now;
            }
            sim.all_answered()
        });
        assert_eq!(stop.map_err(|violation| violation.to_string()), Ok(Stop::Done), "seed {seed}");
        let counters = before.iter().map(|status| status.counters);
        counters.for_each(|counters| {
            refused += counters.refused;
            won += counters.won;
            again += counters.retransmissions;
        });
        sim.run_for(Duration::from_secs(3)).expect("no invariant breaks");
        assert!(executed(&sim, usize::from(CLIENTS) * COMMANDS as usize), "seed {seed}");
    }
    assert!(refused > seeds() && won > seeds() && again > seeds(), "{refused} {won} {again}");
}

/// The messages for `commands` that the leader's own client sends at once, in the steady state of `n` servers.
fn messages(n: u16, batch: usize, commands: u64) -> u64 {
    let mut config = Config { announce: Announce::WithNext, ..quiet(n) };
    config.limits.batch = batch;
    let mut sim = cluster(config, 0);
    settle(&mut sim);
    submit(&mut sim, 0, 1);
    settle(&mut sim);
    sim.reset_counts();
    (0..commands).for_each(|k| submit(&mut sim, 0, k));
    settle(&mut sim);
    assert!(sim.all_answered());
    sim.counts().total()
}

#[test]
fn messages_a_command_are_those_of_the_theory_and_fall_as_one_over_the_batch() {
    for n in [3, 5] {
        // Phase 2a and 2b between the leader and each of the others.
        let each = 2 * u64::from(n - 1);
        for batch in [1, 4, 16, 64] {
            assert_eq!(messages(n, batch, 128), each * 128 / batch as u64, "n = {n}, batch {batch}");
        }
    }
}

#[test]
fn a_status_counts_what_happened() {
    let mut config = Config::collapsed(3).expect("lawful");
    config.limits.session = 2;
    let mut sim = cluster(config, 1);
    sim.run_for(ms(50)).expect("no invariant breaks");
    let of = |sim: &Sim<P, Journal>, id: u16| sim.node(NodeId(id)).expect("there").status();
    let leader = of(&sim, 0);
    assert!(leader.leads && leader.plays.proposer && leader.plays.acceptor && leader.plays.learner);
    assert_eq!((leader.counters.campaigns, leader.counters.won, leader.counters.lost), (1, 1, 0));
    // Cut off from the leader, the others elect a new one; the old leader hears of it when the network heals.
    let (from, to) = (vec![NodeId(0)], vec![NodeId(1), NodeId(2)]);
    let (start, end) = (sim.now(), sim.now().after(ms(1000)));
    sim.links_mut().cuts.push(Cut { from, to, both_ways: true, start, end });
    submit(&mut sim, 0, 7);
    submit(&mut sim, 0, 8);
    assert!(sim.submit(NodeId(0), 9).is_err());
    sim.run_for(ms(60)).expect("no invariant breaks");
    let cut_off = of(&sim, 0);
    assert_eq!((cut_off.load.in_flight, cut_off.unanswered), (Amount { count: 2, bytes: 16 }, 2));
    assert!(cut_off.counters.refused == 1 && cut_off.counters.retransmissions > 0);
    // Without answers, the leader gives up its ballot and what was under way in it.
    sim.run_for(ms(440)).expect("no invariant breaks");
    let forsaken = of(&sim, 0);
    assert_eq!(
        (forsaken.load.in_flight, forsaken.leads, forsaken.counters.lost),
        (Amount::default(), false, 1)
    );
    submit(&mut sim, 3, 10);
    sim.run_for(ms(500)).expect("no invariant breaks");
    sim.run_for(ms(500)).expect("no invariant breaks");
    let (back, other) = (of(&sim, 0), of(&sim, 1));
    assert!(back.counters.lost == 1 && !back.leads && back.unanswered == 0, "{back:?}");
    assert!(back.highest > back.ballot && back.counters.catch_ups + back.counters.caught_up > 0, "{back:?}");
    assert_eq!(
        (back.applied, other.applied, back.heard, back.log_start.index()),
        (other.applied, back.first_unknown, back.applied, 0)
    );
    assert_eq!(back.counters.won + other.counters.won + of(&sim, 2).counters.won, 2);
    assert_eq!(other.counters.ignored, 0);
}
