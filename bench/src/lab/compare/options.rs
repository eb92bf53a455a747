//! The command line of `compare`.

use crate::lab::quorums::QuorumChoice;
use crate::lab::report::Format;
use crate::options::arguments::whole;
use crate::theory::{Layout, Learning, Recovery};
use crate::variants::Variant;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// The recovery when two clients' commands collide in a fast ballot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Collision {
    /// The commands do not collide.
    None,
    /// The coordinator reads the votes as answers to phase 1 of the next round.
    Coordinated,
    /// The acceptors recover by themselves.
    Uncoordinated,
    /// The coordinator starts a new round with both phases.
    Classic,
}

impl Collision {
    /// The recovery that follows the collision; none without a collision.
    pub fn recovery(self) -> Option<Recovery> {
        match self {
            Self::None => None,
            Self::Coordinated => Some(Recovery::Coordinated),
            Self::Uncoordinated => Some(Recovery::Uncoordinated),
            Self::Classic => Some(Recovery::Classic),
        }
    }
}

/// What to compare. Items of a list are separated by commas.
#[derive(Debug, Args)]
pub struct Compare {
    /// The variants
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Variant::ALL.to_vec())]
    pub variants: Vec<Variant>,
    /// Numbers of acceptors in the counts [default: 3,4,5,7,9; runs with faults use the first, or 5]
    #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..=32), value_name = "N")]
    pub acceptors: Vec<u16>,
    /// Numbers of learners, in the layout with separate roles [default: 1,3]
    #[arg(long, value_delimiter = ',', value_parser = clap::value_parser!(u16).range(1..=16), value_name = "L")]
    pub learners: Vec<u16>,
    /// Role layouts [default: both]
    #[arg(long, value_enum, value_delimiter = ',')]
    pub roles: Vec<Layout>,
    /// Which processes hear votes [default: both]
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
    /// The seed of all random choices
    #[arg(long, default_value_t = 1, value_name = "S", value_parser = whole)]
    pub seed: u64,
    /// How to print the results
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// Also write compare.txt, .json, .csv and .md into this directory
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Write the protocol steps of the crash run as JSON lines; with several variants, one file each, with the
    /// variant's name before the extension
    #[arg(long, value_name = "FILE")]
    pub trace_out: Option<PathBuf>,
}
