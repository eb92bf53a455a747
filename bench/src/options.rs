//! The command line.

mod misfit;

pub use misfit::Misfit;

use crate::faults::{Drawing, Scenario};
use crate::linearize::Linearize;
use crate::load::Load;
use crate::local_cluster::LocalCluster;
use crate::quorums::QuorumChoice;
use crate::report::Format;
use crate::serve::Serve;
use crate::theory::{Layout, Learning, Recovery};
use crate::variants::Variant;
use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

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

/// Reads a number of things, or a seed.
pub(crate) fn whole(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("give a whole number from 0 to {}", u64::MAX))
}

/// What the lab can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Count one decision of each variant, measure it over a wide area, and run each under contention and a crash
    Compare(Box<Compare>),
    /// Run one variant with several clients in the simulator, with faults, and draw or trace the run
    Simulate(Box<Simulate>),
    /// Draw one decision, every link taking one delay: who says what to whom
    Draw(Draw),
    /// List quorum systems with what they do to fault tolerance, load, latency and collisions, or look at one of them
    #[command(after_long_help = crate::survey::HELP)]
    Quorums(Box<crate::survey::Survey>),
    /// Run an experiment, or all: data, figures and what to take home, the same for the same seed
    Experiment(Box<crate::lab::ExperimentOptions>),
    /// Run all experiments and write one HTML file about them, with figures, that needs nothing else
    Report(Box<crate::lab::ReportOptions>),
    /// Run one member of a cluster that replicates a key-value store and speaks the Redis protocol
    Serve(Box<Serve>),
    /// Run a whole cluster of such members on this machine, each a process of its own
    Cluster(Box<LocalCluster>),
    /// Put load on servers that speak the Redis protocol, and measure latency and throughput
    Load(Box<Load>),
    /// Look at what a member that is stopped has on disk, and whether all of it is there
    #[command(after_help = crate::store::HELP)]
    Store(crate::store::StoreOptions),
    /// Check whether a history of operations on keys is linearizable, and show which contradict each other
    #[command(after_long_help = crate::linearize::HELP)]
    Linearize(Linearize),
}

/// What happens when two clients' commands meet in a fast ballot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Collision {
    /// They do not meet.
    None,
    /// The coordinator reads the votes as answers to phase 1 of the next round.
    Coordinated,
    /// The acceptors go on by themselves.
    Uncoordinated,
    /// The coordinator starts a new round with both phases.
    Classic,
}

/// What to compare. Every list may be given with commas.
#[derive(Debug, Args)]
pub struct Compare {
    /// The variants
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Variant::ALL.to_vec())]
    pub variants: Vec<Variant>,
    /// Numbers of acceptors to count with [default: 3,4,5,7,9; the runs with faults take the first, or 5]
    #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..=32), value_name = "N")]
    pub acceptors: Vec<u16>,
    /// Numbers of learners, in the layout with separate roles [default: 1,3]
    #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..=16), value_name = "L")]
    pub learners: Vec<u16>,
    /// Role layouts [default: both]
    #[arg(long, value_enum, value_delimiter = ',')]
    pub roles: Vec<Layout>,
    /// Who hears votes [default: both]
    #[arg(long, value_enum, value_delimiter = ',')]
    pub learning: Vec<Learning>,
    /// Collisions in fast ballots (fast only) [default: all]
    #[arg(long, value_enum, value_delimiter = ',')]
    pub collision: Vec<Collision>,
    /// Quorums: majority, flexible:Q1,Q2, fast-flexible:Q1,Q2,FAST, weighted:…, grid:RxC, zones:…, sets:… or rule:…
    /// (docs/quorums.md says how to write them)
    #[arg(long, default_value = "majority", value_name = "QUORUMS")]
    pub quorum: QuorumChoice,
    /// Let proposers ask a quorum instead of everyone
    #[arg(long)]
    pub thrifty: bool,
    /// Sites of the wide-area runs, a server and a client at each [default: five on three continents]
    #[arg(long, value_delimiter = ',', value_name = "SITE")]
    pub sites: Vec<String>,
    /// Round trips between sites in ms, as CSV with a header of site names [default: 13 AWS regions, built in]
    #[arg(long, value_name = "FILE")]
    pub rtt_file: Option<PathBuf>,
    /// The leader's site in the wide-area runs [default: the first, and then the one with the lowest mean]
    #[arg(long, value_name = "SITE")]
    pub leader: Option<String>,
    /// Commands that each client submits in the runs with contention and a crash
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u64).range(1..=1_000_000), value_name = "N")]
    pub commands: u64,
    /// Where everything random is drawn from
    #[arg(long, default_value_t = 1, value_name = "S", value_parser = whole)]
    pub seed: u64,
    /// How to print the results
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// Also write compare.txt, .json, .csv and .md into this directory
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Write the protocol steps of the crash run as JSON lines; with several variants, one file each, its name
    /// put before the extension
    #[arg(long, value_name = "FILE")]
    pub trace_out: Option<PathBuf>,
}

/// One decision, as a picture.
#[derive(Debug, Args)]
pub struct Draw {
    /// The variant
    #[arg(long, value_enum, default_value_t = Variant::Multi)]
    pub variant: Variant,
    /// Draw the first decision of a leader, with its phase 1 (multi only)
    #[arg(long)]
    pub first: bool,
    /// The number of acceptors
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=16), value_name = "N")]
    pub acceptors: u16,
    /// The number of learners, in the layout with separate roles [default: 1]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=16), value_name = "L")]
    pub learners: Option<u16>,
    /// The role layout [default: collapsed]
    #[arg(long, value_enum)]
    pub roles: Option<Layout>,
    /// Who hears votes [default: distinguished]
    #[arg(long, value_enum)]
    pub learning: Option<Learning>,
    /// Whether two clients collide, and what follows (fast only) [default: none]
    #[arg(long, value_enum)]
    pub collision: Option<Collision>,
    /// Quorums: majority, flexible:Q1,Q2, fast-flexible:Q1,Q2,FAST, weighted:…, grid:RxC, zones:…, sets:… or rule:…
    /// (docs/quorums.md says how to write them)
    #[arg(long, default_value = "majority", value_name = "QUORUMS")]
    pub quorum: QuorumChoice,
    /// Let proposers ask a quorum instead of everyone
    #[arg(long)]
    pub thrifty: bool,
    /// How to draw
    #[arg(long = "as", value_enum, default_value_t = Drawing::Ascii, value_name = "FORM")]
    pub form: Drawing,
}

/// One simulated run, or one for each of many seeds.
#[derive(Debug, Args)]
pub struct Simulate {
    /// The variant
    #[arg(long, value_enum, default_value_t = Variant::Multi)]
    pub variant: Variant,
    /// What goes wrong
    #[arg(long, value_enum, default_value_t = Scenario::Chaos)]
    pub scenario: Scenario,
    /// The number of acceptors
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=32), value_name = "N")]
    pub acceptors: u16,
    /// The number of learners, in the layout with separate roles [default: 2]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=16), value_name = "L")]
    pub learners: Option<u16>,
    /// The role layout [default: collapsed]
    #[arg(long, value_enum)]
    pub roles: Option<Layout>,
    /// Who hears votes [default: distinguished]
    #[arg(long, value_enum)]
    pub learning: Option<Learning>,
    /// What a collision in a fast ballot is answered with (fast only) [default: coordinated]
    #[arg(long)]
    pub collision: Option<Recovery>,
    /// Quorums: majority, flexible:Q1,Q2, fast-flexible:Q1,Q2,FAST, weighted:…, grid:RxC, zones:…, sets:… or rule:…
    /// (docs/quorums.md says how to write them)
    #[arg(long, default_value = "majority", value_name = "QUORUMS")]
    pub quorum: QuorumChoice,
    /// Let proposers ask a quorum instead of everyone
    #[arg(long)]
    pub thrifty: bool,
    /// The number of clients, each a process of its own
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=64), value_name = "N")]
    pub clients: u16,
    /// Commands that each client submits, up to four at a time
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=1_000_000), value_name = "N")]
    pub commands: u64,
    /// Let every process take a snapshot each N slots and forget what it stands for [default: never]
    #[arg(long, default_value_t = 0, hide_default_value = true, value_name = "N", value_parser = whole)]
    pub snapshot_every: u64,
    /// Where everything random is drawn from
    #[arg(long, default_value_t = 1, value_name = "S", value_parser = whole)]
    pub seed: u64,
    /// Run this many seeds, from --seed on, and stop at the first that breaks an invariant
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..), value_name = "N")]
    pub seeds: u64,
    /// Draw the run, in place of a table
    #[arg(long, value_enum, conflicts_with = "format")]
    pub draw: Option<Drawing>,
    /// Write the protocol steps of the run as JSON lines (the format: docs/trace-format.md)
    #[arg(long, value_name = "FILE")]
    pub trace_out: Option<PathBuf>,
    /// How to print the results
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}
