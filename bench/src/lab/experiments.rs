//! Experiments in the style of a paper, each run by one command: data, figures and conclusions.
//!
//! An [`Experiment`] is a line in [`EXPERIMENTS`] and a function from a [`Setting`] to [`Findings`]: tables, facts,
//! figures made of them, and sentences made of the facts. It asks a [`Lab`] for its runs. All run the shipped nodes in virtual time, so equal settings
//! give equal findings, to the byte. `bench/examples/own_experiment.rs` shows how to add your own.
//!
//! ```text
//! experiment   what an experiment is                     chart     figures, as SVG
//! data, facts  what it finds                             files     CSV, JSON, SVG, Markdown
//! all          the experiments, and the list of them     page      all of them as one HTML file
//! lab          its runs, in threads and shards           run       the command that runs experiments
//! journal      the results of runs, on disk              shards    the results of all shards, put together
//! runs         runs to step through                      png       figures as PNG
//! ```

mod all;
pub mod chart;
mod data;
mod experiment;
mod facts;
mod files;
mod journal;
mod lab;
mod page;
#[cfg_attr(not(feature = "png"), path = "experiments/no_png.rs")]
mod png;
mod run;
mod runs;
mod sample;
mod shards;

pub use all::{EXPERIMENTS, named};
pub use data::{Cell, Table};
pub use experiment::{Experiment, Findings, LabError, Progress, Setting};
pub use facts::{Facts, Piece};
pub use files::{render, write};
pub use lab::{Lab, Measured};
pub use page::{ReportOptions, page, report};
pub use run::{ExperimentOptions, HELP, experiment};
pub use sample::{Sample, Summary};
