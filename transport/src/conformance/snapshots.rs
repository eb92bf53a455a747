//! Runs in which processes forget what a snapshot covers, every few slots, and transfer snapshots in tiny pieces, with
//! all kinds of faults. Servers are down for long, or during a transfer, or all at once.

use super::chaos::{END, RIVALS, keep_busy, servers, weather, weathered};
use super::cluster::{Journal, level, ms};
use super::{Facts, Tested, as_usual, seeds};
use crate::sim::{Chance, Fault, Sim};
use paxos_core::{Kind, Leadership, NodeId, Time};

/// Creates a run of 90 commands of three clients.
fn compacting<P: Tested>(facts: &Facts<P>, seed: u64, leadership: Option<Leadership>) -> Sim<P, Journal> {
    let mut config = servers(seed);
    config.leadership = leadership.unwrap_or(config.leadership);
    let mut chance = Chance::new(seed, 9);
    config.limits.snapshot = 1 + chance.below(8);
    config.limits.chunk = [16, 100, 1 << 10][chance.below(3) as usize];
    let mut world = weather::<P>(config, (facts.options)(seed), seed);
    let servers: Vec<NodeId> = world.config.servers().iter().collect();
    let time = |share: u32| Time(0).after(END * share / 10);
    let mut plan = |share, fault| world.faults.plan.push((time(share), fault));
    // A server that is down for most of the time has much to catch up with; so have servers that crash again and again.
    let absent = servers[chance.below(servers.len() as u64) as usize];
    plan(1, Fault::Crash(absent));
    plan(7, Fault::Restart(absent));
    if chance.hits(0.3) {
        for id in &servers {
            plan(6, Fault::Crash(*id));
            plan(8, Fault::Restart(*id));
        }
    }
    let clients = world.add_clients(3);
    let mut sim = Sim::new(world, |_| Journal::default());
    for at in 0..12 {
        // Short crashes during transfers.
        let id = servers[chance.below(servers.len() as u64) as usize];
        let down = Time(0).after(END * 7 / 10 + 30 * at * ms(1));
        sim.fail_at(down, Fault::Crash(id));
        sim.fail_at(down.after(chance.between(ms(1), ms(40))), Fault::Restart(id));
    }
    keep_busy(&mut sim, clients, &mut chance, [20, 30]);
    sim
}

fn survive<P: Tested>(facts: &Facts<P>, usual: u64, leadership: Option<Leadership>) {
    // A variant that forgets nothing states this, and claims about its roles test it.
    if !facts.compacts {
        return;
    }
    let (mut jumps, mut chunks, seeds) = (0, 0, seeds(usual));
    let enough = (seeds.end - seeds.start) / 4;
    for seed in seeds {
        let mut sim = compacting::<P>(facts, seed, leadership);
        let done = |sim: &Sim<P, Journal>| sim.all_answered() && level(sim).is_some();
        weathered(&mut sim, END + ms(200), done).unwrap_or_else(|violation| panic!("{violation}"));
        jumps += sim.jumps();
        chunks += sim.counts().of(Kind::Chunk);
    }
    assert!(
        !as_usual() || usual == 0 || jumps > enough && chunks > jumps,
        "only {jumps} snapshots and {chunks} pieces passed on"
    );
}

/// Holds with a leader that the others follow until it fails.
pub fn with_an_elected_leader_everyone_forgets_and_catches_up<P: Tested>(facts: &Facts<P>) {
    survive(facts, facts.seeds.snapshots, None);
}

/// Holds with as many leaders as proposers.
pub fn with_rival_leaders_everyone_forgets_and_catches_up<P: Tested>(facts: &Facts<P>) {
    survive(facts, (facts.seeds.snapshots / facts.seeds.rivals.max(1)).min(400), RIVALS);
}
