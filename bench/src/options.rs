//! The command line.

use crate::lab::check::{self, Check};
use crate::lab::compare::Compare;
use crate::lab::experiments::{ExperimentOptions, ReportOptions};
use crate::lab::explore::{self, Explore};
use crate::lab::simulate::{Draw, Simulate};
use crate::lab::soak::{self, Soak};
use crate::lab::survey::{self, Survey};
use crate::linearize::{self, Linearize};
use crate::load::Load;
use crate::server::Serve;
use crate::server::backup::{self, Backup, Restore};
use crate::server::local_cluster::LocalCluster;
use crate::server::store::{self, StoreOptions};
use crate::versus::floor::Floor;
use crate::versus::{self, Versus};
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

/// Compares variants of Paxos: messages, delays and latency beside what theory predicts, and runs under faults
/// with every invariant checked. Without a command it does `compare` with its defaults.
///
/// Exit codes: 0 all is as predicted, 1 a number differs or an invariant broke, 2 the command line or a file is
/// wrong, or the results cannot be written.
#[derive(Debug, Parser)]
#[command(name = "paxos-bench", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// The options of `compare`, which is the default.
    #[command(flatten)]
    pub compare: Compare,
}

impl Cli {
    /// Reads the arguments of this process.
    ///
    /// # Errors
    /// What is wrong with them, or the help that they ask for.
    pub fn read() -> Result<Self, clap::Error> {
        Self::from_arg_matches(&with_negative_numbers(Self::command()).try_get_matches()?)
    }
}

/// So that `-1` is refused as a value of the option before it, and not as an option that nobody knows.
fn with_negative_numbers(command: clap::Command) -> clap::Command {
    command
        .mut_args(|arg| if arg.get_action().takes_values() { arg.allow_negative_numbers(true) } else { arg })
        .mut_subcommands(with_negative_numbers)
}

/// What the lab can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Count one decision of each variant, measure it over a wide area, and run each under contention and a crash
    Compare(Box<Compare>),
    /// Run one variant with several clients in the simulator, with faults, and draw or trace the run
    Simulate(Box<Simulate>),
    /// Run any cluster with any mishaps from each of many seeds, and reduce what fails to what it takes
    #[command(after_long_help = soak::HELP)]
    Soak(Box<Soak>),
    /// Explore every run of a small cluster, by model checking
    #[command(after_long_help = check::HELP)]
    Check(Box<Check>),
    /// Draw one decision, every link taking one delay: who says what to whom
    Draw(Draw),
    /// Open a page on which a run is taken event by event: go back, crash, cut, drop, and see what each process knows
    #[command(after_long_help = explore::HELP)]
    Explore(Box<Explore>),
    /// List quorum systems with what they do to fault tolerance, load, latency and collisions, or look at one of them
    #[command(after_long_help = survey::HELP)]
    Quorums(Box<Survey>),
    /// Run an experiment, or all: data, figures and what to take home, the same for the same seed
    Experiment(Box<ExperimentOptions>),
    /// Run all experiments and write one HTML file about them, with figures, that needs nothing else
    Report(Box<ReportOptions>),
    /// Run one member of a cluster that replicates a key-value store and speaks the Redis protocol
    Serve(Box<Serve>),
    /// Run a whole cluster of such members on this machine, each a process of its own
    Cluster(Box<LocalCluster>),
    /// Put load on servers that speak the Redis protocol, and measure latency and throughput
    Load(Box<Load>),
    /// Measure a cluster beside etcd, Redis and the least that has to be done, in turn with the same load
    #[command(after_long_help = versus::HELP)]
    Versus(Box<Versus>),
    /// Run the least that a replicated store has to do: what `versus` compares with
    #[command(hide = true)]
    Floor(Floor),
    /// Look at what a member that is stopped has on disk, and whether all of it is there
    #[command(after_help = store::HELP)]
    Store(StoreOptions),
    /// Write all keys of a running cluster, as they are at one moment, to a file
    #[command(after_help = backup::BACKUP_HELP)]
    Backup(Backup),
    /// Load a backup into a running cluster
    #[command(after_help = backup::RESTORE_HELP)]
    Restore(Restore),
    /// Check whether a history of operations on keys is linearizable, and show which contradict each other
    #[command(after_long_help = linearize::HELP)]
    Linearize(Linearize),
}
