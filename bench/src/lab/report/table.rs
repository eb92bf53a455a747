//! Renders results as tables, for a terminal or in Markdown.

use std::fmt::Write;

use comfy_table::{CellAlignment, Table, presets};

use super::{CountRow, FaultRow, LatencyRow, Row, is_near};

const COUNT_CAPTION: &str = "\
Each number is measured = predicted: with n acceptors and L learners, the messages between distinct processes, and
the delays (hops) from the client's request until the first/last learner knows the value (learn) and until the
client has its answer (reply).";

const LATENCY_CAPTION: &str = "\
Each number is measured = predicted, in milliseconds (≈ where they round differently): the time from a client's request
until it knows the decision, for a client beside the acceptor at each site, and the mean over all sites. Compare rows with
the same learning: if everyone hears the votes, the client's own server counts them, at the cost of more messages; if
the leader alone does, the leader tells it.";

const FAULT_CAPTION: &str = "\
Each line is one run with n acceptors, determined by its seed: how many of the clients' commands were decided,
at what cost, and how many of the invariants, checked after every event, were broken.";

/// How the tables are drawn.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Terminal,
    Markdown,
}

/// A table with an explanation for newcomers, and remarks that are too long for a cell.
struct Section {
    title: &'static str,
    caption: &'static str,
    header: Vec<String>,
    /// How many columns from the left hold words. The others hold numbers.
    words: usize,
    lines: Vec<Vec<String>>,
    remarks: Vec<String>,
}

pub(super) fn render(rows: &[Row], style: Style) -> String {
    let (mut counts, mut latencies, mut faults) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        match row {
            Row::Count(row) => counts.push(row),
            Row::Latency(row) => latencies.push(row),
            Row::Fault(row) => faults.push(row),
        }
    }
    let mut sections = Vec::new();
    if !counts.is_empty() {
        sections.push(count_section(&counts));
    }
    // Sites are columns, so the rows of a table must have the same sites.
    let mut caption = LATENCY_CAPTION;
    while let Some(first) = latencies.first() {
        let sites = first.sites.clone();
        let (same, others) = latencies.into_iter().partition(|row| row.sites == sites);
        sections.push(latency_section(caption, &sites, same));
        latencies = others;
        caption = "";
    }
    if !faults.is_empty() {
        sections.push(fault_section(&faults));
    }
    if sections.is_empty() {
        return "no results\n".to_owned();
    }
    sections.iter().map(|section| section.draw(style)).collect::<Vec<_>>().join("\n")
}

fn count_section(rows: &[&CountRow]) -> Section {
    let line = |row: &&CountRow| {
        vec![
            count_name(row),
            row.roles.clone(),
            row.learning.clone(),
            row.quorum.clone(),
            row.acceptors.to_string(),
            row.learners.to_string(),
            pair(&[row.messages], &[row.predicted_messages]),
            pair(&[row.learn_first, row.learn_last], &[row.predicted_learn_first, row.predicted_learn_last]),
            pair(&[row.reply], &[row.predicted_reply]),
        ]
    };
    let remark = |row: &&CountRow| {
        let kinds: Vec<_> =
            row.messages_by_kind.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
        let (n, l) = (row.acceptors, row.learners);
        let name = format!("{}, {}, {}, n = {n}, L = {l}", count_name(row), row.roles, row.learning);
        format!("✗ {name}: measured by kind: {}", kinds.join(", "))
    };
    let header = ["variant", "roles", "learning", "quorum", "n", "L", "messages", "learn", "reply"];
    Section {
        title: "Messages and delays of one decision",
        caption: COUNT_CAPTION,
        header: header.map(str::to_owned).to_vec(),
        words: 4,
        lines: rows.iter().map(line).collect(),
        remarks: rows.iter().filter(|row| row.differs()).map(remark).collect(),
    }
}

fn count_name(row: &CountRow) -> String {
    let mut name = row.variant.clone();
    if row.first_decision {
        name += ", first decision";
    }
    if !["", "none"].contains(&row.collision.as_str()) {
        name += ", ";
        name += &row.collision;
        name += " recovery";
    }
    if row.thrifty {
        name += ", thrifty";
    }
    name
}

fn latency_section(caption: &'static str, sites: &[String], rows: Vec<&LatencyRow>) -> Section {
    let line = |row: &LatencyRow| {
        let at = |site: &String| {
            let predicted = row.predicted_ms_by_site.as_ref().and_then(|ms| ms.get(site)).copied();
            match row.latency_ms_by_site.get(site) {
                Some(&measured) => pair_ms(measured, predicted),
                None => predicted.map_or("–".to_owned(), |predicted| format!("– ≠ {predicted:.1} ✗")),
            }
        };
        let leader = row.leader.clone().unwrap_or_else(|| "–".to_owned());
        let mut cells = vec![row.variant.clone(), row.learning.clone(), leader, row.quorum.clone()];
        cells.extend(sites.iter().map(at));
        cells.push(pair_ms(row.mean_ms, row.predicted_mean_ms));
        cells
    };
    let mut header: Vec<String> = ["variant", "learning", "leader", "quorum"].map(str::to_owned).to_vec();
    header.extend(sites.iter().cloned());
    header.push("mean".to_owned());
    Section {
        title: "Latency over a wide area",
        caption,
        header,
        words: 4,
        lines: rows.into_iter().map(line).collect(),
        remarks: Vec::new(),
    }
}

fn fault_section(rows: &[&FaultRow]) -> Section {
    let line = |row: &&FaultRow| {
        let broken = row.violations.len();
        vec![
            row.variant.clone(),
            row.scenario.clone(),
            row.seed.to_string(),
            row.acceptors.to_string(),
            row.clients.to_string(),
            format!("{} of {}", row.decided, row.commands),
            row.messages.to_string(),
            row.prepares.to_string(),
            row.elections.to_string(),
            row.retransmissions.to_string(),
            format!("{:.1}", row.latency_mean_ms),
            format!("{:.1}", row.latency_max_ms),
            format!("{:.1}", row.virtual_ms),
            if broken == 0 { "none".to_owned() } else { format!("{broken} ✗") },
        ]
    };
    let remark = |row: &&FaultRow| {
        let broken = row.violations.join("; ");
        format!("✗ {}, {}: {broken}; to repeat the run: {}", row.variant, row.scenario, row.replay)
    };
    let header = [
        "variant",
        "scenario",
        "seed",
        "n",
        "clients",
        "decided",
        "messages",
        "prepares",
        "elected",
        "again",
        "mean ms",
        "max ms",
        "virtual ms",
        "broken",
    ];
    Section {
        title: "Contention and faults",
        caption: FAULT_CAPTION,
        header: header.map(str::to_owned).to_vec(),
        words: 2,
        lines: rows.iter().map(line).collect(),
        remarks: rows.iter().filter(|row| row.differs()).map(remark).collect(),
    }
}

/// Formats numbers as `34 = 34`, `35 ≠ 34 ✗`, or `34` without a prediction. Several numbers are `3/4 = 3/4`, and
/// equal ones are shown once.
fn pair(measured: &[u64], predicted: &[Option<u64>]) -> String {
    let left = numbers(&measured.iter().copied().map(Some).collect::<Vec<_>>());
    let right = numbers(predicted);
    let differs = |(measured, predicted): (&u64, &Option<u64>)| predicted.is_some_and(|p| p != *measured);
    if predicted.iter().all(Option::is_none) {
        left
    } else if measured.iter().zip(predicted).any(differs) {
        format!("{left} ≠ {right} ✗")
    } else {
        format!("{left} = {right}")
    }
}

fn numbers(numbers: &[Option<u64>]) -> String {
    let mut shown: Vec<_> =
        numbers.iter().map(|number| number.map_or("?".to_owned(), |number| number.to_string())).collect();
    shown.dedup();
    shown.join("/")
}

/// Formats latencies as `70.5 = 70.5`, `70.5 ≈ 70.6` within the tolerance, or `71.0 ≠ 70.5 ✗`.
fn pair_ms(measured: f64, predicted: Option<f64>) -> String {
    let Some(predicted) = predicted else {
        return format!("{measured:.1}");
    };
    let (left, right) = (format!("{measured:.1}"), format!("{predicted:.1}"));
    if !is_near(measured, predicted) {
        format!("{left} ≠ {right} ✗")
    } else if left == right {
        format!("{left} = {right}")
    } else {
        format!("{left} ≈ {right}")
    }
}

impl Section {
    fn draw(&self, style: Style) -> String {
        let mut table = Table::new();
        table.load_preset(match style {
            Style::Terminal => presets::UTF8_FULL_CONDENSED,
            Style::Markdown => presets::ASCII_MARKDOWN,
        });
        let cells = |line: &[String]| line.iter().map(|cell| plain(cell, style)).collect::<Vec<_>>();
        table.set_header(cells(&self.header));
        for line in &self.lines {
            table.add_row(cells(line));
        }
        for column in table.column_iter_mut().skip(self.words) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        let (heading, item) = match style {
            Style::Terminal => ("", ""),
            Style::Markdown => ("## ", "- "),
        };
        let caption = if self.caption.is_empty() { String::new() } else { format!("{}\n\n", self.caption) };
        let mut drawn = format!("{heading}{}\n\n{caption}{table}\n", self.title);
        if !self.remarks.is_empty() {
            drawn.push('\n');
        }
        for remark in &self.remarks {
            // Writing to a string cannot fail.
            let _ = writeln!(drawn, "{item}{}", plain(remark, style));
        }
        drawn
    }
}

/// The text as one line without control characters and, in Markdown, without a bare `|`.
fn plain(text: &str, style: Style) -> String {
    let line = text.replace(char::is_control, " ");
    match style {
        Style::Terminal => line,
        Style::Markdown => line.replace('|', "\\|"),
    }
}
