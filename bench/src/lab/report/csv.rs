//! Renders results as one flat CSV table.

use serde::Serialize;

use super::{CountRow, FaultRow, LatencyRow, Row};

/// One line of the file: the columns of all sections, in this order.
#[derive(Default, Serialize)]
struct Line<'a> {
    section: &'a str,
    variant: &'a str,
    roles: Option<&'a str>,
    learning: Option<&'a str>,
    collision: Option<&'a str>,
    first_decision: Option<bool>,
    thrifty: Option<bool>,
    quorum: Option<&'a str>,
    acceptors: Option<usize>,
    learners: Option<usize>,
    messages: Option<u64>,
    predicted_messages: Option<u64>,
    learn_first: Option<u64>,
    predicted_learn_first: Option<u64>,
    learn_last: Option<u64>,
    predicted_learn_last: Option<u64>,
    reply: Option<u64>,
    predicted_reply: Option<u64>,
    messages_by_kind: Option<String>,
    sites: Option<String>,
    leader: Option<&'a str>,
    site: Option<&'a str>,
    latency_ms: Option<f64>,
    predicted_ms: Option<f64>,
    mean_ms: Option<f64>,
    predicted_mean_ms: Option<f64>,
    scenario: Option<&'a str>,
    seed: Option<u64>,
    clients: Option<usize>,
    commands: Option<u64>,
    decided: Option<u64>,
    prepares: Option<u64>,
    elections: Option<u64>,
    retransmissions: Option<u64>,
    latency_mean_ms: Option<f64>,
    latency_max_ms: Option<f64>,
    virtual_ms: Option<f64>,
    violations: Option<String>,
    replay: Option<&'a str>,
    differs: bool,
}

pub(super) fn render(rows: &[Row]) -> String {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    for line in rows.iter().flat_map(lines) {
        writer.serialize(line).expect("a line has a fixed number of plain columns");
    }
    let bytes = writer.into_inner().expect("memory can always be written to");
    String::from_utf8(bytes).expect("made of strings only")
}

fn lines(row: &Row) -> Vec<Line<'_>> {
    match row {
        Row::Count(row) => vec![count(row)],
        Row::Latency(row) => row.sites.iter().map(|site| latency(row, site)).collect(),
        Row::Fault(row) => vec![fault(row)],
    }
}

fn count(row: &CountRow) -> Line<'_> {
    let kinds: Vec<_> = row.messages_by_kind.iter().map(|(kind, count)| format!("{kind}={count}")).collect();
    Line {
        section: "count",
        variant: &row.variant,
        roles: Some(&row.roles),
        learning: Some(&row.learning),
        collision: Some(&row.collision),
        first_decision: Some(row.first_decision),
        thrifty: Some(row.thrifty),
        quorum: Some(&row.quorum),
        acceptors: Some(row.acceptors),
        learners: Some(row.learners),
        messages: Some(row.messages),
        predicted_messages: row.predicted_messages,
        learn_first: Some(row.learn_first),
        predicted_learn_first: row.predicted_learn_first,
        learn_last: Some(row.learn_last),
        predicted_learn_last: row.predicted_learn_last,
        reply: Some(row.reply),
        predicted_reply: row.predicted_reply,
        messages_by_kind: Some(kinds.join(" ")),
        differs: row.differs(),
        ..Line::default()
    }
}

fn latency<'a>(row: &'a LatencyRow, site: &'a str) -> Line<'a> {
    let predicted = row.predicted_ms_by_site.as_ref().and_then(|ms| ms.get(site));
    Line {
        section: "latency",
        variant: &row.variant,
        learning: Some(&row.learning),
        quorum: Some(&row.quorum),
        sites: Some(row.sites.join(" ")),
        leader: row.leader.as_deref(),
        site: Some(site),
        latency_ms: row.latency_ms_by_site.get(site).copied().map(to_the_microsecond),
        predicted_ms: predicted.copied().map(to_the_microsecond),
        mean_ms: Some(to_the_microsecond(row.mean_ms)),
        predicted_mean_ms: row.predicted_mean_ms.map(to_the_microsecond),
        differs: row.differs(),
        ..Line::default()
    }
}

fn fault(row: &FaultRow) -> Line<'_> {
    Line {
        section: "fault",
        variant: &row.variant,
        acceptors: Some(row.acceptors),
        messages: Some(row.messages),
        scenario: Some(&row.scenario),
        seed: Some(row.seed),
        clients: Some(row.clients),
        commands: Some(row.commands),
        decided: Some(row.decided),
        prepares: Some(row.prepares),
        elections: Some(row.elections),
        retransmissions: Some(row.retransmissions),
        latency_mean_ms: Some(to_the_microsecond(row.latency_mean_ms)),
        latency_max_ms: Some(to_the_microsecond(row.latency_max_ms)),
        virtual_ms: Some(to_the_microsecond(row.virtual_ms)),
        violations: Some(row.violations.join("; ").replace(char::is_control, " ")),
        replay: Some(&row.replay),
        differs: row.differs(),
        ..Line::default()
    }
}

fn to_the_microsecond(ms: f64) -> f64 {
    (ms * 1000.0).round() / 1000.0
}
