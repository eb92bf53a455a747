//! The settings of a simulation.

mod disk;
mod faults;
mod frame;
mod links;
mod service;

pub use disk::{Disk, Tail};
pub use faults::{Fault, Faults};
pub use frame::Frame;
pub use links::{Cut, Delay, Links, Sites};
pub use service::Service;

use core::time::Duration;
use paxos_core::{Config, NodeId, NodeSet, Protocol, Timeouts};
use std::collections::BTreeMap;
use std::sync::Arc;

/// When a run that does not end by itself is stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limit {
    /// After that many events in all.
    pub events: u64,
    /// After that much virtual time in one call.
    pub time: Duration,
}

impl Default for Limit {
    /// A hundred million events, an hour.
    fn default() -> Self {
        Self { events: 100_000_000, time: Duration::from_secs(3600) }
    }
}

/// Everything that a run depends on, besides what clients submit. Two runs of equal worlds are equal.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "they are switches, each on its own")]
pub struct World<P: Protocol> {
    /// The cluster.
    pub config: Arc<Config>,
    /// The variant's knobs.
    pub options: P::Options,
    /// Processes that are clients and nothing else.
    pub clients: Vec<NodeId>,
    /// Where every draw comes from.
    pub seed: u64,
    /// The network.
    pub links: Links,
    /// The largest message that it carries, if there is one: a larger one breaks an invariant.
    pub frame: Option<Frame<P>>,
    /// The disks.
    pub disk: Disk,
    /// How long writing and syncing takes at processes whose disks are slower or faster than the others; goes before
    /// [`Disk::sync`].
    pub syncs: BTreeMap<NodeId, Delay>,
    /// Whether processes show which store they have, so that the others notice one that has forgotten something
    /// ([`paxos_core::StoreMark`]).
    pub stores: bool,
    /// How long processes are busy with what they do.
    pub service: Service,
    /// By how much a process's clock goes fast (or slow, if negative), in millionths.
    pub drift: BTreeMap<NodeId, i32>,
    /// What goes wrong, besides the links' losses.
    pub faults: Faults,
    /// When to give up.
    pub limit: Limit,
    /// Whether the invariants are checked after every event.
    pub check: bool,
    /// Whether to keep what [`super::Trace`] draws.
    pub trace: bool,
    /// Whether to keep what [`super::Steps`] writes.
    pub steps: bool,
    /// The command that replays a run when the seed is put behind it, for messages.
    pub replay: String,
}

impl<P: Protocol> World<P> {
    /// A cluster whose messages take 1 ms, whose disks write in no time and in which nothing goes wrong. The
    /// waiting times of its processes are drawn from `seed`, too.
    ///
    /// Clients give nothing up, so that a run shows whether everything is answered, unless `config` has another
    /// [`Timeouts::give_up`] than the default.
    pub fn new(mut config: Config, options: P::Options, seed: u64) -> Self {
        config.seed = seed;
        let default = Timeouts::default().give_up;
        config.timeouts.give_up = config.timeouts.give_up.filter(|limit| Some(*limit) != default);
        Self {
            config: Arc::new(config),
            options,
            clients: Vec::new(),
            seed,
            links: Links::constant(Duration::from_millis(1)),
            frame: None,
            disk: Disk::default(),
            syncs: BTreeMap::new(),
            stores: false,
            service: Service::default(),
            drift: BTreeMap::new(),
            faults: Faults::default(),
            limit: Limit::default(),
            check: true,
            trace: false,
            steps: false,
            replay: "rerun with --seed".into(),
        }
    }

    /// Adds `n` processes that are clients only, and returns their ids, which follow on those of the servers
    /// and of the clients there are.
    pub fn add_clients(&mut self, n: u16) -> Vec<NodeId> {
        let last =
            self.config.servers().union(self.config.spares).iter().chain(self.clients.iter().copied()).max();
        let first = last.map_or(0, |id| id.0 + 1);
        let new: Vec<NodeId> = (first..first + n).map(NodeId).collect();
        self.clients.extend(&new);
        new
    }

    /// All processes, by id.
    pub fn processes(&self) -> Vec<NodeId> {
        let servers: NodeSet = self.config.servers().union(self.config.spares);
        let mut all: Vec<NodeId> = servers.iter().chain(self.clients.iter().copied()).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}
