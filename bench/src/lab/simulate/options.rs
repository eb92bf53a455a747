//! The command lines of `simulate` and `draw`.

use crate::lab::compare::Collision;
use crate::lab::faults::{Drawing, Scenario};
use crate::lab::quorums::QuorumChoice;
use crate::lab::report::Format;
use crate::options::arguments::{Misfit, whole};
use crate::theory::{Layout, Learning, Recovery, Run};
use crate::variants::Variant;
use clap::Args;
use std::path::PathBuf;

/// Which decision to draw.
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
    /// Which processes hear votes [default: distinguished]
    #[arg(long, value_enum)]
    pub learning: Option<Learning>,
    /// Whether two clients collide, and the recovery (fast only) [default: none]
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
    #[arg(long, value_enum, default_value_t = Drawing::Ascii)]
    pub format: Drawing,
}

impl Draw {
    /// The layout and learning of the decision.
    ///
    /// # Errors
    /// [`Misfit`] if options contradict each other.
    pub(crate) fn placed(&self) -> Result<(Layout, Learning), Misfit> {
        let traits = self.variant.traits();
        if self.first && !traits.runs.contains(&Run::MultiFirst) {
            let because = format!("with {}, whose decisions are all alike", self.variant);
            return Err(Misfit::new("--first", because, "give --variant multi"));
        }
        if self.collision.is_some() && !traits.fast {
            return Err(Misfit::collision(&[self.variant]));
        }
        placed(self.variant, self.roles, self.learning, self.learners)
    }

    /// Whether two clients collide, and the recovery.
    pub(crate) fn collision(&self) -> Collision {
        self.collision.unwrap_or(Collision::None)
    }
}

/// Which run to simulate, or which runs with many seeds.
#[derive(Debug, Args)]
pub struct Simulate {
    /// The variant
    #[arg(long, value_enum, default_value_t = Variant::Multi)]
    pub variant: Variant,
    /// The conditions of the run
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
    /// Which processes hear votes [default: distinguished]
    #[arg(long, value_enum)]
    pub learning: Option<Learning>,
    /// How to recover from a collision in a fast ballot (fast only) [default: coordinated]
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
    /// Let every process take a snapshot every N slots and forget the slots that it covers [default: never]
    #[arg(long, default_value_t = 0, hide_default_value = true, value_name = "N", value_parser = whole)]
    pub snapshot_every: u64,
    /// The seed of all random choices
    #[arg(long, default_value_t = 1, value_name = "S", value_parser = whole)]
    pub seed: u64,
    /// Run this many seeds, starting with --seed, and stop at the first that breaks an invariant
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..), value_name = "N")]
    pub seeds: u64,
    /// Draw the run instead of printing a table
    #[arg(long, value_enum, conflicts_with = "format")]
    pub draw: Option<Drawing>,
    /// Write the protocol steps of the run as JSON lines (the format: docs/trace-format.md)
    #[arg(long, value_name = "FILE")]
    pub trace_out: Option<PathBuf>,
    /// How to print the results
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

impl Simulate {
    /// The layout and learning of the run.
    ///
    /// # Errors
    /// [`Misfit`] if options contradict each other.
    pub(crate) fn placed(&self) -> Result<(Layout, Learning), Misfit> {
        if self.collision.is_some() && !self.variant.traits().fast {
            return Err(Misfit::collision(&[self.variant]));
        }
        let one = "give one seed";
        match (self.draw, &self.trace_out) {
            _ if self.seed.checked_add(self.seeds - 1).is_none() => {
                let because = format!("beyond seed {}, the last one", u64::MAX);
                Err(Misfit::new(format!("--seeds {}", self.seeds), because, "begin with a lower --seed"))
            }
            (Some(_), _) if self.seeds > 1 => {
                Err(Misfit::new("--draw", format!("with --seeds {}", self.seeds), one))
            }
            (_, Some(_)) if self.seeds > 1 => {
                Err(Misfit::new("--trace-out", format!("with --seeds {}", self.seeds), one))
            }
            _ => placed(self.variant, self.roles, self.learning, self.learners),
        }
    }
}

/// The layout and learning of one variant, as requested or by default.
fn placed(
    variant: Variant,
    roles: Option<Layout>,
    learning: Option<Learning>,
    learners: Option<u16>,
) -> Result<(Layout, Learning), Misfit> {
    let usual = (Layout::Collapsed, Learning::Distinguished);
    let placed = variant.placed(roles.unwrap_or(usual.0), learning.unwrap_or(usual.1));
    let never = format!("with {variant}, which is always {} and {}", placed.0, placed.1);
    let other = "choose another variant";
    match (roles, learning) {
        (Some(roles), _) if roles != placed.0 => Err(Misfit::new(format!("--roles {roles}"), never, other)),
        (_, Some(learning)) if learning != placed.1 => {
            Err(Misfit::new(format!("--learning {learning}"), never, other))
        }
        _ if learners.is_some() && placed.0 == Layout::Collapsed => Err(Misfit::learners()),
        _ => Ok(placed),
    }
}
