//! Servers are replaced, and the old ones are turned off forever at the first moment when that is allowed. At the same
//! moment the new ones lose power, and everything that they have not synced.

use super::{Journal, ms};
use basic_paxos::BasicPaxos;
use fast_paxos::FastPaxos;
use multi_paxos::MultiPaxos;
use paxos_core::{Change, Config, Leadership, Limits, Membership, NodeId, NodeSet, Protocol, Time};
use paxos_transport::sim::{Delay, Disk, Fault, Links, Sim, Stop, Tail, World};
use std::sync::Arc;

fn spares(n: u16) -> NodeSet {
    NodeSet::first(2 * n).without(NodeSet::first(n))
}

/// `n` servers, as many spares, and a client.
fn world<P: Protocol>(options: P::Options, n: u16, seed: u64) -> World<P> {
    let mut config = Config::collapsed(n).expect("an acceptor");
    config.spares = spares(n);
    let snapshot = seed % 3 * 7;
    config.limits = Limits { window: 8, alpha: 8, batch: 4, snapshot, chunk: 200, ..Limits::default() };
    let mut world = World::new(config, options, seed);
    world.stores = true;
    world.links = Links::new(Delay::Uniform { low: ms(1), high: ms(5) });
    world.disk = Disk { sync: Delay::Uniform { low: ms(1), high: ms(8) }, tail: Tail::Lost, lies: false };
    world.add_clients(1);
    world
}

/// Replaces all servers in one step while clients submit commands. As soon as `may_go` allows it, the old servers are
/// turned off forever, and the new ones lose power. Returns the commands that were answered before, and are missing
/// when the new servers are back.
fn lost<P: Protocol<Value = u64, Reply = u64>>(
    world: World<P>,
    may_go: impl Fn(&Sim<P, Journal>, NodeId, NodeSet) -> bool,
) -> Vec<u64> {
    let (seed, client, old) = (world.seed, world.clients[0], world.config.servers());
    let new = world.config.spares;
    let mut sim = Sim::new(world, |_| Journal::default());
    for command in 0..40 {
        sim.submit_at(Time(0).after(ms(5 * command)), client, command);
    }
    sim.run_for(ms(100)).unwrap_or_else(|breach| panic!("{breach}"));
    let add = Membership { proposers: new, acceptors: new, learners: new };
    sim.force_change(NodeId(0), Change { add, remove: old }).expect("it is up");
    let stop = sim.run_until(|sim| new.iter().any(|id| may_go(sim, id, old)));
    assert_eq!(stop.unwrap_or_else(|breach| panic!("{breach}")), Stop::Done, "seed {seed}");
    let of_client = sim.commands().iter().filter(|command| command.id.client.node == client);
    let answered: Vec<u64> =
        (0..).zip(of_client).filter(|(_, c)| c.answer.is_some()).map(|(n, _)| n).collect();
    assert!(answered.len() >= 10, "seed {seed}: {answered:?}");
    old.union(new).iter().for_each(|id| sim.fail(Fault::Crash(id)));
    new.iter().for_each(|id| sim.fail(Fault::Restart(id)));
    sim.run_for(ms(3000)).unwrap_or_else(|breach| panic!("{breach}"));
    let is_there =
        |command: &u64| new.iter().all(|id| sim.machine(id).is_some_and(|j| j.0.contains(command)));
    answered.into_iter().filter(|command| !is_there(command)).collect()
}

/// The condition that an operator waits for: a new server reports that the old ones may stop.
fn told<P: Protocol<Value = u64, Reply = u64>>(sim: &Sim<P, Journal>, asked: NodeId, old: NodeSet) -> bool {
    sim.node(asked).is_some_and(|node| old.is_subset(node.status().may_stop))
}

/// A condition that is not enough: a quorum of the new members has executed everything before them.
fn executed<P: Protocol<Value = u64, Reply = u64>>(sim: &Sim<P, Journal>, _: NodeId, old: NodeSet) -> bool {
    let new = sim.world().config.spares;
    let has = |id: &NodeId| {
        let epochs = sim.node(*id).and_then(|node| node.chosen().epochs());
        epochs.is_some_and(|epochs| epochs.current().members.servers().intersection(old).is_empty())
    };
    2 * new.iter().filter(has).count() > new.len()
}

/// The total losses with each of the two conditions, [`told`] and [`executed`].
fn losses<P: Protocol<Value = u64, Reply = u64>>(world: impl Fn(u16, u64) -> World<P>) -> [usize; 2] {
    let mut losses = [0, 0];
    for (n, seed) in [1, 3].into_iter().flat_map(|n| (0..20).map(move |seed| (n, seed))) {
        losses[0] += lost(world(n, seed), told).len();
        losses[1] += lost(world(n, seed), executed).len();
    }
    losses
}

fn nothing_is_lost<P: Protocol<Value = u64, Reply = u64>>(world: impl Fn(u16, u64) -> World<P>) {
    let [told, executed] = losses(world);
    assert_eq!(told, 0, "{}: whoever waited for the answer loses nothing", P::NAME);
    assert!(executed > 0, "{}: else the scene shows nothing", P::NAME);
}

#[test]
fn multi_paxos_loses_nothing_when_those_that_may_stop_are_turned_off() {
    nothing_is_lost(|n, seed| world::<MultiPaxos<u64, u64>>((), n, seed));
}

#[test]
fn fast_paxos_loses_nothing_when_those_that_may_stop_are_turned_off() {
    nothing_is_lost(|n, seed| world::<FastPaxos<u64, u64>>(fast_paxos::Options::default(), n, seed));
}

#[test]
fn simple_paxos_loses_nothing_when_those_that_may_stop_are_turned_off() {
    nothing_is_lost(|n, seed| world::<BasicPaxos<u64, u64>>(basic_paxos::Options::default(), n, seed));
}

#[test]
fn basic_paxos_loses_nothing_when_those_that_may_stop_are_turned_off() {
    nothing_is_lost(|n, seed| {
        let mut world = world::<BasicPaxos<u64, u64>>(basic_paxos::Options::default(), n, seed);
        let config = Arc::make_mut(&mut world.config);
        config.leadership = Leadership::SelfAppointed { backoff: Some((ms(20), ms(320))) };
        world
    });
}
