//! The command line of `versus`.

use super::VersusError;
use crate::load::{Form, positive};
use crate::options::arguments::Misfit;
use crate::variants::Variant;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// The help text below the options.
pub const HELP: &str = "\
The systems get the same load in turn: N clients, each with its own connection, write a value, wait for the answer, and
write the next. All systems run on this machine, communicate over loopback, and write to the same file system. Each
answers a write when it is synced to disk:

  cluster  this cluster, each member in its own process (paxos-bench cluster): on the disks of a majority
  etcd     as many members: on the disks of a majority. It is asked by HTTP/JSON, which costs it more than gRPC would
  redis    one server, appendonly yes, appendfsync always: on one disk, not replicated
  floor    a leader and followers that each write a block, without any protocol (paxos-bench floor): on the disks of a
           majority. It is a lower bound for any replicated store

etcd and redis-server are taken from the PATH; a missing one is reported and left out. All are started on free ports. At
the end of the run, even if it fails, they are stopped and their data is removed.

The systems take turns in rounds. Each ratio compares two measurements of one round. Its median, lowest and highest
value over the rounds are shown: writes/s above 1 x means that the cluster does more, a latency above 1 x that it
takes longer. docs/versus.md explains how to read the result, and what is unfair about it.

Examples:
  paxos-bench versus
  paxos-bench versus --against floor --clients 1 --seconds 1 --rounds 3
  paxos-bench versus --variant fast --nodes 5 --rounds 9 --data /mnt/ssd --format json > versus.json

Exit codes: 0 all systems were measured, 1 a server failed or the run was stopped, 2 the command line is wrong.";

/// The most bytes that may be under way.
const UNDER_WAY: u64 = 64 << 20;

/// A system to compare the cluster with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Against {
    /// etcd, from the PATH
    Etcd,
    /// Redis, from the PATH
    Redis,
    /// A leader and followers without a protocol
    Floor,
}

impl Against {
    /// The system's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Etcd => "etcd",
            Self::Redis => "redis",
            Self::Floor => "floor",
        }
    }
}

/// The options of a comparison.
#[derive(Clone, Debug, Args)]
pub struct Versus {
    /// The variant of this cluster
    #[arg(long, value_enum, default_value_t = Variant::Multi)]
    pub variant: Variant,
    /// The systems to compare it with
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Against::Etcd, Against::Redis, Against::Floor])]
    pub against: Vec<Against>,
    /// The numbers of clients, each measured separately
    #[arg(long, value_delimiter = ',', default_values_t = [1, 64, 256], value_name = "N", value_parser = clap::value_parser!(u32).range(1..=512))]
    pub clients: Vec<u32>,
    /// The length of values in bytes
    #[arg(long, default_value_t = 100, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(16..=1_048_576))]
    pub value_size: u32,
    /// The number of members of this cluster, of etcd and of the floor
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=9))]
    pub nodes: u16,
    /// The number of rounds
    #[arg(long, default_value_t = 5, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rounds: u32,
    /// The seconds for which each system is measured in a round, with each number of clients
    #[arg(long, default_value_t = 3.0, value_name = "S", value_parser = short)]
    pub seconds: f64,
    /// Where all systems write, in a new directory that is removed at the end [default: the current directory]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// How to print the result
    #[arg(long, value_enum, default_value_t = Form::Table)]
    pub format: Form,
}

/// Parses a duration. A measurement of more than an hour is taken for a typing mistake.
fn short(text: &str) -> Result<f64, String> {
    let seconds = positive(text)?;
    if seconds <= 3600.0 { Ok(seconds) } else { Err("give no more than 3,600 seconds".into()) }
}

impl Versus {
    /// Checks that each option has an effect, and that the machine can handle the load.
    pub(super) fn check(&self) -> Result<(), VersusError> {
        for (nth, clients) in self.clients.iter().enumerate() {
            if self.clients[..nth].contains(clients) {
                return Err(Misfit::twice("--clients", clients).into());
            }
            let size = self.value_size;
            if u64::from(*clients) * u64::from(size) > UNDER_WAY {
                return Err(VersusError::TooMuch { clients: *clients, size });
            }
        }
        for (nth, against) in self.against.iter().enumerate() {
            if self.against[..nth].contains(against) {
                return Err(Misfit::twice("--against", against.name()).into());
            }
        }
        Ok(())
    }
}
