//! The distribution of the latency at each client if messages take different times.

use super::figures::style;
use super::{Case, Hears, LEARNINGS};
use crate::lab::experiments::chart::{Axis, Figure, Marker, Panel, draw};
use crate::lab::experiments::data::Table;
use crate::lab::experiments::sample::{Sample, Summary};
use crate::lab::experiments::{Findings, Lab, LabError, Measured, Setting};
use crate::lab::wide::measure_late;
use crate::row;
use crate::theory::matrix::RttMatrix;

/// The mean of the additional time of a message, as a share of half of the round trip.
const LATE: f64 = 0.1;
/// About so many points make a curve.
const POINTS: usize = 40;

/// The commands of each client. The 99th percentile is exceeded by some of them.
const fn number_of_commands(setting: &Setting) -> u64 {
    if setting.quick { 200 } else { 1_000 }
}

/// The latencies at a client, and their distribution as a curve.
type Client = (Summary, Vec<(f64, f64)>);

/// The latencies at each client, by cluster.
pub(super) fn late(
    cases: &[Case],
    five: &RttMatrix,
    setting: &Setting,
    lab: &mut Lab<'_>,
) -> Result<Measured<Vec<Client>>, LabError> {
    let name = |case: &Case| {
        let leader = &five.sites()[case.leader];
        format!("{} with late messages, votes to: {}, a leader in {leader}", case.title(), case.learning)
    };
    lab.each(cases, name, |case| {
        let placement = case.placement(five, setting.seed);
        let latencies = measure_late(placement, LATE, number_of_commands(setting))?;
        let client = |mine| {
            let mine = Sample::new(mine);
            (mine.summary(), mine.curve(POINTS))
        };
        Ok(latencies.into_iter().map(client).collect())
    })
}

/// The tables of the latencies.
fn tables(five: &RttMatrix, measured: &[(Case, Vec<Client>)]) -> [Table; 2] {
    let (variant, learning) = (("variant", "the variant"), ("learning", "which servers hear the votes"));
    let client = ("client", "the client's region");
    let mut spread = Table::new(
        "spread",
        &[
            variant,
            learning,
            ("leader", "the region of the leader or the coordinator; empty: its place does not matter"),
            client,
            ("commands", "commands of this client"),
            ("mean_ms", "mean latency, in ms, if messages take a tenth longer on average"),
            ("p50_ms", "median latency, in ms"),
            ("p99_ms", "99th percentile of the latency, in ms"),
        ],
    );
    let mut curves = Table::new(
        "distribution",
        &[
            variant,
            learning,
            client,
            ("latency_ms", "a latency of this client, in ms"),
            ("share", "the share of its commands that take at most as long"),
        ],
    );
    for (case, clients) in measured {
        let leader = (!case.is_leaderless()).then(|| five.sites()[case.leader].as_str());
        let heard = case.learning.to_string();
        for (site, (Summary { len, mean, p50, p99 }, curve)) in five.sites().iter().zip(clients) {
            let (title, site) = (case.title(), site.as_str());
            let points =
                curve.iter().map(|(ms, share)| row![title.as_str(), heard.as_str(), site, *ms, *share]);
            curves.rows.extend(points);
            spread.push(row![title, heard.as_str(), leader, site, *len, *mean, *p50, *p99]);
        }
    }
    [spread, curves]
}

/// The distribution of the latency at each client, for each learning.
pub(super) fn spreads(
    found: &mut Findings,
    five: &RttMatrix,
    setting: &Setting,
    measured: &[(Case, Vec<Client>)],
) -> Result<[Figure; 2], LabError> {
    found.tables.extend(tables(five, measured));
    let meaning = "the mean of the additional time of a message, of half of the round trip";
    found.facts.add("late", LATE * 100.0, "%", meaning);
    found.facts.add("commands", number_of_commands(setting), "", "commands of each row of spread.csv");
    let figure = |(learning, key, hears): Hears| -> Result<Figure, LabError> {
        let panel = |(place, site): (usize, &String)| {
            let share = Axis::new("share of commands").range(0.0, 1.0);
            let mut panel = Panel::new(format!("client in {site}"), Axis::new("latency (ms)"), share);
            for (case, clients) in measured.iter().filter(|(case, _)| case.learning == learning) {
                panel.line(style(*case).marker(Marker::None), clients[place].1.clone());
            }
            panel
        };
        let panels: Vec<Panel> = five.sites().iter().enumerate().map(panel).collect();
        let all = key == "all";
        Ok(Figure {
            name: if all { "spread-all" } else { "spread" },
            title: format!("Latency that each client sees if messages are late and {hears}"),
            caption: if all {
                "As before, but every server hears the votes, at {messages_all} messages per command. The client of Multi-Paxos gains most: it no longer waits for the leader's answer. Held constant: as before."
            } else {
                "The share of the commands of each client that take at most x: a curve farther left is better, and a steep one varies little. Each message takes longer than half of the round trip, by {late} on average and exponentially distributed. Fast Paxos waits for the last \
                 vote of a larger quorum. Held constant: the leader alone hears votes ({messages_alone} messages per command), {servers} servers with a client beside each, {commands} commands per client, one at a time, no collision, the leaders of the figure of clients."
            }
            .into(),
            svg: draw(&panels, 3, 230)?,
        })
    };
    let [alone, all] = LEARNINGS.map(figure);
    Ok([alone?, all?])
}
