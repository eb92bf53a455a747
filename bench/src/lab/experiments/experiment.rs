//! Experiments and their findings.

use super::chart::{Figure, Panel, draw};
use super::{Cell, Facts, Lab, Table};
use crate::lab::compare::CompareError;
use crate::lab::counts::CountError;
use crate::lab::explore::ExploreError;
use crate::lab::faults::TrialError;
use crate::theory::matrix::{MatrixError, RttMatrix};
use paxos_transport::sim::Violation;
use std::path::PathBuf;

/// An experiment.
#[derive(Clone, Copy, Debug)]
pub struct Experiment {
    /// The name on the command line.
    pub name: &'static str,
    /// The question that the experiment answers.
    pub question: &'static str,
    /// The source of the question or the method.
    pub source: &'static str,
    /// The number of sites between which it needs round trips; 0 if those of the setting do not matter.
    pub sites: usize,
    /// Runs the experiment. It first asks the lab for all runs, and then makes its findings of the results.
    pub run: fn(&Setting, &mut Lab<'_>) -> Result<Findings, LabError>,
}

/// The parameters of all experiments.
#[derive(Clone, Debug)]
pub struct Setting {
    /// Whether to finish in seconds, with fewer runs.
    pub quick: bool,
    /// The seed of all random choices.
    pub seed: u64,
    /// The round trips of experiments over a wide area.
    pub world: RttMatrix,
}

impl Experiment {
    /// Checks that the setting has enough sites.
    ///
    /// # Errors
    /// [`LabError::Sites`] if it has fewer.
    pub fn check(&self, setting: &Setting) -> Result<(), LabError> {
        let (wanted, known) = (self.sites, setting.world.sites().len());
        if known >= wanted {
            return Ok(());
        }
        Err(LabError::Sites { name: self.name, file: setting.world.name().to_owned(), wanted, known })
    }
}

impl Default for Setting {
    fn default() -> Self {
        Self { quick: false, seed: 1, world: RttMatrix::aws() }
    }
}

impl Setting {
    /// Returns `quick` if the setting is quick, else `full`.
    pub fn either<T>(&self, quick: T, full: T) -> T {
        if self.quick { quick } else { full }
    }

    /// Whether the round trips are the built-in ones.
    pub fn is_usual_world(&self) -> bool {
        self.world == RttMatrix::aws()
    }
}

/// The findings of an experiment.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// The parameters that were held constant: the name of each, and a sentence with its value, which may contain `{facts}`.
    pub parameters: Vec<(&'static str, String)>,
    /// The data.
    pub tables: Vec<Table>,
    /// The facts that the sentences use.
    pub facts: Facts,
    /// The figures.
    pub figures: Vec<Figure>,
    /// The conclusions, one sentence each, with `{facts}`.
    pub lessons: Vec<String>,
    /// The number of results that contradict what must hold: broken invariants, and rows that are not as a formula says.
    pub failed: u64,
}

impl Findings {
    /// Adds what was held constant, in words that may contain `{facts}`.
    pub fn constant(&mut self, name: &'static str, words: impl Into<String>) {
        self.parameters.push((name, words.into()));
    }

    /// Adds a parameter that was held constant. It is a fact, too: `a b` is the fact `{a_b}`.
    pub fn held(&mut self, name: &'static str, value: impl Into<Cell>, unit: &str) {
        let fact = name.replace(' ', "_");
        self.facts.set(&fact, value, unit);
        self.parameters.push((name, format!("{{{fact}}}")));
    }

    /// Adds a figure of one panel, 300 pixels high.
    ///
    /// # Errors
    /// [`LabError`] if the panel cannot be drawn.
    pub fn figure(
        &mut self,
        name: &'static str,
        title: impl Into<String>,
        caption: impl Into<String>,
        panel: Panel,
    ) -> Result<(), LabError> {
        let svg = draw(&[panel], 1, 300)?;
        self.figures.push(Figure { name, title: title.into(), caption: caption.into(), svg });
        Ok(())
    }

    /// The table with this name. The facts are a table, too.
    pub fn table(&self, name: &str) -> Option<&Table> {
        self.tables().find(|table| table.name == name)
    }

    /// All tables, the facts last.
    pub fn tables(&self) -> impl Iterator<Item = &Table> {
        self.tables.iter().chain([self.facts.table()])
    }
}

/// Why an experiment failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LabError {
    /// There is no such experiment.
    #[error("there is no experiment {name:?}; choose one of {known}, or all")]
    Unknown {
        /// The requested name.
        name: String,
        /// The known names.
        known: String,
    },
    /// The results cannot be written.
    #[error("cannot write {}: {source}; name a directory that can be written to", path.display())]
    Write {
        /// The file or directory.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// Results cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file or directory.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// Another process writes to the file.
    #[error("{} is in use: wait for the other process, or name another directory with --out", path.display())]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The file has results that this command would not find.
    #[error(
        "{} has results of another command ({difference}): discard them with --replace, or name another directory with --out",
        path.display()
    )]
    Another {
        /// The file.
        path: PathBuf,
        /// How they differ.
        difference: String,
    },
    /// A line of results is damaged.
    #[error("{}, line {line} is damaged ({why}): start its shard again with --replace, which makes all runs of the file again", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// The cause.
        why: serde_json::Error,
    },
    /// A stored result is not one of this run.
    #[error("the stored result of {run:?} does not fit: {why}; `--replace` makes the results again")]
    Misfit {
        /// The run.
        run: String,
        /// The cause.
        why: String,
    },
    /// The shards do not make a whole.
    #[error("the results cannot be put together:\n  {}", .0.join("\n  "))]
    Shards(Vec<String>),
    /// Other shards make some of the runs.
    #[error("other shards make some of the runs; `paxos-bench report DIR…` puts the shards together")]
    Elsewhere,
    /// Several experiments have no one table.
    #[error(
        "`--format csv` prints the first table of one experiment: name one, or write all files with --out DIR"
    )]
    ManyTables,
    /// The experiment takes no round trips.
    #[error(
        "`--rtt-file` changes nothing in the experiment {name}: leave it out, or choose one of {takers}, or all"
    )]
    NoSites {
        /// The experiment.
        name: &'static str,
        /// Those that take round trips.
        takers: String,
    },
    /// There are too few sites for the experiment.
    #[error(
        "the experiment {name} needs at least {wanted} sites, and {file} has {known}; name a file with more sites with --rtt-file"
    )]
    Sites {
        /// The experiment.
        name: &'static str,
        /// The file of round trips.
        file: String,
        /// The number of sites that are needed.
        wanted: usize,
        /// The number of known sites.
        known: usize,
    },
    /// The round trips are wrong.
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
    /// An invariant was broken.
    #[error(transparent)]
    Violation(#[from] Violation),
    /// A run did not finish.
    #[error("{0}; this is a bug, please report it with this command line")]
    Unfinished(String),
    /// A figure cannot be drawn.
    #[error("a figure cannot be drawn: {0}; this is a bug, please report it with this command line")]
    Drawing(String),
    /// There is no font for the text of PNG files.
    #[error(
        "--png needs a font, and none was found: install one (Debian: fonts-dejavu-core; Fedora: dejavu-sans-fonts; Alpine: font-dejavu), or use the SVG files"
    )]
    Font,
    /// The program was built without the feature.
    #[error(
        "this program writes no PNG: build it with `cargo build --release -p paxos-bench --features png`, or use the SVG files"
    )]
    NoPng,
    /// A run cannot be shown.
    #[error(transparent)]
    Explore(#[from] ExploreError),
    /// The page cannot be made.
    #[error("the page cannot be made: {0}; this is a bug, please report it with this command line")]
    Page(#[from] askama::Error),
}

impl LabError {
    /// Whether the command line is at fault, and not a result.
    pub fn is_input(&self) -> bool {
        matches!(
            self,
            Self::Unknown { .. }
                | Self::Write { .. }
                | Self::Read { .. }
                | Self::InUse { .. }
                | Self::Another { .. }
                | Self::Damaged { .. }
                | Self::Misfit { .. }
                | Self::Font
                | Self::NoPng
                | Self::Shards(_)
                | Self::Matrix(_)
                | Self::Sites { .. }
                | Self::NoSites { .. }
                | Self::ManyTables
        )
    }
}
