//! What the tests share: a small state machine, and worlds to run it in.

use core::time::Duration;
use multi_paxos::MultiPaxos;
use paxos_core::{Config, NodeId, Slot, StateMachine};
use paxos_transport::sim::{Sim, World};

/// Remembers everything, and answers with how much that is and its sum.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) entries: Vec<u64>,
}

impl StateMachine for Ledger {
    type Command = u64;
    type Reply = (u64, u64);
    fn apply(&mut self, _slot: Slot, command: &u64) -> (u64, u64) {
        self.entries.push(*command);
        (self.entries.len() as u64, self.entries.iter().sum())
    }
}

pub(crate) type Multi = MultiPaxos<u64, (u64, u64)>;
pub(crate) type MultiSim = Sim<Multi, Ledger>;

pub(crate) const MS: Duration = Duration::from_millis(1);

pub(crate) fn sim(world: World<Multi>) -> MultiSim {
    Sim::new(world, |_| Ledger::default())
}

/// `n` servers without any timeout, and one client.
pub(crate) fn quiet(n: u16) -> (World<Multi>, NodeId) {
    let mut config = Config::collapsed(n).expect("acceptors");
    config.timeouts = paxos_core::Timeouts::NEVER;
    let mut world = World::new(config, (), 1);
    let client = world.add_clients(1)[0];
    (world, client)
}
