//! Shows the properties of quorum systems as tables, JSON and CSV.

use super::collisions::chance;
use crate::lab::report::{Format, TOLERANCE_MS};
use comfy_table::{CellAlignment, Table, presets};
use paxos_core::{Counts, Phase, QuorumSystem};
use serde::{Deserialize, Serialize};
use std::fmt::Write;

/// The most quorums of a phase that are listed.
const LISTED: usize = 24;

/// The number of merits of a system: the failures that each phase survives, two loads, two latencies and collisions.
pub(super) const MERITS: usize = 8;

const CAPTION: &str = "\
n acceptors. Q1, Q2c, Q2f: the number of acceptors in the smallest quorums of phase 1, of phase 2, and of phase 2 in fast
ballots. survives: how many acceptors may fail, whichever they are, with a quorum of each phase left. load: the share of
quorums that the busiest acceptor is in, if quorums are picked in the best way. classic, fast: mean latency in ms over a
client at each site, simulated = predicted (≈ where they round differently), for Multi-Paxos with its leader at the site named,
and for Fast Paxos without a collision; in both every server hears the votes, and a client is answered by the one beside it.
collision: the chance that a fast ballot decides neither of two commands at the same time.
●: no other line with as many acceptors is at least as good in survives, the loads of phase 2, classic, fast and collision,
and better in one.";

/// The properties of one quorum system.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SystemRow {
    /// The system, as written on the command line.
    pub quorum: String,
    /// The number of acceptors.
    pub acceptors: usize,
    /// The number of acceptors in the smallest phase 1 quorum; none if there are too many acceptors to try.
    pub q1: Option<usize>,
    /// As `q1`, for phase 2 in classic ballots.
    pub q2c: Option<usize>,
    /// As `q1`, for phase 2 in fast ballots; none without fast ballots.
    pub q2f: Option<usize>,
    /// How many acceptors may fail, whichever they are, with a phase 1 quorum left.
    pub survives_q1: Option<usize>,
    /// As `survives_q1`, for phase 2 in classic ballots.
    pub survives_q2c: Option<usize>,
    /// As `survives_q1`, for phase 2 in fast ballots.
    pub survives_q2f: Option<usize>,
    /// The share of phase 1 quorums that the busiest acceptor is in.
    pub load_q1: Option<f64>,
    /// As `load_q1`, for phase 2 in classic ballots.
    pub load_q2c: Option<f64>,
    /// As `load_q1`, for phase 2 in fast ballots.
    pub load_q2f: Option<f64>,
    /// The acceptors' sites.
    pub sites: Vec<String>,
    /// The leader's site.
    pub leader: String,
    /// The simulated mean latency of Multi-Paxos over the sites, in milliseconds.
    pub classic_ms: f64,
    /// The predicted mean latency of Multi-Paxos over the sites, in milliseconds.
    pub predicted_classic_ms: f64,
    /// The simulated mean latency of Fast Paxos over the sites, in milliseconds.
    pub fast_ms: Option<f64>,
    /// The predicted mean latency of Fast Paxos over the sites, in milliseconds.
    pub predicted_fast_ms: Option<f64>,
    /// The chance that a fast ballot decides neither of two commands at the same time.
    pub predicted_collision: Option<f64>,
    /// The number of pairs of commands that met in the simulator.
    pub collisions: Option<u64>,
    /// The number of these pairs of which the fast ballot decided neither command.
    pub undecided: Option<u64>,
    /// Whether the system is on the Pareto front.
    pub front: bool,
    /// The smallest quorums of phase 1, phase 2 and phase 2 in fast ballots, if requested.
    pub minimal: Option<[Vec<String>; 3]>,
}

impl SystemRow {
    /// Fills in the properties that depend only on the system.
    pub(super) fn measure(&mut self, quorums: &dyn QuorumSystem, counts: Option<&Counts>, list: bool) {
        let minimal =
            |phase| if list || counts.is_none() { quorums.minimal_quorums(phase).ok() } else { None };
        let lists = Phase::ALL.map(minimal);
        let size = |phase: Phase| {
            let smallest = || lists[phase as usize].as_ref()?.iter().map(|q| q.len()).min();
            counts.map_or_else(smallest, |counts| counts.size(phase))
        };
        [self.q1, self.q2c, self.q2f] = Phase::ALL.map(size);
        [self.survives_q1, self.survives_q2c, self.survives_q2f] =
            Phase::ALL.map(|phase| quorums.failures_survived(phase).ok().flatten());
        [self.load_q1, self.load_q2c, self.load_q2f] =
            Phase::ALL.map(|phase| quorums.load(phase).ok().flatten());
        if quorums.has_fast_rounds() {
            self.predicted_collision = chance(quorums, counts.and_then(|counts| counts.size(Phase::TwoFast)));
        }
        let names = |list: &Option<Vec<_>>| -> Vec<String> {
            list.iter().flatten().map(ToString::to_string).collect()
        };
        self.minimal = (list && lists.iter().all(Option::is_some)).then(|| lists.each_ref().map(names));
    }

    /// The merits that determine the Pareto front. Higher is better.
    pub(super) fn merits(&self) -> [f64; MERITS] {
        let survives = |f: Option<usize>| f.map_or(-1.0, |f| f as f64);
        let less = |x: Option<f64>| x.map_or(f64::NEG_INFINITY, |x| -x);
        [
            survives(self.survives_q1),
            survives(self.survives_q2c),
            survives(self.survives_q2f),
            less(self.load_q2c),
            less(self.load_q2f),
            -self.predicted_classic_ms,
            less(self.predicted_fast_ms),
            less(self.predicted_collision),
        ]
    }

    /// The share of collisions of which a fast ballot decided neither command.
    pub fn collision(&self) -> Option<f64> {
        Some(self.undecided? as f64 / self.collisions? as f64)
    }

    /// Whether a latency or the share of undecided collisions is not as predicted. The share may deviate by five
    /// standard deviations, which chance alone exceeds once in 1.7 million cases.
    pub fn differs(&self) -> bool {
        let far = |measured: f64, predicted: f64| (measured - predicted).abs() > TOLERANCE_MS + 1e-6;
        let share = self.collision().zip(self.predicted_collision).zip(self.collisions);
        far(self.classic_ms, self.predicted_classic_ms)
            || self.fast_ms.zip(self.predicted_fast_ms).is_some_and(|(ms, predicted)| far(ms, predicted))
            || share.is_some_and(|((share, p), n)| {
                (share - p).abs() > 5.0 * (p * (1.0 - p) / n as f64).sqrt() + 1e-9
            })
    }
}

/// Renders the results in one format, with a line break at the end.
pub fn render(rows: &[SystemRow], format: Format) -> String {
    match format {
        Format::Table => table(rows, presets::UTF8_FULL_CONDENSED, ""),
        Format::Markdown => table(rows, presets::ASCII_MARKDOWN, "## "),
        Format::Json => {
            let json = serde_json::to_string_pretty(rows);
            json.expect("rows have only string keys, so each can be written as JSON") + "\n"
        }
        Format::Csv => csv(rows),
    }
}

fn table(rows: &[SystemRow], preset: &str, heading: &str) -> String {
    let collided = rows.iter().any(|row| row.collisions.is_some());
    let mut table = Table::new();
    table.load_preset(preset);
    let mut header = vec![
        "",
        "quorums",
        "n",
        "Q1",
        "Q2c",
        "Q2f",
        "survives",
        "load",
        "leader",
        "classic",
        "fast",
        "collision",
    ];
    if collided {
        header.push("simulated");
    }
    table.set_header(header);
    for row in rows {
        table.add_row(cells(row, collided));
    }
    for column in [2, 3, 4, 5, 9, 10, 11, 12] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let mut text = format!("{heading}Quorum systems\n\n{CAPTION}\n\n{table}\n");
    for row in rows {
        let Some(lists) = &row.minimal else { continue };
        for (phase, list) in Phase::ALL.iter().zip(lists).filter(|(_, list)| !list.is_empty()) {
            let more = list.len().saturating_sub(LISTED);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let shown = list.iter().take(LISTED).map(String::as_str).collect::<Vec<_>>().join(" ");
            // Writing to a string cannot fail.
            let quorums = if list.len() == 1 { "quorum" } else { "quorums" };
            let _ = writeln!(text, "\n{}, {phase}, {} {quorums}: {shown}{more}", row.quorum, list.len());
        }
    }
    text
}

fn cells(row: &SystemRow, collided: bool) -> Vec<String> {
    let or_none = |x: Option<usize>| x.map_or("–".to_owned(), |x| x.to_string());
    let load = |x: Option<f64>| x.map_or("–".to_owned(), |x| format!("{x:.2}"));
    let three = |all: [String; 3]| all.join(" / ");
    let pair = |measured: f64, predicted: f64| {
        let (left, right) = (format!("{measured:.1}"), format!("{predicted:.1}"));
        let sign = match (left == right, (measured - predicted).abs() <= TOLERANCE_MS + 1e-6) {
            (true, _) => "=",
            (false, true) => "≈",
            (false, false) => "✗ ≠",
        };
        format!("{left} {sign} {right}")
    };
    let mut cells = vec![
        if row.front { "●" } else { "" }.to_owned(),
        row.quorum.clone(),
        row.acceptors.to_string(),
        or_none(row.q1),
        or_none(row.q2c),
        or_none(row.q2f),
        three([row.survives_q1, row.survives_q2c, row.survives_q2f].map(or_none)),
        three([row.load_q1, row.load_q2c, row.load_q2f].map(load)),
        row.leader.clone(),
        pair(row.classic_ms, row.predicted_classic_ms),
        row.fast_ms
            .zip(row.predicted_fast_ms)
            .map_or("–".to_owned(), |(ms, predicted)| pair(ms, predicted)),
        row.predicted_collision.map_or("–".to_owned(), |p| format!("{p:.4}")),
    ];
    if collided {
        let wrong = if row.differs() { " ✗" } else { "" };
        let simulated = row.collision().zip(row.collisions);
        cells.push(simulated.map_or("–".to_owned(), |(p, n)| format!("{p:.4} of {n}{wrong}")));
    }
    cells
}

/// Renders one CSV line per system. Several values in one cell are separated by spaces.
fn csv(rows: &[SystemRow]) -> String {
    #[derive(Serialize)]
    struct Line<'a> {
        quorum: &'a str,
        acceptors: usize,
        q1: Option<usize>,
        q2c: Option<usize>,
        q2f: Option<usize>,
        survives_q1: Option<usize>,
        survives_q2c: Option<usize>,
        survives_q2f: Option<usize>,
        load_q1: Option<f64>,
        load_q2c: Option<f64>,
        load_q2f: Option<f64>,
        sites: String,
        leader: &'a str,
        classic_ms: f64,
        predicted_classic_ms: f64,
        fast_ms: Option<f64>,
        predicted_fast_ms: Option<f64>,
        predicted_collision: Option<f64>,
        collisions: Option<u64>,
        undecided: Option<u64>,
        front: bool,
        differs: bool,
    }
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    for row in rows {
        let line = Line {
            quorum: &row.quorum,
            acceptors: row.acceptors,
            q1: row.q1,
            q2c: row.q2c,
            q2f: row.q2f,
            survives_q1: row.survives_q1,
            survives_q2c: row.survives_q2c,
            survives_q2f: row.survives_q2f,
            load_q1: row.load_q1,
            load_q2c: row.load_q2c,
            load_q2f: row.load_q2f,
            sites: row.sites.join(" "),
            leader: &row.leader,
            classic_ms: row.classic_ms,
            predicted_classic_ms: row.predicted_classic_ms,
            fast_ms: row.fast_ms,
            predicted_fast_ms: row.predicted_fast_ms,
            predicted_collision: row.predicted_collision,
            collisions: row.collisions,
            undecided: row.undecided,
            front: row.front,
            differs: row.differs(),
        };
        writer.serialize(line).expect("a line has a fixed number of plain columns");
    }
    let bytes = writer.into_inner().expect("memory can always be written to");
    String::from_utf8(bytes).expect("made of strings only")
}
