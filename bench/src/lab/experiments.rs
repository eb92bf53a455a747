//! Experiments of one command each, that belong in a paper: data, figures, and what to take home from them.
//!
//! An [`Experiment`] is a line in [`EXPERIMENTS`] and a function from a [`Setting`] to [`Findings`]: tables, facts,
//! figures made of them, and sentences made of the facts. All run the shipped nodes in virtual time, so equal settings
//! give equal findings, to the byte. One of your own is a function and a line: `bench/examples/own_experiment.rs`.
//!
//! ```text
//! experiment   what an experiment is                     chart     figures, as SVG
//! data, facts  what it finds                             files     CSV, JSON, SVG, Markdown
//! all          the experiments, and the list of them     page      all of them as one HTML file
//! ```

mod all;
pub mod chart;
mod data;
mod experiment;
mod facts;
mod files;
mod page;
mod sample;

pub use all::{EXPERIMENTS, named};
pub use data::{Cell, Table};
pub use experiment::{Experiment, Findings, LabError, Progress, Setting};
pub use facts::{Facts, Piece};
pub use files::{ExperimentOptions, experiment, render, write};
pub use page::{ReportOptions, page, report};
pub use sample::Sample;
