//! Shared parts of the tests: a small state machine, and worlds to run it in.

use core::time::Duration;
use paxos_core::{Config, NodeId, Protocol, RestoreError, Slot, StateMachine, Timeouts};
use paxos_transport::sim::{Sim, World};

/// A state machine that remembers all commands; the reply is their number and their sum.
#[derive(Clone, Debug, Default)]
pub(crate) struct Machine {
    pub(crate) entries: Vec<u64>,
}

impl StateMachine for Machine {
    type Command = u64;
    type Reply = (u64, u64);
    fn apply(&mut self, _slot: Slot, command: &u64) -> (u64, u64) {
        self.entries.push(*command);
        (self.entries.len() as u64, self.entries.iter().sum())
    }

    fn snapshot(&self) -> Option<Vec<u8>> {
        Some(self.entries.iter().flat_map(|entry| entry.to_le_bytes()).collect())
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), RestoreError> {
        let entry = |bytes: &[u8]| Some(u64::from_le_bytes(bytes.try_into().ok()?));
        let entries = state.chunks(8).map(entry).collect::<Option<_>>();
        self.entries = entries.ok_or_else(|| RestoreError::Machine("cut short".into()))?;
        Ok(())
    }
}

pub(crate) type Multi = multi_paxos::MultiPaxos<u64, (u64, u64)>;
pub(crate) type Basic = basic_paxos::BasicPaxos<u64, (u64, u64)>;
pub(crate) type Fast = fast_paxos::FastPaxos<u64, (u64, u64)>;

/// The default options of a variant.
pub(crate) fn usual<P: Protocol>(_seed: u64) -> P::Options {
    P::Options::default()
}

/// The other recoveries of Fast Paxos from a collision, by seed. Other variants have no such option.
pub(crate) fn recovering<P: Protocol>(seed: u64) -> P::Options {
    let mut options = P::Options::default();
    if let Some(fast) = (&mut options as &mut dyn core::any::Any).downcast_mut::<fast_paxos::Options>() {
        use fast_paxos::Recovery::{Classic, Uncoordinated};
        fast.recovery = if seed % 4 == 3 { Classic } else { Uncoordinated };
    }
    options
}

pub(crate) const MS: Duration = Duration::from_millis(1);

pub(crate) fn sim<P>(world: World<P>) -> Sim<P, Machine>
where
    P: Protocol<Value = u64, Reply = (u64, u64)>,
{
    Sim::new(world, |_| Machine::default())
}

/// `n` servers without any timeout, and one client.
pub(crate) fn quiet(n: u16) -> (World<Multi>, NodeId) {
    let mut config = Config::collapsed(n).expect("acceptors");
    config.timeouts = Timeouts::NEVER;
    let mut world = World::new(config, (), 1);
    let client = world.add_clients(1)[0];
    (world, client)
}

/// Compares `text` with a file of `tests/sim/golden`, or writes the file if `BLESS` is set.
pub(crate) fn assert_golden(name: &str, text: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sim/golden").join(name);
    if std::env::var("BLESS").is_ok() {
        std::fs::write(&path, text).expect("writable");
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, golden, "{name} is not current; look at it, and if it is right run with BLESS=1");
}
