//! The output: a line for each window, and the summary.

use super::act::Done;
use super::clients::Findings;
use super::run::Outcome;
use super::{Fault, Nemesis};
use comfy_table::{CellAlignment, Table, presets};
use core::time::Duration;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;

/// A kind of fault, over all windows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Suffered {
    /// How often it happened.
    pub times: u64,
    /// How often the time until each member had answered a write was measured.
    pub measured: u64,
    /// The longest of these times, in milliseconds.
    pub slowest_ms: u64,
}

/// A window that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// The seed.
    pub seed: u64,
    /// The window.
    pub window: u64,
    /// What went wrong.
    pub what: String,
    /// The faults of the window, in their order.
    pub faults: Vec<Fault>,
    /// The file with the history.
    pub history: PathBuf,
    /// The directory with the members' data and logs.
    pub data: PathBuf,
    /// The command that repeats the window.
    pub again: String,
}

/// All windows together.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Summary {
    /// The variant.
    pub variant: String,
    /// The seed.
    pub seed: u64,
    /// The number of windows that ended.
    pub windows: u64,
    /// The number of clusters, each founded with empty disks.
    pub clusters: u64,
    /// The number of operations that were answered.
    pub answered: usize,
    /// The number of changes of unknown outcome.
    pub unknown: usize,
    /// The number of operations that were refused, and of reads without an answer.
    pub failed: u64,
    /// The number of keys that were written once, and whose write was answered.
    pub keys_written_once: usize,
    /// The kinds of faults that happened.
    pub faults: BTreeMap<Fault, Suffered>,
    /// The windows whose history could not be judged, because the search for an order reached its limit of memory.
    pub undecided: Vec<u64>,
    /// The window that failed. It ended the run.
    pub failure: Option<Failure>,
}

impl Summary {
    /// Whether every window was judged, and none failed.
    pub fn holds(&self) -> bool {
        self.failure.is_none() && self.undecided.is_empty()
    }

    pub(super) fn add(&mut self, window: u64, done: &[Done], findings: &Findings) {
        self.windows += 1;
        self.answered += findings.answered();
        self.unknown += findings.report.unknown;
        self.failed += findings.failed;
        self.keys_written_once += findings.keys_written_once;
        if !findings.report.undecided.is_empty() {
            self.undecided.push(window);
        }
        for Done { fault, recovery } in done {
            let sum = self.faults.entry(*fault).or_default();
            sum.times += 1;
            if let Some(recovery) = recovery {
                sum.measured += 1;
                sum.slowest_ms = sum.slowest_ms.max(recovery.as_millis() as u64);
            }
        }
    }

    /// The summary as text for people.
    pub fn table(&self) -> String {
        let mut table = Table::new();
        let header = ["fault", "times", "recovery measured", "slowest, ms"];
        table.load_preset(presets::UTF8_HORIZONTAL_ONLY).set_header(header);
        for (fault, Suffered { times, measured, slowest_ms }) in &self.faults {
            let slowest = if *measured == 0 { "–".into() } else { slowest_ms.to_string() };
            table.add_row([fault.to_string(), times.to_string(), measured.to_string(), slowest]);
        }
        for column in 1..header.len() {
            if let Some(column) = table.column_mut(column) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        // Writing to a string cannot fail.
        let mut text = format!("{table}\n");
        let Self { variant, seed, windows, clusters, answered, unknown, failed, keys_written_once, .. } =
            self;
        _ = writeln!(
            text,
            "{variant}, seed {seed}, windows {windows}, clusters {clusters}: {answered} operations answered, {unknown} of unknown \
             outcome, {failed} failed; {keys_written_once} keys written once{}",
            if self.holds() { ", none lost" } else { "" }
        );
        if !self.undecided.is_empty() {
            _ = writeln!(text, "not decided for want of memory: windows {:?}", self.undecided);
        }
        if let Some(Failure { seed, window, what, faults, history, data, again }) = &self.failure {
            let names: Vec<&str> = faults.iter().map(|fault| fault.name()).collect();
            _ = writeln!(
                text,
                "\nseed {seed}, window {window} FAILED: {what}\nfaults in the window: {}\nhistory: {}\ndata and logs: {}\nto repeat it: {again}",
                names.join(", "),
                history.display(),
                data.display()
            );
        }
        text
    }
}

/// The line for a window that has ended.
pub(super) fn line(options: &Nemesis, window: u64, done: &[Done], outcome: &Outcome, left: &str) -> String {
    let mut times: BTreeMap<Fault, u64> = BTreeMap::new();
    for done in done {
        *times.entry(done.fault).or_default() += 1;
    }
    let times: Vec<String> = times.iter().map(|(fault, times)| format!("{fault} {times}")).collect();
    let Outcome { findings, failure } = outcome;
    let verdict = if failure.is_none() { findings.report.verdict } else { "FAILED" };
    let slowest = done.iter().filter_map(|done| done.recovery).max().unwrap_or_default();
    format!(
        "{} window {window}: {}; {} operations ok, {} unknown, {} failed; served again after {} ms at most; {}; {left}",
        options.variant,
        times.join(", "),
        findings.answered(),
        findings.report.unknown,
        findings.failed,
        slowest.as_millis(),
        verdict
    )
}

/// The windows or the time that are left of a run, as text.
pub(super) fn left(windows: Option<u64>, time: Option<Duration>) -> String {
    match (windows, time) {
        (Some(windows), _) => format!("windows left: {windows}"),
        (None, Some(time)) => format!("time left: {} s", time.as_secs()),
        (None, None) => String::new(),
    }
}
