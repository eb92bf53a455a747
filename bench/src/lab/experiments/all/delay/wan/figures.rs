//! The figures of the latencies over the five regions.

use super::{Case, LEARNINGS, Row, best_row};
use crate::lab::experiments::LabError;
use crate::lab::experiments::chart::{Axis, Figure, Mark, Panel, Style, bars, draw, heat, palette};
use crate::lab::report::LatencyRow;
use crate::theory::Learning;
use crate::theory::matrix::RttMatrix;
use crate::variants::Variant;

/// The style of a cluster, whatever its leader.
pub(super) fn style(case: Case) -> Style {
    if case.flexible { palette::flexible(case.variant) } else { palette::style(case.variant) }
}

/// The kinds of clusters with this learning, each once.
fn kinds(rows: &[Row], learning: Learning) -> Vec<Case> {
    let mut kinds: Vec<Case> = Vec::new();
    for (case, _) in rows.iter().filter(|(case, _)| case.learning == learning) {
        if kinds.iter().all(|known| known.kind() != case.kind()) {
            kinds.push(*case);
        }
    }
    kinds
}

pub(super) fn by_client(five: &RttMatrix, rows: &[Row]) -> Result<Figure, LabError> {
    let panels = LEARNINGS.map(|(learning, _, title)| {
        let series: Vec<(Style, Vec<Option<f64>>)> = kinds(rows, learning)
            .into_iter()
            .filter_map(|case| {
                let row = best_row(rows, case.kind())?;
                let values = row.sites.iter().map(|site| row.latency_ms_by_site.get(site).copied()).collect();
                Some((style(case).bar(), values))
            })
            .collect();
        let mut panel = bars(title, five.sites(), Axis::new("latency (ms)"), &series);
        panel.x.label = "the client's region".into();
        panel
    });
    Ok(Figure {
        name: "clients",
        title: "Latency that the client in each region sees".into(),
        caption: "Above, the leader alone hears the votes and tells the others: {messages_alone} messages per command with Multi-Paxos as with Fast Paxos. Below, every server hears them: {messages_all} messages, and the server beside a client answers it. \
                  Each variant has the leader with the lowest mean: Multi-Paxos {leader_alone} above and {leader_all} below, Fast Paxos {coordinator_alone} above; below, its coordinator does not matter. The client beside the leader of Multi-Paxos is served best. \
                  Basic Paxos and Simple Paxos wait for two round trips to a quorum, and agree above: one client asks at a time, so no proposer outbids another. Simple Paxos has only one kind of learning. Held constant: the learning of a panel, a server and a client in each region, \
                  one command at a time, no collision, delays always half of the round trip."
            .into(),
        svg: draw(&alike(panels), 1, 280)?,
    })
}

/// Both panels with the same scale, so that they can be compared.
fn alike(panels: [Panel; 2]) -> [Panel; 2] {
    let values = panels.iter().flat_map(|panel| &panel.marks);
    let tops = values.filter_map(|mark| if let Mark::Bar(_, _, (_, top)) = mark { Some(*top) } else { None });
    let high = tops.fold(0.0, f64::max) * 1.05;
    panels.map(|mut panel| {
        panel.y = panel.y.range(0.0, high);
        panel
    })
}

pub(super) fn by_leader(five: &RttMatrix, rows: &[Row]) -> Result<Figure, LabError> {
    let value =
        |row: &LatencyRow, site: &String| row.latency_ms_by_site.get(site).copied().unwrap_or(f64::NAN);
    let panels = LEARNINGS.map(|(learning, _, title)| {
        let kind = (Variant::Multi, learning, false);
        let led = rows.iter().filter(|(case, _)| case.kind() == kind).map(|(_, row)| row);
        let values: Vec<Vec<f64>> =
            led.map(|row| five.sites().iter().map(|site| value(row, site)).collect()).collect();
        heat(title, ("the client's region", five.sites()), ("the leader's region", five.sites()), &values)
    });
    Ok(Figure {
        name: "leaders",
        title: "Latency of Multi-Paxos by leader and client (ms)".into(),
        caption: "Each row is a leader, each column a client; pale is fast. The diagonal is the client beside the leader. A good \
                  leader has a pale row: {leader_alone}, with {multi_alone} on average, if the leader alone hears votes, and {leader_all}, with {multi_all}, if every server does; the worst have {worst_alone} and {worst_all}. Held \
                  constant: the learning of a panel, majority quorums, one command at a time."
            .into(),
        svg: draw(&panels, 1, 270)?,
    })
}
