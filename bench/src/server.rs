//! Members of a cluster that replicates a key-value store and speaks the Redis protocol, each a real process.
//!
//! `paxos-bench serve` runs one member ([`serve()`]), `cluster` all of them ([`local_cluster`]), and `store` looks at what one
//! that is stopped has on disk ([`store`]). `backup` and `restore` copy all keys to a file and back ([`mod@backup`]).
//!
//! ```text
//!   clients ──▶ connection ─▶ session ─┬─ replies that need no state
//!                (parser)   (MULTI, …) └─ operations ─▶ lanes ─┬─ writes: one command of many ─▶ log
//!                                                              └─ reads: the replica, when it is new enough
//! ```

pub mod backup;
mod clock;
mod error;
mod file;
mod front;
mod lanes;
pub mod local_cluster;
mod member;
mod options;
mod process;
pub mod resp;
pub mod store;

pub use clock::wall_clock;
pub use error::ServeError;
pub use file::{ClusterFile, FileError, Place, Tls, Waits};
pub use front::Server;
pub use member::{Looker, Member};
pub use options::{Clients, Reads, Serve};
pub use process::{init_log, serve};
pub(crate) use process::{make_dir, stop_signal};

use core::time::Duration;
use paxos_core::{Consistency, NodeId};
use paxos_transport::TcpHandle;
use resp::Bounds;

/// The version of Redis that clients are told, which decides what they try.
const REDIS_VERSION: &str = "7.0.0";

/// A process that the cluster's file names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its name.
    pub id: NodeId,
    /// Where the others find it.
    pub peer: String,
    /// Where clients find it; empty if the file does not say.
    pub resp: String,
    /// Whether it is to become a member later.
    pub spare: bool,
}

/// How a server treats its clients.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where it listens, for what it tells about itself.
    pub resp: String,
    /// The variant's name.
    pub variant: &'static str,
    /// How new a read must be.
    pub reads: Consistency,
    /// What clients must say first.
    pub password: Option<String>,
    /// How many clients it takes at a time.
    pub clients: usize,
    /// What a request may hold.
    pub bounds: Bounds,
    /// How long a read waits for the cluster.
    pub patience: Duration,
    /// How long a client may take nothing of its replies.
    pub slow: Duration,
    /// How many commands and how many reads are under way at a time.
    pub lanes: usize,
    /// All that the cluster's file names.
    pub peers: Vec<Peer>,
    /// The network of the member, for what it tells about its peers.
    pub carrier: Option<TcpHandle>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            resp: String::new(),
            variant: "",
            reads: Consistency::Confirmed,
            password: None,
            clients: 10_000,
            bounds: Bounds::default(),
            patience: Duration::from_secs(10),
            slow: Duration::from_secs(30),
            lanes: 4,
            peers: Vec::new(),
            carrier: None,
        }
    }
}

/// The name of a way to read on the command line.
pub(crate) fn reads_name(consistency: Consistency) -> &'static str {
    match consistency {
        Consistency::Confirmed => "confirmed",
        Consistency::Lease => "lease",
        Consistency::Quorum => "quorum",
        Consistency::Local | Consistency::AtLeast(_) => "local",
    }
}
