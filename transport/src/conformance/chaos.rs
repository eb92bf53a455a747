//! Runs in which everything goes wrong: messages get lost, doubled and overtaken, clocks drift, disks tear their last
//! write, a process crashes and restarts, another may be halted, a partition comes and goes.

use super::cluster::{Journal, ms};
use super::{Facts, Tested, seeds};
use crate::sim::{Chance, Delay, Disk, Faults, Links, Sim, Stop, Violation, World};
use core::time::Duration;
use paxos_core::{Announce, Config, Leadership, Learning, Time};

/// When faults are over.
pub const END: Duration = ms(1500);

/// Every proposer leads whenever it has something to propose, and backs off when it meets another.
pub const RIVALS: Option<Leadership> = Some(Leadership::SelfAppointed { backoff: Some((ms(20), ms(640))) });

/// 3 or 5 servers that play all roles, or each role apart; either way of learning, and of telling.
pub fn servers(seed: u64) -> Config {
    let acceptors = 3 + 2 * (seed % 2) as u16;
    let config = if seed % 5 == 4 { Config::separate(2, acceptors, 2) } else { Config::collapsed(acceptors) };
    let mut config = config.expect("servers");
    if seed % 4 < 2 {
        config.learning = Learning::Everyone;
    }
    if seed % 16 < 4 {
        config.announce = Announce::WithNext;
    }
    config.thrifty = seed.is_multiple_of(3);
    config
}

/// The weather of a run with these servers, up to [`END`].
pub fn weather<P: Tested>(config: Config, options: P::Options, seed: u64) -> World<P> {
    let mut world = World::<P>::new(config, options, seed);
    world.replay = format!("run the claim about {} with SEEDS=1 and FIRST =", P::NAME);
    world.limit.events = 2_000_000;
    world.links = Links::lossy(ms(1) / 2, ms(5), 0.1, 0.1);
    world.links.reliable_from = Some(Time(0).after(END));
    world.disk = Disk::with_sync(Delay::Uniform { low: Duration::ZERO, high: ms(2) });
    world.faults = Faults::random(seed, world.config.servers().iter(), END);
    world.drift = world.config.servers().iter().zip([0, 20_000, -15_000, 500, -100]).collect();
    world
}

/// A run with 56 commands of three clients and a server; `watched`: kept for drawing, and its steps for writing.
pub fn chaotic<P: Tested>(
    seed: u64,
    leadership: Option<Leadership>,
    options: P::Options,
    watched: bool,
) -> Sim<P, Journal> {
    let mut config = servers(seed);
    config.leadership = leadership.unwrap_or(config.leadership);
    let mut world = weather::<P>(config, options, seed);
    (world.trace, world.steps) = (watched, watched);
    let mut clients = world.add_clients(3);
    // A server asks as well: its commands are abandoned when it crashes.
    clients.extend(world.config.servers().smallest());
    let mut chance = Chance::new(seed, 9);
    let mut sim = Sim::new(world, |_| Journal::default());
    for (i, client) in (0..).zip(clients) {
        for k in 0..10 {
            let at = Time(0).after(chance.between(Duration::ZERO, END));
            sim.submit_at(at, client, 100 * i + k);
        }
        sim.submit_in_turn(client, 2, (10..14).map(|k| 100 * i + k));
    }
    sim
}

/// Lets everything go wrong until [`END`], and then waits until something is so.
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

/// One run, to its end.
///
/// # Errors
/// The first breach of an invariant.
pub fn survive<P: Tested>(
    facts: &Facts<P>,
    seed: u64,
    leadership: Option<Leadership>,
) -> Result<Sim<P, Journal>, Violation> {
    let mut sim = chaotic::<P>(seed, leadership, (facts.options)(seed), false);
    weathered(&mut sim, END, Sim::all_answered)?;
    Ok(sim)
}

fn survive_all<P: Tested>(facts: &Facts<P>, usual: u64, leadership: Option<Leadership>) {
    for seed in seeds(usual) {
        survive(facts, seed, leadership).unwrap_or_else(|violation| panic!("{violation}"));
    }
}

/// A leader that the others follow, until it fails.
pub fn with_an_elected_leader_nothing_breaks_and_every_command_is_answered<P: Tested>(facts: &Facts<P>) {
    survive_all(facts, facts.seeds.chaos, None);
}

/// As many leaders as there are proposers.
pub fn with_rival_leaders_nothing_breaks_and_every_command_is_answered<P: Tested>(facts: &Facts<P>) {
    survive_all(facts, facts.seeds.chaos / facts.seeds.rivals, RIVALS);
}
