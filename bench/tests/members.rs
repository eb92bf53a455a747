//! Members come and go while commands flow: one server grows to three and five, every member is replaced one by
//! one, five shrink to one. Nothing is lost, nothing is executed twice.

use paxos_core::{Change, Config, Limits, NodeId, NodeSet, Protocol, Slot, StateMachine, Time};
use paxos_transport::sim::{Delay, Fault, Links, Sim, Stop, World};
use std::time::Duration;

/// Remembers everything; the reply is how much that is.
#[derive(Debug, Default)]
struct Journal(Vec<u64>);

impl StateMachine for Journal {
    type Command = u64;
    type Reply = u64;
    fn apply(&mut self, _slot: Slot, command: &u64) -> u64 {
        self.0.push(*command);
        self.0.len() as u64
    }
}

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// `MEMBERS=100000 cargo test --release -p paxos-bench --test members` for a long night.
fn seeds(usual: u64) -> u64 {
    std::env::var("MEMBERS").ok().and_then(|n| n.parse().ok()).unwrap_or(usual)
}

/// From n0 alone to three, to five, to five others, and back to one.
fn itinerary() -> Vec<Change> {
    let n = NodeId;
    let mut changes: Vec<Change> = (1..5).map(|id| Change::add(n(id))).collect();
    changes.extend((0..5).map(|id| Change::replace(n(id), n(id + 5))));
    changes.extend((5..9).map(|id| Change::remove(n(id))));
    changes
}

/// A cluster of n0, nine spares, and two clients.
fn world<P: Protocol>(options: P::Options, seed: u64) -> World<P> {
    let mut config = Config::collapsed(1).expect("an acceptor");
    config.spares = NodeSet::first(10).without(NodeSet::first(1));
    config.limits = Limits { window: 8, alpha: 16, batch: 4, ..Limits::default() };
    let mut world = World::new(config, options, seed);
    world.links = Links::new(Delay::Uniform { low: ms(1), high: ms(5) });
    world.limit.time = Duration::from_secs(60);
    world.limit.events = 5_000_000;
    world.add_clients(2);
    world
}

/// The members in force, as the one who is farthest knows them.
fn members<P>(sim: &Sim<P, Journal>) -> NodeSet
where
    P: Protocol<Value = u64, Reply = u64>,
{
    let known = sim.ids().iter().filter_map(|id| sim.node(*id)?.chosen().epochs());
    known.max_by_key(|epochs| epochs.current().from).map_or(NodeSet::EMPTY, |e| e.current().members.acceptors)
}

/// Makes every change of the itinerary, one after the other, each asked of a member, while clients write.
/// `disturb` is called after each.
fn travel<P>(world: World<P>, mut disturb: impl FnMut(&mut Sim<P, Journal>, usize)) -> Sim<P, Journal>
where
    P: Protocol<Value = u64, Reply = u64>,
{
    let clients = world.clients.clone();
    let seed = world.seed;
    let mut sim = Sim::new(world, |_| Journal::default());
    for (at, client) in clients.iter().enumerate() {
        sim.submit_in_turn(*client, 2, (0..400).map(|k| at as u64 * 1000 + k));
    }
    let mut expected = NodeSet::first(1);
    for (step, change) in itinerary().into_iter().enumerate() {
        sim.run_for(ms(30)).unwrap_or_else(|breach| panic!("{breach}"));
        let asked = loop {
            let up = |id: &NodeId| sim.is_up(*id);
            if let Some(member) = members(&sim).iter().find(up) {
                break member;
            }
            sim.run_for(ms(20)).unwrap_or_else(|breach| panic!("{breach}"));
        };
        sim.change(asked, change).expect("it is up");
        expected = expected.without(change.remove).union(change.add.acceptors);
        disturb(&mut sim, step);
        let stop = sim.run_until(|sim| members(sim) == expected).unwrap_or_else(|breach| panic!("{breach}"));
        assert_eq!(stop, Stop::Done, "seed {seed}, step {step}: {change}");
    }
    sim
}

/// Everything is answered, and the last member has executed each command once.
fn arrived<P>(mut sim: Sim<P, Journal>)
where
    P: Protocol<Value = u64, Reply = u64>,
{
    let seed = sim.world().seed;
    let clients: Vec<NodeId> = sim.world().clients.clone();
    let done = |sim: &Sim<P, Journal>| {
        sim.commands().iter().filter(|c| clients.contains(&c.id.client.node)).filter(|c| c.is_settled()).count() == 800
    };
    let stop = sim.run_until(done).unwrap_or_else(|breach| panic!("{breach}"));
    assert_eq!(stop, Stop::Done, "seed {seed}");
    let mut journal = sim.machine(NodeId(9)).expect("the last member").0.clone();
    journal.sort_unstable();
    let all: Vec<u64> = (0..400).chain(1000..1400).collect();
    assert_eq!(journal, all, "seed {seed}");
}

#[test]
fn a_cluster_grows_moves_and_shrinks_while_commands_flow() {
    arrived(travel::<multi_paxos::MultiPaxos<u64, u64>>(world((), 1), |_, _| {}));
}
