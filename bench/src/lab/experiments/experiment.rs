//! What an experiment is, and what it finds.

use super::chart::Figure;
use super::{Facts, Table};
use crate::lab::compare::CompareError;
use crate::lab::counts::CountError;
use crate::lab::faults::TrialError;
use crate::theory::matrix::{MatrixError, RttMatrix};
use paxos_transport::sim::Violation;
use std::path::PathBuf;

/// Something to find out.
#[derive(Clone, Copy, Debug)]
pub struct Experiment {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it finds out, as a question.
    pub question: &'static str,
    /// Where the question or the method comes from.
    pub source: &'static str,
    /// Does it.
    pub run: fn(&Setting, Progress<'_>) -> Result<Findings, LabError>,
}

/// Hears what is being done.
pub type Progress<'a> = &'a mut dyn FnMut(String);

/// What experiments depend on.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Whether to be done in seconds, with fewer runs.
    pub quick: bool,
    /// Where everything random is drawn from.
    pub seed: u64,
    /// The round trips of experiments over a wide area.
    pub world: RttMatrix,
}

impl Default for Setting {
    fn default() -> Self {
        Self { quick: false, seed: 1, world: RttMatrix::aws() }
    }
}

impl Setting {
    /// The first where things have to be quick, else the second.
    pub fn either<T>(&self, quick: T, full: T) -> T {
        if self.quick { quick } else { full }
    }
}

/// What an experiment found.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// What was held constant: names and values.
    pub parameters: Vec<(&'static str, String)>,
    /// The data.
    pub tables: Vec<Table>,
    /// The facts that sentences are made of.
    pub facts: Facts,
    /// The figures.
    pub figures: Vec<Figure>,
    /// What to take home, a sentence each, with `{facts}`.
    pub lessons: Vec<String>,
}

impl Findings {
    /// Notes what was held constant.
    #[expect(clippy::needless_pass_by_value, reason = "so that words and numbers are given alike")]
    pub fn constant(&mut self, name: &'static str, value: impl ToString) {
        self.parameters.push((name, value.to_string()));
    }

    /// The table of this name, the facts among them.
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables().find(|table| table.name == name)
    }

    /// All tables, the facts last.
    pub fn tables(&self) -> impl Iterator<Item = &Table> {
        self.tables.iter().chain([self.facts.table()])
    }
}

/// Why an experiment found nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LabError {
    /// There is no such experiment.
    #[error("there is no experiment {name:?}; take one of {known}, or all")]
    Unknown {
        /// What was asked for.
        name: String,
        /// The experiments there are.
        known: String,
    },
    /// The results have no place.
    #[error("cannot write {}: {source}; name a directory that can be written to", path.display())]
    Write {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Too few sites for what is measured.
    #[error(
        "the experiment needs {wanted} sites or more, and {file} has {known}; name a file with more by --rtt-file"
    )]
    Sites {
        /// The file of round trips.
        file: String,
        /// How many are needed.
        wanted: usize,
        /// How many there are.
        known: usize,
    },
    /// The round trips.
    #[error(transparent)]
    Matrix(#[from] MatrixError),
    /// A count failed.
    #[error(transparent)]
    Count(#[from] CountError),
    /// A run failed.
    #[error(transparent)]
    Trial(#[from] TrialError),
    /// A comparison failed.
    #[error(transparent)]
    Compare(#[from] CompareError),
    /// The cluster cannot be built.
    #[error(transparent)]
    Quorum(#[from] paxos_core::QuorumError),
    /// An invariant broke.
    #[error(transparent)]
    Violation(#[from] Violation),
    /// A run did not come to its end.
    #[error("{0}; this is a bug, please report it with this command line")]
    Unfinished(String),
    /// A figure cannot be drawn.
    #[error("a figure cannot be drawn: {0}; this is a bug, please report it with this command line")]
    Drawing(String),
    /// The page cannot be made.
    #[error("the page cannot be made: {0}; this is a bug, please report it with this command line")]
    Page(#[from] askama::Error),
}

impl LabError {
    /// Whether the cause is in what was asked for, and not in what was found.
    pub fn is_input(&self) -> bool {
        matches!(self, Self::Unknown { .. } | Self::Write { .. } | Self::Matrix(_) | Self::Sites { .. })
    }
}
