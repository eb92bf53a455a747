//! Shared parts of the tests: a small state machine, and worlds to run it in.

use core::time::Duration;
use paxos_core::{Config, NodeId, Protocol, Slot, StateMachine, Time};
use paxos_transport::sim::{Sim, World};

/// A state machine that counts commands and replies with the count.
#[derive(Clone, Debug, Default)]
pub(crate) struct Count(pub(crate) u64);

impl StateMachine for Count {
    type Command = u64;
    type Reply = u64;
    fn apply(&mut self, _slot: Slot, _command: &u64) -> u64 {
        self.0 += 1;
        self.0
    }
}

pub(crate) type Multi = multi_paxos::MultiPaxos<u64, u64>;

pub(crate) const MS: Duration = Duration::from_millis(1);

pub(crate) const N0: NodeId = NodeId(0);
pub(crate) const N1: NodeId = NodeId(1);
pub(crate) const N2: NodeId = NodeId(2);

pub(crate) fn ms(n: u64) -> Time {
    Time(0).after(Duration::from_millis(n))
}

/// `n` servers with leases of 80 ms, and a client.
pub(crate) fn leased(n: u16) -> (World<Multi>, NodeId) {
    let mut config = Config::collapsed(n).expect("acceptors");
    config.timeouts.lease = Some(80 * MS);
    let mut world = World::new(config, (), 1);
    let client = world.add_clients(1)[0];
    (world, client)
}

pub(crate) fn sim<P>(world: World<P>) -> Sim<P, Count>
where
    P: Protocol<Value = u64, Reply = u64>,
{
    Sim::new(world, |_| Count::default())
}

pub(crate) fn run<P>(sim: &mut Sim<P, Count>, time: Duration)
where
    P: Protocol<Value = u64, Reply = u64>,
{
    sim.run_for(time).unwrap_or_else(|violation| panic!("{violation}"));
}

pub(crate) fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}
