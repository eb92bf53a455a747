//! Every variant with disks that vary.

use super::{Commands, MORE, SPREADS, Waits, spread, spread_axis};
use crate::lab::experiments::chart::{Axis, Figure, Panel, draw, palette};
use crate::lab::experiments::data::Table;
use crate::lab::experiments::sample::Summary;
use crate::lab::experiments::{Findings, Lab, LabError, Measured, Setting};
use crate::row;
use crate::variants::Variant;

/// The latencies by variant and spread of sync times.
pub(super) fn by_variant(setting: &Setting, lab: &mut Lab<'_>) -> Result<Measured<Summary>, LabError> {
    let cases: Vec<(Variant, f64)> =
        Variant::ALL.iter().flat_map(|variant| SPREADS.map(|share| (*variant, share))).collect();
    let name = |(variant, share): &(Variant, f64)| format!("{variant}, {MORE} servers, spread {share}");
    let (count, seed) = (setting.either(200, 2_000), setting.seed);
    lab.each(&cases, name, |(variant, share)| {
        let (variant, waits, sync) = (*variant, Waits::Quorum, spread(*share));
        Commands { variant, servers: MORE, waits, sync, slow: None, count, seed }.measure()
    })
}

/// Latency by variant and spread of sync times.
pub(super) fn variants(found: &mut Findings, measured: &[Summary]) -> Result<Figure, LabError> {
    let mut table = Table::new(
        "variants",
        &[
            ("variant", "the variant; any quorum's syncs suffice"),
            ("spread", "standard deviation of the sync time divided by its mean"),
            ("mean_ms", "mean latency, in ms"),
            ("p99_ms", "99th percentile of the latency, in ms"),
        ],
    );
    let mut mean = Panel::new("mean", spread_axis(), Axis::new("latency (ms)"));
    let mut late = Panel::new("99th percentile", spread_axis(), Axis::new("latency (ms)"));
    for (variant, measured) in Variant::ALL.iter().copied().zip(measured.chunks(SPREADS.len())) {
        let (mut means, mut lates) = (Vec::new(), Vec::new());
        for (share, times) in SPREADS.into_iter().zip(measured) {
            table.push(row![variant.name(), share, times.mean, times.p99]);
            means.extend(times.mean.map(|mean| (share, mean)));
            lates.extend(times.p99.map(|p99| (share, p99)));
        }
        let style = palette::style(variant);
        mean.line(style.clone(), means);
        late.line(style, lates);
    }
    found.tables.push(table);
    Ok(Figure {
        name: "variants",
        title: "Latency of each variant against the spread of sync times".into(),
        caption: "Basic Paxos and Simple Paxos wait for three syncs, Multi-Paxos and Fast Paxos for one. Fast Paxos waits for more of the disks: its quorum is larger. \
                  Held constant: {more} servers, any quorum's disks suffice, a mean sync of {sync}, messages of {delay_of_a_message}, one command at a time."
            .into(),
        svg: draw(&[mean, late], 2, 300)?,
    })
}
