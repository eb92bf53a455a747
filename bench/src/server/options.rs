//! The command line of `serve`, and the part that `cluster` shares.

use crate::options::arguments::address;
use crate::variants::Variant;
use clap::{Args, ValueEnum};
use core::time::Duration;
use paxos_core::Consistency;
use std::path::PathBuf;

/// How fresh a read must be. All modes except `local` are linearizable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Default)]
pub enum Reads {
    /// The leader answers after a quorum confirms that it leads
    #[default]
    Confirmed,
    /// The leader answers alone while its lease lasts (`lease_ms` in the cluster's file; 0, the default, is no lease).
    /// May be stale after a pause that no clock of the machine counts, such as a hypervisor's
    Lease,
    /// A quorum of acceptors answers, without the leader
    Quorum,
    /// This member answers at once from its replica, which may be stale
    Local,
}

impl From<Reads> for Consistency {
    fn from(reads: Reads) -> Self {
        match reads {
            Reads::Confirmed => Self::Confirmed,
            Reads::Lease => Self::Lease,
            Reads::Quorum => Self::Quorum,
            Reads::Local => Self::Local,
        }
    }
}

/// One member of a cluster.
#[derive(Debug, Args)]
pub struct Serve {
    /// The variant; must be the same for all members
    #[arg(long, value_enum, default_value_t = Variant::Multi)]
    pub variant: Variant,
    /// The id of this member in the cluster's file
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(0..64))]
    pub id: u16,
    /// The cluster's file (the format: docs/server.md)
    #[arg(long, value_name = "FILE.toml")]
    pub cluster: PathBuf,
    /// The directory in which this member keeps its data; no other member may use it
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// The address for clients [default: its `resp` in the cluster's file]; port 0: any free port
    #[arg(long, value_name = "ADDR", value_parser = address::written)]
    pub resp: Option<String>,
    /// Refuse to start with an empty directory, because this member ran before
    #[arg(long)]
    pub existing: bool,
    /// Write the protocol steps as JSON lines (the format: docs/trace-format.md)
    #[arg(long, value_name = "FILE")]
    pub trace_out: Option<PathBuf>,
    /// Serve /metrics for Prometheus, /healthz and /readyz over HTTP at this address; port 0: any free port
    #[arg(long, value_name = "ADDR", value_parser = address::written)]
    pub metrics: Option<String>,
    /// Listen on addresses that others can reach, although nothing is encrypted
    #[arg(long)]
    pub insecure_bind: bool,
    /// How the member treats clients
    #[command(flatten)]
    pub clients: Clients,
    /// Stop when the standard input ends, because the process that started this member is gone
    #[arg(long, hide = true)]
    pub until_stdin_ends: bool,
}

/// How a member treats its clients.
#[derive(Clone, Debug, Args)]
pub struct Clients {
    /// How fresh a read must be
    #[arg(long, value_enum, default_value_t = Reads::Confirmed)]
    pub reads: Reads,
    /// The password that clients must give with AUTH
    #[arg(long, value_name = "PASSWORD", env = "PAXOS_REQUIREPASS", hide_env_values = true)]
    pub requirepass: Option<String>,
    /// The most clients that may be connected at a time
    #[arg(long, default_value_t = 10_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub maxclients: u32,
    /// How many commands, of many operations each, are under way at a time
    #[arg(long, default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=16))]
    pub batches: u8,
    /// Threads for clients, peers and the protocol; the disk has its own [default: one for each core; in `cluster`,
    /// each member's share of the cores, at least one]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub threads: Option<u16>,
    /// What to log to the standard error: error, warn, info, debug, trace, or per module in the syntax of `RUST_LOG`
    #[arg(long, default_value = "info", value_name = "LEVEL")]
    pub log: String,
}

/// How long a command or a read waits for the cluster by default.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
