//! The command line of `check`.

use crate::lab::faults::Drawing;
use crate::load::Form;
use crate::options::arguments::whole;
use crate::theory::Recovery;
use clap::{Args, ValueEnum};
use serde::Serialize;
use std::num::NonZeroUsize;
use std::path::PathBuf;

/// The end of the help text.
pub const HELP: &str = "\
A state is what all processes know, what is on their disks, and every message that was ever sent. From each state, each message may
arrive, for the first time or again; messages that never arrive are lost. A request arrives again as often as --repeats says. With --crashes, a process may crash when a message has
arrived, before it writes anything that follows from the message, and restart from its disk. With --writes, that many writes of a
process may be in progress while it handles more messages; a crash loses them. A proposer whose ballot is refused begins a higher one,
until it is beyond round --rounds, where the search does not continue. With --learners, processes that only learn hear what is chosen.

States that differ only by which acceptor is which are explored once, and their number with each order of the acceptors is told.
--no-symmetry explores each. Acceptors that are proposers as well, or recover from collisions by themselves, are not alike. Of more
than five, the first five are.

Three properties are checked. Agreement: no two values are chosen in a slot, and no process takes another value for chosen. A decision
is reachable, and every command can be decided: some run leads there, so agreement does not hold merely because nothing happens. Where
an acceptor is replaced, the new members can decide as well.

  paxos-bench check --variant basic --scenario rivals
  paxos-bench check --variant multi --scenario succession --crashes 1 --writes 1
  paxos-bench check --variant fast --scenario collision --acceptors 4 --recovery uncoordinated
  paxos-bench check --variant multi --scenario replacement
  paxos-bench check --variant basic --scenario rivals --rounds 1 --steps 0         explores everything
  paxos-bench check --variant multi --scenario rivals --forgetful --crashes 1 --draw ascii      shows what a lost disk does

Exit codes: 0 every property holds in all explored states, 1 a property does not hold, 2 the command line is wrong.";

/// The variants that can be checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Checkable {
    /// Two phases for every command
    Basic,
    /// Phase 1 once, then phase 2 only
    Multi,
    /// Clients send to the acceptors directly
    Fast,
}

/// The situation that the processes are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scene {
    /// Two proposers have one command each, and there is no leader
    Rivals,
    /// n0 leads, and n1 takes over at any time while clients send commands
    Succession,
    /// n0 leads, and two or more clients send commands at the same time
    Collision,
    /// n0 leads and replaces the last acceptor by a new one, a client sends a command, and n1 takes over at any time; each
    /// server has all roles
    Replacement,
}

/// Which cluster to explore, and how far.
#[derive(Clone, Debug, Args)]
pub struct Check {
    /// The variant
    #[arg(long, value_enum, default_value = "multi")]
    pub variant: Checkable,
    /// The situation that the processes are in
    #[arg(long, value_enum, default_value = "succession")]
    pub scenario: Scene,
    /// The number of acceptors
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=9))]
    pub acceptors: u16,
    /// The number of clients, each with one command [default: 2 in a collision, else 1; rivals have their own commands]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=4))]
    pub clients: Option<u16>,
    /// How Fast Paxos recovers from a collision (fast only) [default: coordinated]
    #[arg(long, value_enum)]
    pub recovery: Option<Recovery>,
    /// The number of processes that only learn
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = clap::value_parser!(u16).range(0..=4))]
    pub learners: u16,
    /// The highest round in which a proposer begins a ballot
    #[arg(long, default_value_t = 2, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub rounds: u64,
    /// The most crashes in a run
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub crashes: u8,
    /// The most writes of a process that may be in progress while it continues; 0: each is durable at once
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub writes: usize,
    /// How often the same request may arrive again at a process; each time, it may take another slot
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub repeats: usize,
    /// A process that crashes loses its disk, which no variant tolerates
    #[arg(long)]
    pub forgetful: bool,
    /// Stop after this many steps, each from a state to another or the same one; 0: when all states are explored
    #[arg(long, default_value = "1000000", value_name = "N", value_parser = whole)]
    pub steps: u64,
    /// Stop after this many seconds; 0: when all states are explored
    #[arg(long, default_value = "0", value_name = "S", value_parser = whole)]
    pub seconds: u64,
    /// The number of threads that explore; only one finds a shortest run to a violation [default: the number of cores]
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
    /// Explore states that differ only by which acceptor is which, too
    #[arg(long)]
    pub no_symmetry: bool,
    /// Draw the run to a violation, if one is found
    #[arg(long, value_enum, conflicts_with = "format")]
    pub draw: Option<Drawing>,
    /// Write the protocol steps of the run to a violation as JSON lines (the format: docs/trace-format.md)
    #[arg(long, value_name = "FILE")]
    pub trace_out: Option<PathBuf>,
    /// How to print the results
    #[arg(long, value_enum, default_value = "table")]
    pub format: Form,
}
