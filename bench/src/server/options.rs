//! The command line of `serve` and what `cluster` shares with it.

use crate::arguments::address;
use crate::variants::Variant;
use clap::{Args, ValueEnum};
use core::time::Duration;
use paxos_core::Consistency;
use std::path::PathBuf;

/// How new a read must be. All but `local` are linearizable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Default)]
pub enum Reads {
    /// The leader says how far the log goes, once a quorum confirmed that it leads
    #[default]
    Confirmed,
    /// The leader says so alone while its lease lasts (`lease_ms` in the cluster's file; 0, the default: there is none). May be stale after
    /// a pause that no clock of the machine counts, such as a hypervisor's
    Lease,
    /// A quorum of acceptors says so, without the leader
    Quorum,
    /// What this member has, at once; it may be old
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
    /// The variant; the same for all members
    #[arg(long, value_enum, default_value_t = Variant::Multi)]
    pub variant: Variant,
    /// Which of the members in the cluster's file this is
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(0..64))]
    pub id: u16,
    /// The cluster's file (the format: docs/server.md)
    #[arg(long, value_name = "FILE.toml")]
    pub cluster: PathBuf,
    /// Where this member keeps what it must not forget; a directory of its own
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Where it listens to clients [default: its `resp` in the cluster's file]; port 0: any that is free
    #[arg(long, value_name = "ADDR", value_parser = address::written)]
    pub resp: Option<String>,
    /// Refuse to start with a directory that has nothing in it: this member ran before
    #[arg(long)]
    pub existing: bool,
    /// Write the protocol steps as JSON lines (the format: docs/trace-format.md)
    #[arg(long, value_name = "FILE")]
    pub trace_out: Option<PathBuf>,
    /// Serve /metrics for Prometheus, /healthz and /readyz over HTTP at this address; port 0: any that is free
    #[arg(long, value_name = "ADDR", value_parser = address::written)]
    pub metrics: Option<String>,
    /// Listen on addresses that others can reach, though nothing is encrypted
    #[arg(long)]
    pub insecure_bind: bool,
    /// How it treats clients
    #[command(flatten)]
    pub clients: Clients,
    /// Stop when the standard input ends: who started this member is gone
    #[arg(long, hide = true)]
    pub until_stdin_ends: bool,
}

/// How clients are treated.
#[derive(Clone, Debug, Args)]
pub struct Clients {
    /// How new a read must be
    #[arg(long, value_enum, default_value_t = Reads::Confirmed)]
    pub reads: Reads,
    /// What clients must say first, with AUTH
    #[arg(long, value_name = "PASSWORD", env = "PAXOS_REQUIREPASS", hide_env_values = true)]
    pub requirepass: Option<String>,
    /// How many clients may be connected
    #[arg(long, default_value_t = 10_000, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub maxclients: u32,
    /// How many commands of many operations each are under way at a time
    #[arg(long, default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=16))]
    pub lanes: u8,
    /// What to write to the standard error: error, warn, info, debug, trace, or by module as `RUST_LOG` has it
    #[arg(long, default_value = "info", value_name = "LEVEL")]
    pub log: String,
}

/// The default of how long a command or a read waits for the cluster.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);
