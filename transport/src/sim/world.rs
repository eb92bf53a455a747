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

/// The limits at which a run that does not end by itself is stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limit {
    /// The limit of events in the whole run.
    pub events: u64,
    /// The limit of virtual time in one call.
    pub time: Duration,
}

impl Default for Limit {
    /// A hundred million events, one hour.
    fn default() -> Self {
        Self { events: 100_000_000, time: Duration::from_secs(3600) }
    }
}

/// Everything that determines a run, except the submitted commands. Two runs of equal worlds are equal.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "they are switches, each on its own")]
pub struct World<P: Protocol> {
    /// The cluster.
    pub config: Arc<Config>,
    /// The variant's options.
    pub options: P::Options,
    /// Processes that are only clients.
    pub clients: Vec<NodeId>,
    /// The seed of all random draws.
    pub seed: u64,
    /// The network.
    pub links: Links,
    /// The largest message that the network carries, if there is a limit: a larger message breaks an invariant.
    pub frame: Option<Frame<P>>,
    /// The disks.
    pub disk: Disk,
    /// How long a write with its sync takes at processes with slower or faster disks; overrides [`Disk::sync`].
    pub syncs: BTreeMap<NodeId, Delay>,
    /// Whether processes announce their stores, so that the others notice a process that has forgotten something
    /// ([`paxos_core::StoreMark`]).
    pub stores: bool,
    /// How long processes are busy with their work.
    pub service: Service,
    /// By how much a process's clock is fast (or slow, if negative), in millionths.
    pub drift: BTreeMap<NodeId, i32>,
    /// The faults, in addition to the losses of the links.
    pub faults: Faults,
    /// When to stop the run.
    pub limit: Limit,
    /// Whether the invariants are checked after every event.
    pub check: bool,
    /// Whether to keep the events that [`super::Trace`] draws.
    pub trace: bool,
    /// Whether to keep the steps that [`super::Steps`] writes.
    pub steps: bool,
    /// The command that replays a run when the seed is appended to it, for messages.
    pub replay: String,
}

impl<P: Protocol> World<P> {
    /// Creates a cluster whose messages take 1 ms, whose disks write in no time, and in which nothing fails. The
    /// timeouts of its processes also depend on `seed`.
    ///
    /// Clients never give up, so that a run shows whether everything is answered, unless `config` has a
    /// [`Timeouts::give_up`] other than the default.
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

    /// Adds `n` processes that are only clients, and returns their ids, which follow those of the existing servers,
    /// spares and clients.
    pub fn add_clients(&mut self, n: u16) -> Vec<NodeId> {
        let last =
            self.config.servers().union(self.config.spares).iter().chain(self.clients.iter().copied()).max();
        let first = last.map_or(0, |id| id.0 + 1);
        let new: Vec<NodeId> = (first..first + n).map(NodeId).collect();
        self.clients.extend(&new);
        new
    }

    /// The ids of all processes, in order.
    pub fn processes(&self) -> Vec<NodeId> {
        let servers: NodeSet = self.config.servers().union(self.config.spares);
        let mut all: Vec<NodeId> = servers.iter().chain(self.clients.iter().copied()).collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}
