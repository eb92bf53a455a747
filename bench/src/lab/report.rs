//! Results as rows, with measured and predicted numbers side by side.
//!
//! Each kind of experiment has a row type. Any mixture of rows can be shown in four formats: [`render`] returns one
//! format, and [`write_dir`] writes all of them into a directory. The field names are also the names in JSON objects
//! and of CSV columns, and must not change.

mod csv;
mod files;
mod table;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::theory::{Prediction, WideAreaLatency};

pub(in crate::lab) use files::write_whole;
pub use files::{ReportError, write_dir};

/// How far a measured latency may be from the predicted one, in milliseconds.
pub const TOLERANCE_MS: f64 = 0.2;

/// Messages and delays of one decision, measured and predicted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CountRow {
    /// The variant, such as `multi`.
    pub variant: String,
    /// Which process plays which roles: `separate` or `collapsed`.
    pub roles: String,
    /// Which processes hear the votes: `everyone` or `distinguished`.
    pub learning: String,
    /// The recovery from a collision: `coordinated`, `uncoordinated` or `classic`; `none` if there was no
    /// collision.
    pub collision: String,
    /// Whether the decision is the leader's first, with both phases, where later decisions need only phase 2.
    pub first_decision: bool,
    /// Whether proposals were sent only to a quorum.
    pub thrifty: bool,
    /// The quorums, such as `majority (3 of 5)`.
    pub quorum: String,
    /// The number of acceptors, `n`.
    pub acceptors: usize,
    /// The number of learners, `L`.
    pub learners: usize,
    /// Messages between distinct processes, including the client's request and one reply.
    pub messages: u64,
    /// The prediction; none where there is no theory.
    pub predicted_messages: Option<u64>,
    /// Delays (hops) from the client's request until the first learner knows the value.
    pub learn_first: u64,
    /// The prediction; none where there is no theory.
    pub predicted_learn_first: Option<u64>,
    /// Delays (hops) from the client's request until the last learner knows the value.
    pub learn_last: u64,
    /// The prediction; none where there is no theory.
    pub predicted_learn_last: Option<u64>,
    /// Delays (hops) from the client's request until it has its answer.
    pub reply: u64,
    /// The prediction; none where there is no theory.
    pub predicted_reply: Option<u64>,
    /// The `messages` by kind.
    pub messages_by_kind: BTreeMap<String, u64>,
}

impl CountRow {
    /// Adds this prediction to the row.
    #[must_use]
    pub fn with_prediction(mut self, prediction: Option<Prediction>) -> Self {
        self.predicted_messages = prediction.map(|p| p.messages);
        self.predicted_learn_first = prediction.map(|p| p.learn_first);
        self.predicted_learn_last = prediction.map(|p| p.learn_last);
        self.predicted_reply = prediction.map(|p| p.reply);
        self
    }

    /// Whether a number differs from its prediction.
    pub fn differs(&self) -> bool {
        let pairs = [
            (self.messages, self.predicted_messages),
            (self.learn_first, self.predicted_learn_first),
            (self.learn_last, self.predicted_learn_last),
            (self.reply, self.predicted_reply),
        ];
        pairs.iter().any(|&(measured, predicted)| predicted.is_some_and(|predicted| predicted != measured))
    }
}

/// The latency that the client at each site sees, measured and predicted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LatencyRow {
    /// The variant, such as `fast`.
    pub variant: String,
    /// The sites, in the order in which they are shown.
    pub sites: Vec<String>,
    /// Which servers hear the votes: `everyone` or `distinguished`.
    #[serde(default)]
    pub learning: String,
    /// The site of the leader, or of the coordinator of fast ballots; none where its place does not matter.
    pub leader: Option<String>,
    /// The quorums, such as `fast (4 of 5)`.
    pub quorum: String,
    /// The time from a client's request until it knows the decision, in milliseconds, by the client's site.
    pub latency_ms_by_site: BTreeMap<String, f64>,
    /// The prediction, in milliseconds; none where there is no theory.
    pub predicted_ms_by_site: Option<BTreeMap<String, f64>>,
    /// The mean over all sites, in milliseconds.
    pub mean_ms: f64,
    /// The prediction, in milliseconds; none where there is no theory.
    pub predicted_mean_ms: Option<f64>,
}

impl LatencyRow {
    /// Adds this prediction to the row.
    #[must_use]
    pub fn with_prediction(mut self, prediction: Option<&WideAreaLatency>) -> Self {
        self.predicted_ms_by_site = prediction.map(WideAreaLatency::by_site);
        self.predicted_mean_ms = prediction.map(|p| p.mean_ms);
        self
    }

    /// Whether a latency is farther than [`TOLERANCE_MS`] from its prediction, or a predicted latency was not
    /// measured.
    pub fn differs(&self) -> bool {
        let near = |site: &str, predicted| {
            self.latency_ms_by_site.get(site).is_some_and(|&measured| is_near(measured, predicted))
        };
        let mut sites = self.predicted_ms_by_site.iter().flatten();
        let all_near = sites.all(|(site, &predicted)| near(site, predicted));
        !all_near || self.predicted_mean_ms.is_some_and(|predicted| !is_near(self.mean_ms, predicted))
    }
}

/// Whether a latency is as predicted. The figures are sums of microseconds, so a nanosecond more is due to
/// rounding.
fn is_near(measured_ms: f64, predicted_ms: f64) -> bool {
    (measured_ms - predicted_ms).abs() <= TOLERANCE_MS + 1e-6
}

/// A run with faults or contention, and whether it kept the invariants.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FaultRow {
    /// The variant, such as `fast`.
    pub variant: String,
    /// The scenario, such as `contention`, `crash` or `duel`.
    pub scenario: String,
    /// The seed, which determines the whole run.
    pub seed: u64,
    /// The number of acceptors.
    pub acceptors: usize,
    /// The number of clients.
    pub clients: usize,
    /// The number of commands that the clients sent, not counting retries.
    pub commands: u64,
    /// The number of commands that were decided.
    pub decided: u64,
    /// Messages between distinct processes.
    pub messages: u64,
    /// Phase 1a messages among `messages`. More of them mean more changes of leader, or more duels.
    pub prepares: u64,
    /// Terms that processes have won since they last started.
    #[serde(default)]
    pub elections: u64,
    /// Retransmissions by processes since they last started.
    #[serde(default)]
    pub retransmissions: u64,
    /// The mean time from a command's first request to its answer, over the answered commands, in milliseconds.
    pub latency_mean_ms: f64,
    /// The longest such time, in milliseconds.
    pub latency_max_ms: f64,
    /// How long the run took, in milliseconds of virtual time.
    pub virtual_ms: f64,
    /// The broken invariants, one sentence each; empty for a correct run.
    pub violations: Vec<String>,
    /// The command that repeats exactly this run.
    pub replay: String,
}

impl FaultRow {
    /// Whether an invariant was broken.
    pub fn differs(&self) -> bool {
        !self.violations.is_empty()
    }
}

/// One result of any kind. In JSON, the fields distinguish the kinds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Row {
    /// Messages and delays of one decision.
    Count(CountRow),
    /// Latency over a wide area.
    Latency(LatencyRow),
    /// A run with faults or contention.
    Fault(FaultRow),
}

impl Row {
    /// Whether the result is wrong: it differs from a prediction, or an invariant was broken.
    pub fn differs(&self) -> bool {
        match self {
            Self::Count(row) => row.differs(),
            Self::Latency(row) => row.differs(),
            Self::Fault(row) => row.differs(),
        }
    }
}

impl From<CountRow> for Row {
    fn from(row: CountRow) -> Self {
        Self::Count(row)
    }
}

impl From<LatencyRow> for Row {
    fn from(row: LatencyRow) -> Self {
        Self::Latency(row)
    }
}

impl From<FaultRow> for Row {
    fn from(row: FaultRow) -> Self {
        Self::Fault(row)
    }
}

/// The format of results.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Tables for a terminal, each with a sentence on how to read it.
    #[default]
    Table,
    /// One array of objects.
    Json,
    /// One table with a header line. Columns that a kind of result does not have are empty. Latencies have one
    /// line for each site.
    Csv,
    /// The same tables as `table`, in Markdown.
    Markdown,
}

/// Renders the results in one format, with a line break at the end.
pub fn render(rows: &[Row], format: Format) -> String {
    match format {
        Format::Table => table::render(rows, table::Style::Terminal),
        Format::Markdown => table::render(rows, table::Style::Markdown),
        Format::Json => {
            let json = serde_json::to_string_pretty(rows);
            json.expect("rows have only string keys, so each can be written as JSON") + "\n"
        }
        Format::Csv => csv::render(rows),
    }
}
