//! Experiments in the style of a paper, each run by one command: data, figures and conclusions.
//!
//! An [`Experiment`] is a line in [`EXPERIMENTS`] and a function from a [`Setting`] to [`Findings`]: tables, facts,
//! figures made of them, and sentences made of the facts. It asks a [`Lab`] for its runs. All run the shipped nodes in virtual time, so equal settings
//! give equal findings, to the byte. `bench/examples/own_experiment.rs` shows how to add your own.
//!
//! ```text
//! experiment   what an experiment is                     run       the command that runs experiments
//! all          the experiments, and the list of them     lab       its runs, in threads and shards
//! data, facts  what it finds                             results   the results of runs, on disk
//! sample       the numbers of a row                      output    CSV, JSON, SVG, Markdown, and the report
//! chart        figures, as SVG                           runs      runs to step through in the report
//! bar          what is shown while runs are made
//! ```

mod all;
mod bar;
pub mod chart;
mod data;
mod experiment;
mod facts;
mod lab;
mod output;
mod results;
mod run;
mod runs;
mod sample;

pub use all::{EXPERIMENTS, named};
pub use data::{Cell, Table};
pub use experiment::{Experiment, Findings, LabError, Setting};
pub use facts::{Facts, Piece};
pub use lab::{Lab, Measured};
pub use output::{ReportOptions, Written, page, render, report, write};
pub use run::{ExperimentOptions, HELP, Printed, experiment};
pub use sample::{Sample, Summary};
