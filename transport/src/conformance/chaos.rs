//! Runs with all kinds of faults: messages are lost, duplicated and reordered, clocks drift, disks tear their last
//! write, one process crashes and restarts, or many do in turn, another may be paused, and a partition comes and goes.

pub mod limits;

use super::cluster::{Journal, level, ms};
use super::{Facts, Tested, number, seeds};
use crate::sim::{Chance, Delay, Disk, Fault, Faults, Links, Sim, Stop, Trace, Violation, World};
use core::time::Duration;
use paxos_core::{Announce, Config, Leadership, Learning, NodeId, Time};

/// The time when the faults end.
pub const END: Duration = ms(1500);

/// Every proposer leads whenever it has something to propose, and backs off when it meets another.
pub const RIVALS: Option<Leadership> = Some(Leadership::SelfAppointed { backoff: Some((ms(20), ms(640))) });

/// 3 or 5 servers that play all roles, or separate roles, with each way of learning and of announcing decisions.
pub fn servers(seed: u64) -> Config {
    let acceptors = 3 + 2 * (seed % 2) as u16;
    let config = if seed % 5 == 4 { Config::separate(2, acceptors, 2) } else { Config::collapsed(acceptors) };
    let mut config = config.expect("servers");
    if seed % 4 < 2 {
        config.learning = Learning::Everyone;
    }
    match seed % 16 {
        0..4 => config.announce = Announce::WithNext,
        4..10 => config.announce = Announce::ToWaiting,
        _ => {}
    }
    config.thrifty = seed.is_multiple_of(3);
    config
}

/// Lets the servers elect leaders in other ways than by default: timeouts are drawn from ranges of several widths, zero
/// among them, and in four runs of five a candidate asks nobody before it campaigns.
pub fn hasty(mut config: Config, seed: u64) -> Config {
    config.timeouts.election_spread =
        [Some(Duration::ZERO), Some(ms(1)), Some(ms(20)), None][(seed / 8 % 4) as usize];
    config.pre_vote = seed % 5 == 3;
    config
}

/// Creates the world of a run with these servers and with faults until [`END`].
pub fn weather<P: Tested>(config: Config, options: P::Options, seed: u64) -> World<P> {
    let mut world = World::<P>::new(config, options, seed);
    world.replay =
        format!("run the claim about {} with SEEDS=1 (and DRAW=1 for a drawing) and FIRST =", P::NAME);
    world.limit.events = 1_000_000;
    world.links = Links::lossy(ms(1) / 2, ms(5), 0.1, 0.1);
    world.links.reliable_from = Some(Time(0).after(END));
    world.disk = Disk::with_sync(Delay::Uniform { low: Duration::ZERO, high: ms(2) });
    world.faults = Faults::random(seed, world.config.servers().iter(), END);
    world.drift = world.config.servers().iter().zip([0, 20_000, -15_000, 500, -100]).collect();
    world
}

/// Whether servers crash and return one after the other in the run of this seed, six times.
fn storms(seed: u64) -> bool {
    seed / 16 % 4 == 3
}

/// Creates a run with 56 commands of three clients and a server, or more where all servers submit; with `watched`, it
/// is kept for drawing and for its steps.
pub fn chaotic<P: Tested>(
    seed: u64,
    leadership: Option<Leadership>,
    options: P::Options,
    watched: bool,
) -> Sim<P, Journal> {
    let mut config = servers(seed);
    config.leadership = leadership.unwrap_or(config.leadership);
    busy(config, options, seed, watched)
}

fn busy<P: Tested>(config: Config, options: P::Options, seed: u64, watched: bool) -> Sim<P, Journal> {
    let mut world = weather::<P>(config, options, seed);
    (world.trace, world.steps) = (watched, watched);
    let mut clients = world.add_clients(3);
    // One server, or each of them, submits as well: a crash of a server abandons its commands.
    let servers = world.config.servers();
    let storm = storms(seed);
    clients.extend(servers.iter().take(if storm { servers.len() } else { 1 }));
    let mut chance = Chance::new(seed, 9);
    let mut sim = Sim::new(world, |_| Journal::default());
    for nth in (0..6).filter(|_| storm) {
        let victim = servers.iter().nth(chance.below(servers.len() as u64) as usize).expect("a server");
        let down = Time(0).after(END * (2 * nth + 1) / 13);
        sim.fail_at(down, Fault::Crash(victim));
        sim.fail_at(down.after(END / 13), Fault::Restart(victim));
    }
    keep_busy(&mut sim, clients, &mut chance, [10, 14]);
    sim
}

/// Lets each client submit `at_random` commands until [`END`], and others up to `all`, two at a time.
pub(super) fn keep_busy<P: Tested>(
    sim: &mut Sim<P, Journal>,
    clients: impl IntoIterator<Item = NodeId>,
    chance: &mut Chance,
    [at_random, all]: [u64; 2],
) {
    for (i, client) in (0..).zip(clients) {
        for k in 0..at_random {
            let at = Time(0).after(chance.between(Duration::ZERO, END));
            sim.submit_at(at, client, 100 * i + k);
        }
        sim.submit_in_turn(client, 2, (at_random..all).map(|k| 100 * i + k));
    }
}

/// Runs for `end`, the time with faults, and then until `done` returns true.
///
/// # Errors
/// The first breach of an invariant.
pub fn weathered<P: Tested>(
    sim: &mut Sim<P, Journal>,
    end: Duration,
    done: impl Fn(&Sim<P, Journal>) -> bool,
) -> Result<(), Violation> {
    let seed = sim.world().seed;
    let stop = sim.run_for(end)?;
    assert_eq!(stop, Stop::Time, "seed {seed} at {:?}: {:?}", sim.now(), sim.counts());
    let patience = sim.now().after(Duration::from_secs(20));
    let stop = sim.run_until(|sim| done(sim) || sim.now() > patience)?;
    let open: Vec<_> = sim.commands().iter().filter(|c| !c.is_settled()).map(|c| c.id).collect();
    assert!(open.is_empty(), "seed {seed}: no answer to {open:?}");
    assert!(stop == Stop::Done && done(sim), "seed {seed}: {stop}, {:?}", sim.counts());
    Ok(())
}

/// Runs a seed to its end: every command is answered, and all learners have executed the same.
///
/// # Errors
/// The first breach of an invariant.
pub fn survive<P: Tested>(
    facts: &Facts<P>,
    seed: u64,
    leadership: Option<Leadership>,
) -> Result<Sim<P, Journal>, Violation> {
    let mut sim = chaotic::<P>(seed, leadership, (facts.options)(seed), false);
    finish(&mut sim)?;
    Ok(sim)
}

fn finish<P: Tested>(sim: &mut Sim<P, Journal>) -> Result<(), Violation> {
    weathered(sim, END, |sim| sim.all_answered() && level(sim).is_some())
}

fn survive_all<P: Tested>(facts: &Facts<P>, usual: u64, leadership: Option<Leadership>) {
    for seed in seeds(usual) {
        survive(facts, seed, leadership).unwrap_or_else(|violation| {
            let mut sim = chaotic::<P>(seed, leadership, (facts.options)(seed), number("DRAW").is_some());
            // The second run ends as the first one did.
            let _ = sim.run_for(END * 4 / 3);
            panic!("{}{violation}", sim.trace().map(Trace::draw).unwrap_or_default())
        });
    }
}

/// Holds with a leader that the others follow until it fails.
pub fn with_an_elected_leader_nothing_breaks_and_every_command_is_answered<P: Tested>(facts: &Facts<P>) {
    survive_all(facts, facts.seeds.chaos, None);
}

/// Holds with as many leaders as proposers.
pub fn with_rival_leaders_nothing_breaks_and_every_command_is_answered<P: Tested>(facts: &Facts<P>) {
    survive_all(facts, facts.seeds.chaos / facts.seeds.rivals.max(1), RIVALS);
}

/// Holds with timeouts from a narrow range, and with candidates that depose a working leader because they ask nobody.
pub fn with_hasty_elections_nothing_breaks_and_every_command_is_answered<P: Tested>(facts: &Facts<P>) {
    for seed in seeds(facts.seeds.chaos / 2) {
        let config = hasty(servers(seed), seed);
        let mut sim = busy::<P>(config, (facts.options)(seed), seed, number("DRAW").is_some());
        let done = if facts.hasty { finish(&mut sim) } else { sim.run_for(2 * END).map(drop) };
        done.unwrap_or_else(|violation| {
            panic!("{}{violation}", sim.trace().map(Trace::draw).unwrap_or_default())
        });
    }
}
