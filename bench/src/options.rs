//! The command line.

pub mod arguments;

use crate::lab::compare::Compare;
use crate::lab::experiments::{self, ExperimentOptions, ReportOptions};
use crate::lab::explore::{self, Explore};
use crate::lab::simulate::{Draw, Simulate};
use crate::lab::survey::{self, Survey};
use crate::lab::verify::check::{self, Check};
use crate::lab::verify::soak::{self, Soak};
use crate::linearize::{self, Linearize};
use crate::load::Load;
#[cfg(unix)]
use crate::nemesis::{self, Nemesis};
use crate::server::Serve;
use crate::server::backup::{self, Backup, Restore};
use crate::server::local_cluster::LocalCluster;
use crate::server::store::{self, StoreOptions};
use crate::versus::floor::Floor;
use crate::versus::{self, Versus};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

/// Compares variants of Paxos: counts messages and delays and measures latency beside what theory predicts, and runs
/// them under faults with every invariant checked. Without a command it runs `compare` with its defaults.
///
/// Exit codes: 0 all results are as predicted, 1 a number differs or an invariant was violated, 2 the command line or a
/// file is wrong, or the results cannot be written.
#[derive(Debug, Parser)]
#[command(name = "paxos-bench", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// The command to run.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The options of `compare`, the default command.
    #[command(flatten)]
    pub compare: Compare,
}

impl Cli {
    /// Parses the arguments of this process.
    ///
    /// # Errors
    /// Returns what is wrong with the arguments, or the help text if they ask for it.
    pub fn read() -> Result<Self, clap::Error> {
        Self::from_arg_matches(&with_negative_numbers(Self::command()).try_get_matches()?)
    }
}

/// Lets `-1` be refused as a value of the option before it, instead of as an unknown option.
fn with_negative_numbers(command: clap::Command) -> clap::Command {
    command
        .mut_args(|arg| if arg.get_action().takes_values() { arg.allow_negative_numbers(true) } else { arg })
        .mut_subcommands(with_negative_numbers)
}

/// The commands of the program.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Count one decision of each variant, measure it over a wide area, and run each under contention and with a crash
    Compare(Box<Compare>),
    /// Run one variant with several clients in the simulator, with faults, and draw or trace the run
    Simulate(Box<Simulate>),
    /// Run any cluster with any faults from each of many seeds, and reduce each failure to the faults it needs
    #[command(after_long_help = soak::HELP)]
    Soak(Box<Soak>),
    /// Run a cluster of real processes under faults for hours, and check every history
    #[cfg(unix)]
    #[command(after_long_help = nemesis::HELP)]
    Nemesis(Box<Nemesis>),
    /// Explore every run of a small cluster by model checking
    #[command(after_long_help = check::HELP)]
    Check(Box<Check>),
    /// Draw the messages of one decision, with one delay per link
    Draw(Draw),
    /// Open a page that steps through a run: go back, crash, cut, drop, and see what each process knows
    #[command(after_long_help = explore::HELP)]
    Explore(Box<Explore>),
    /// List quorum systems with their fault tolerance, load, latency and collisions, or look at one of them
    #[command(after_long_help = survey::HELP)]
    Quorums(Box<Survey>),
    /// Run one experiment or all: data, figures and conclusions, the same for the same seed
    #[command(after_long_help = experiments::HELP)]
    Experiment(Box<ExperimentOptions>),
    /// Run all experiments, or take the results of earlier runs, and write one self-contained HTML file
    Report(Box<ReportOptions>),
    /// Run one member of a cluster that replicates a key-value store and speaks the Redis protocol
    Serve(Box<Serve>),
    /// Run a whole cluster of such members on this machine, each in its own process
    Cluster(Box<LocalCluster>),
    /// Put load on servers that speak the Redis protocol, and measure latency and throughput
    Load(Box<Load>),
    /// Measure a cluster beside etcd, Redis and a minimal replicated store, in turn and with the same load
    #[command(after_long_help = versus::HELP)]
    Versus(Box<Versus>),
    /// Run a minimal replicated store, the lower bound that `versus` compares with
    #[command(hide = true)]
    Floor(Floor),
    /// Inspect the files of a stopped member, and check whether they are complete
    #[command(after_help = store::HELP)]
    Store(StoreOptions),
    /// Write all keys of a running cluster, as of one moment, to a file
    #[command(after_help = backup::BACKUP_HELP)]
    Backup(Backup),
    /// Load a backup into a running cluster
    #[command(after_help = backup::RESTORE_HELP)]
    Restore(Restore),
    /// Check whether a history of operations on keys is linearizable, and show which operations contradict each other
    #[command(after_long_help = linearize::HELP)]
    Linearize(Linearize),
}
