//! The command lines of `backup` and `restore`.

use crate::options::arguments::TlsArguments;
use crate::options::arguments::address::reachable;
use clap::Args;
use std::path::PathBuf;

/// Below the options in the help of `backup`.
pub const BACKUP_HELP: &str = "\
The backup holds the keys of one moment, after every write that was answered before the command began. Commands go on
meanwhile. The file consists of Redis commands with a checksum at the end; docs/operate.md describes it.

Examples:
  paxos-bench backup monday.backup
  paxos-bench backup monday.backup --addr 10.0.0.1:6379,10.0.0.2:6379

Exit codes: 0 the file is complete and on the disk, 1 there is no backup (also after Ctrl-C), 2 the command line is
wrong or the file cannot be written.";

/// Below the options in the help of `restore`.
pub const RESTORE_HELP: &str = "\
The whole file is checked before the first key is sent. Each key is written through the log of the cluster, which may
have other members and another variant than the one that the backup was taken from. Times to live go on as deadlines:
keys whose time has passed do not come back.

Example:
  paxos-bench cluster --data new --port 7001
  paxos-bench restore monday.backup --addr 127.0.0.1:7001

Exit codes: 0 all keys are restored, 1 some are not or the file is damaged, 2 the command line is wrong, or the cluster
has keys and --merge is not given.";

/// Which cluster, and how to connect to it.
#[derive(Clone, Debug, Args)]
pub struct Cluster {
    /// Members of the cluster. Backup asks the first that answers; restore goes on at the next one when one fails
    #[arg(long, value_delimiter = ',', default_value = "127.0.0.1:7001", value_name = "ADDR", value_parser = reachable)]
    pub addr: Vec<String>,
    /// The servers' password
    #[arg(long, value_name = "PASSWORD", env = "PAXOS_REQUIREPASS", hide_env_values = true)]
    pub password: Option<String>,
    /// How many seconds a server may take for an answer before it is given up: more than three times its `give_up_ms`
    #[arg(long, default_value_t = 35, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub patience: u32,
    /// How to connect
    #[command(flatten)]
    pub tls: TlsArguments,
}

/// Takes a backup of a running cluster.
#[derive(Clone, Debug, Args)]
pub struct Backup {
    /// The file to write; it must not exist
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The cluster
    #[command(flatten)]
    pub cluster: Cluster,
    /// Take what the member has, without asking the others: for a cluster that has lost its quorum. Acknowledged writes may be missing
    #[arg(long)]
    pub local: bool,
}

/// Loads a backup into a running cluster.
#[derive(Clone, Debug, Args)]
pub struct Restore {
    /// The backup
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The cluster
    #[command(flatten)]
    pub cluster: Cluster,
    /// Restore into a cluster that has keys: those in the backup are replaced, or deleted if their time has passed
    #[arg(long)]
    pub merge: bool,
}
