//! The latency at each client if messages take different times: its median and its 99th percentile.

use super::{Case, Row, shown, title};
use crate::lab::experiments::chart::{Axis, Figure, Marker, Style, bars, draw};
use crate::lab::experiments::data::Table;
use crate::lab::experiments::sample::{Sample, Summary};
use crate::lab::experiments::{Findings, Lab, LabError, Measured, Setting};
use crate::lab::quorums::QuorumChoice;
use crate::lab::wide::{Placement, measure_late};
use crate::row;
use crate::theory::matrix::RttMatrix;

/// The mean of the additional time of a message, as a share of half of the round trip.
const LATE: f64 = 0.1;

/// The latencies at each client, by variant.
pub(super) fn late(
    cases: &[Case],
    five: &RttMatrix,
    setting: &Setting,
    lab: &mut Lab<'_>,
) -> Result<Measured<Vec<Summary>>, LabError> {
    let name = |(variant, leader, flexible): &Case| {
        let leader = &five.sites()[*leader];
        format!("{} with late messages, a leader in {leader}", title(*variant, *flexible))
    };
    lab.each(cases, name, |(variant, leader, flexible)| {
        let (variant, leader, flexible, quorum) = (*variant, *leader, *flexible, QuorumChoice::Majority);
        let placement = Placement { world: five, variant, leader, quorum, flexible, seed: setting.seed };
        let latencies = measure_late(placement, LATE, setting.either(50, 1_000))?;
        Ok(latencies.into_iter().map(|mine| Sample::new(mine).summary()).collect())
    })
}

/// The distribution of the latency at each client.
pub(super) fn spread(
    found: &mut Findings,
    five: &RttMatrix,
    setting: &Setting,
    rows: &[Row],
    measured: &[(Case, Vec<Summary>)],
) -> Result<Figure, LabError> {
    let mut table = Table::new(
        "spread",
        &[
            ("variant", "the variant"),
            ("leader", "the leader's region; empty: clients ask the acceptors"),
            ("client", "the client's region"),
            ("commands", "commands of this client"),
            ("mean_ms", "mean latency, in ms, if messages take a tenth longer on average"),
            ("p50_ms", "median latency, in ms"),
            ("p99_ms", "99th percentile of the latency, in ms"),
        ],
    );
    for ((variant, leader, flexible), clients) in measured {
        let leader = (!variant.traits().fast).then(|| five.sites()[*leader].as_str());
        for (site, Summary { len, mean, p50, p99 }) in five.sites().iter().zip(clients) {
            table.push(row![title(*variant, *flexible), leader, site.as_str(), *len, *mean, *p50, *p99]);
        }
    }
    found.tables.push(table);
    found.facts.add(
        "late",
        LATE * 100.0,
        "%",
        "the mean of the additional time of a message, of half of the round trip",
    );
    let commands: u64 = setting.either(50, 1_000);
    found.facts.add("commands", commands, "", "commands of each row of spread.csv");
    let styles = shown(rows);
    let panels = [("median", 0.5), ("99th percentile", 0.99)].map(|(name, share)| {
        let series: Vec<(Style, Vec<Option<f64>>)> = styles
            .iter()
            .filter_map(|(style, variant, flexible, _)| {
                let is = |((one, _, kind), _): &&(Case, Vec<Summary>)| (one, kind) == (variant, flexible);
                let (_, clients) = measured.iter().find(is)?;
                let value = |client: &Summary| if share > 0.9 { client.p99 } else { client.p50 };
                Some((style.clone().points().marker(Marker::None), clients.iter().map(value).collect()))
            })
            .collect();
        let mut panel = bars(name, five.sites(), Axis::new("latency (ms)"), &series);
        panel.x.label = "the client's region".into();
        panel
    });
    Ok(Figure {
        name: "spread",
        title: "Latency that the client in each region sees if messages are late".into(),
        caption: "Each message takes longer than half of the round trip, by {late} on average and exponentially distributed. Fast Paxos waits for the last \
             vote of a larger quorum. Held constant: {servers} servers with a client beside each, {commands} commands per client, one at a time, no collision, the leaders of the figure before."
            .into(),
        svg: draw(&panels, 1, 300)?,
    })
}
