//! Experiments of one command each, that belong in a paper: data, figures, and what to take home from them.
//!
//! An [`Experiment`] is a line in [`EXPERIMENTS`] and a function from a [`Setting`] to [`Findings`]: tables, facts,
//! figures made of them, and sentences made of the facts. All run the shipped nodes in virtual time, so equal settings
//! give equal findings, to the byte. One of your own is a function and a line: `bench/examples/own_experiment.rs`.
//!
//! ```text
//! experiment   what an experiment is, and the list       chart     figures, as SVG
//! data, facts  what it finds                             files     CSV, JSON, SVG, Markdown
//! counts … loss   the experiments                        page      all of them as one HTML file
//! ```

pub mod chart;
mod data;
mod experiment;
mod facts;
mod files;
mod page;
pub mod palette;

mod collisions;
mod counts;
mod crossover;
mod duel;
mod failover;
mod loss;
mod quorums;
mod sample;
mod spread;
mod wan;

pub use data::{Cell, Table};
pub use experiment::{EXPERIMENTS, Experiment, Findings, LabError, Progress, Setting, named};
pub use facts::{Facts, Piece};
pub use files::{ExperimentOptions, experiment, render, write};
pub use page::{ReportOptions, page, report};
pub use sample::Sample;
