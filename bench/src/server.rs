//! Members of a cluster that replicates a key-value store and speaks the Redis protocol, each a real process.
//!
//! `paxos-bench serve` runs one member ([`serve()`]), `cluster` runs all of them ([`local_cluster`]), and `store`
//! inspects a stopped member ([`store`]). `backup` and `restore` copy all keys to a file and back ([`mod@backup`]).
//!
//! ```text
//!   clients ──▶ connection ─▶ session ─┬─ replies that need no state
//!                (parser)   (MULTI, …) └─ operations ─▶ batcher ─┬─ writes: one command of many ─▶ log
//!                                                              └─ reads: the replica, when it is new enough
//! ```

pub mod backup;
mod batcher;
mod clock;
mod file;
mod front;
pub mod local_cluster;
mod member;
mod options;
mod process;
pub mod resp;
pub mod store;
pub mod tls;

pub use clock::wall_clock;
pub use file::{ClientTls, ClusterFile, FileError, Place, Tls, Waits};
pub use front::Server;
pub use member::{Member, Query};
pub use options::{Clients, Reads, Serve};
pub use process::{ServeError, init_log, serve};
pub(crate) use process::{cores, make_dir, stop_signal};

use core::time::Duration;
use paxos_core::{Consistency, NodeId};
use paxos_transport::TcpHandle;
use resp::Bounds;
use std::sync::Arc;
use tls::ClientPort;

/// The version of Redis that the server reports; clients choose their commands by it.
const REDIS_VERSION: &str = "7.0.0";

/// A process named in the cluster's file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its id.
    pub id: NodeId,
    /// Its address for other members.
    pub peer: String,
    /// Its address for clients; empty if the file does not give one.
    pub resp: String,
    /// Whether it is a spare.
    pub spare: bool,
}

/// How a server treats its clients.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The address for clients, which the server reports about itself.
    pub resp: String,
    /// The variant's name.
    pub variant: &'static str,
    /// How fresh a read must be.
    pub reads: Consistency,
    /// The password that clients must give first.
    pub password: Option<String>,
    /// TLS at the port for clients, if it speaks TLS.
    pub tls: Option<Arc<ClientPort>>,
    /// The most clients that are connected at a time.
    pub clients: usize,
    /// The limits of one request.
    pub bounds: Bounds,
    /// How long a read waits for the cluster.
    pub patience: Duration,
    /// How long a client may leave its replies unread.
    pub slow: Duration,
    /// How many commands, and how many reads, are under way at a time.
    pub batches: usize,
    /// All processes named in the cluster's file.
    pub peers: Vec<Peer>,
    /// The member's network, for what the server reports about its peers.
    pub carrier: Option<TcpHandle>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            resp: String::new(),
            variant: "",
            reads: Consistency::Confirmed,
            password: None,
            tls: None,
            clients: 10_000,
            bounds: Bounds::default(),
            patience: Duration::from_secs(10),
            slow: Duration::from_secs(30),
            batches: 4,
            peers: Vec::new(),
            carrier: None,
        }
    }
}

/// The command line's name of a read mode.
pub(crate) fn reads_name(consistency: Consistency) -> &'static str {
    match consistency {
        Consistency::Confirmed => "confirmed",
        Consistency::Lease => "lease",
        Consistency::Quorum => "quorum",
        Consistency::Local | Consistency::AtLeast(_) => "local",
    }
}
