//! Two commands that come one after the other: how often they collide, and what that costs.

use super::rounds::{ACCEPTORS, Cost, ON_TOP, Rounds};
use super::{RECOVERIES, is_coordinated};
use crate::lab::experiments::chart::palette::{self, GREY};
use crate::lab::experiments::chart::{Axis, Dash, Figure, Marker, Panel, Style, draw};
use crate::lab::experiments::data::Table;
use crate::lab::experiments::{Findings, Lab, LabError, Measured, Setting, Summary};
use crate::lab::quorums::QuorumChoice;
use crate::row;
use crate::theory::{Recovery, fast_quorum};
use crate::variants::Variant;
use std::time::Duration;

/// Majorities as fast quorums, for which phase 1 asks all servers.
pub(super) const FLEXIBLE: QuorumChoice = QuorumChoice::FastFlexible(5, 3, 3);

/// The ways to meet: each recovery with the smallest fast quorums beside majorities, and majorities as fast quorums.
const WAYS: [(Recovery, QuorumChoice); 4] = [
    (RECOVERIES[0], QuorumChoice::Majority),
    (RECOVERIES[1], QuorumChoice::Majority),
    (RECOVERIES[2], QuorumChoice::Majority),
    (RECOVERIES[0], FLEXIBLE),
];

/// The times between two commands, in milliseconds.
const GAPS: [u64; 10] = [0, 1, 2, 4, 6, 8, 12, 16, 24, 32];

/// Below this share of pairs, a coordinator is said to step in rarely.
const RARE: f64 = 0.05;

/// The pairs of commands in one run of the lab.
const fn number_of_rounds(setting: &Setting) -> u64 {
    if setting.quick { 400 } else { 5_000 }
}

/// The runs of each gap and recovery. Tables and figures have the latency of the first one.
const fn number_of_parts(setting: &Setting) -> u64 {
    if setting.quick { 1 } else { 2 }
}

/// The chance that two commands collide if the second is sent `gap` later. An acceptor hears the first command first
/// with chance p = 1 − ½ e^(−gap / mean), independent of the others. The commands collide if neither has a quorum.
fn gap_chance(gap: Duration, n: usize, q: usize) -> f64 {
    let p = 1.0 - 0.5 * libm::exp(-gap.as_secs_f64() / ON_TOP.as_secs_f64());
    let choose = |k: usize| (0..k).fold(1.0, |ways, i| ways * (n - i) as f64 / (i + 1) as f64);
    let exactly = |p: f64, k: usize| choose(k) * libm::pow(p, k as f64) * libm::pow(1.0 - p, (n - k) as f64);
    1.0 - (q..=n).map(|k| exactly(p, k) + exactly(1.0 - p, k)).sum::<f64>()
}

/// The cost of two commands, by recovery and the time between them, in parts.
pub(super) fn gaps(setting: &Setting, lab: &mut Lab<'_>) -> Result<Measured<Cost>, LabError> {
    let parts = number_of_parts(setting);
    let kinds = WAYS.into_iter().flat_map(|way| GAPS.map(|gap| (way, gap)));
    let cases: Vec<((Recovery, QuorumChoice), u64, u64)> =
        kinds.flat_map(|(way, gap)| (0..parts).map(move |part| (way, gap, part))).collect();
    let name = |((recovery, quorum), gap, part): &((Recovery, QuorumChoice), u64, u64)| {
        format!("{recovery} recovery, {quorum}, a gap of {gap} ms, part {} of {parts}", part + 1)
    };
    lab.each(&cases, name, |(way, gap, part)| {
        meet(*way, *gap, number_of_rounds(setting), setting.seed.wrapping_add(part << 32))
    })
}

/// Pairs of commands, the second of which comes later by the gap.
fn meet(
    (recovery, quorum): (Recovery, QuorumChoice),
    gap_ms: u64,
    times: u64,
    seed: u64,
) -> Result<Cost, LabError> {
    let moments = &mut |client| Duration::from_millis(gap_ms) * u32::from(client);
    let variant = Variant::Fast;
    let work = Rounds { variant, quorum, clients: 2, times, seed, moments };
    variant.with(recovery, is_coordinated(recovery), work)
}

/// The chance of a collision in the first slot, over all recoveries with the same quorums: what happens before a recovery does not depend on
/// it. Returns the points of the figure.
fn first_slot(found: &mut Findings, setting: &Setting, measured: &[Cost]) -> Vec<(f64, f64)> {
    let mut table = Table::new(
        "first_slot",
        &[
            ("gap_ms", "how much later the second command is submitted, in ms"),
            (
                "pairs",
                "pairs of commands with the smallest fast quorums beside majorities, over all recoveries",
            ),
            ("clean", "pairs that began without a vote of an earlier pair in the first slot"),
            (
                "collided",
                "clean pairs of which neither command had the votes of a fast quorum in the first slot",
            ),
            ("share", "collided / clean"),
            (
                "formula",
                "the chance of that if each acceptor hears the first command first with 1 − ½ e^(−gap/mean)",
            ),
        ],
    );
    let parts = number_of_parts(setting) as usize;
    let pairs = number_of_rounds(setting) * (parts * RECOVERIES.len()) as u64;
    let (mut points, mut off) = (Vec::new(), 0.0_f64);
    for (place, gap_ms) in GAPS.into_iter().enumerate() {
        let of_gap =
            || measured.chunks(parts).skip(place).step_by(GAPS.len()).take(RECOVERIES.len()).flatten();
        let clean: u64 = of_gap().map(|cost| cost.clean).sum();
        let collided: u64 = of_gap().map(|cost| cost.collided).sum();
        let share = collided as f64 / clean.max(1) as f64;
        let formula =
            gap_chance(Duration::from_millis(gap_ms), usize::from(ACCEPTORS), fast_quorum(ACCEPTORS.into()));
        off = off.max((share - formula).abs());
        table.push(row![gap_ms, pairs, clean, collided, share, formula]);
        points.push((gap_ms as f64, share));
    }
    let meaning = "the chance that an acceptor hears the first command first; mean: delay_on_top";
    found.facts.add("gap_formula", "1 − ½ e^(−gap/mean)", "", meaning);
    found.facts.add("off_gap", off, "", "the farthest that share is from formula in first_slot.csv");
    found.facts.add("gap_pairs", pairs, "", "pairs of commands for each row of first_slot.csv");
    found.tables.push(table);
    points
}

/// The chance of a collision and the latency, by the time between two commands.
pub(super) fn by_gap(found: &mut Findings, setting: &Setting, measured: &[Cost]) -> Result<Figure, LabError> {
    let (rounds, parts) = (number_of_rounds(setting), number_of_parts(setting));
    let mut table = Table::new(
        "gaps",
        &[
            ("gap_ms", "how much later the second command is submitted, in ms"),
            ("quorum", "the quorum system"),
            ("recovery", "the recovery from a collision"),
            (
                "collided",
                "the share of clean rounds in which neither command had a fast quorum in the first slot",
            ),
            (
                "share",
                "the share of rounds in which the coordinator proposed something, in any slot; empty: there is no coordinator",
            ),
            ("latency_pairs", "the pairs of which the latency is given, the first of all"),
            ("mean_ms", "mean latency of both commands of these pairs, in ms"),
            ("p99_ms", "99th percentile of their latency, in ms"),
        ],
    );
    let mut rate = Panel::new("", Axis::new("gap (ms)"), Axis::new("share of pairs").range(0.0, 1.0));
    let mut time = Panel::new("", Axis::new("gap (ms)"), Axis::new("mean latency (ms)"));
    let formula = |gap_ms: u64| {
        gap_chance(Duration::from_millis(gap_ms), usize::from(ACCEPTORS), fast_quorum(ACCEPTORS.into()))
    };
    rate.line(
        Style::new("collision in the first slot, formula", GREY).dash(Dash::Long).marker(Marker::None),
        GAPS.map(|gap_ms| (gap_ms as f64, formula(gap_ms))),
    );
    let points = first_slot(found, setting, measured);
    rate.line(Style::new("collision in the first slot, measured", GREY).points(), points);
    let mut safe = None;
    let mut costs = measured.chunks(parts as usize);
    for (recovery, quorum) in WAYS {
        let (mut shares, mut means) = (Vec::new(), Vec::new());
        for (gap_ms, costs) in GAPS.into_iter().zip(costs.by_ref()) {
            let sum = |count: fn(&Cost) -> u64| costs.iter().map(count).sum::<u64>() as f64;
            let collided = sum(|cost| cost.collided) / sum(|cost| cost.clean).max(1.0);
            let all = (rounds * parts) as f64;
            let share = is_coordinated(recovery).then(|| sum(|cost| cost.recovered) / all);
            if quorum != FLEXIBLE && share.is_some_and(|share| share < RARE) && safe.is_none() {
                safe = Some(gap_ms);
            }
            let Summary { mean, p99, .. } = costs[0].latencies;
            table.push(row![
                gap_ms,
                quorum.to_string(),
                recovery.to_string(),
                collided,
                share,
                rounds,
                mean,
                p99
            ]);
            shares.extend(share.map(|share| (gap_ms as f64, share)));
            means.extend(mean.map(|mean| (gap_ms as f64, mean)));
        }
        let style = if quorum == FLEXIBLE {
            palette::flexible(Variant::Fast)
        } else {
            palette::recovering(Variant::Fast, recovery)
        };
        rate.line(style.clone(), shares);
        time.line(style, means);
    }
    found.facts.add(
        "safe_gap",
        safe,
        "ms",
        "the smallest gap of gaps.csv with a share below rare, coordinated recovery",
    );
    found.facts.add("rare", RARE * 100.0, "%", "the share that safe_gap is about, a choice of the lab");
    let mean = 2.0 * ON_TOP.as_secs_f64() * 1e3;
    found.facts.add("mean_delay", mean, "ms", "the mean delay of a message, of which half is constant");
    found.facts.add("share_pairs", rounds * parts, "", "pairs of commands for each share of gaps.csv");
    found.facts.add("latency_pairs", rounds, "", "latency_pairs of gaps.csv");
    found.tables.push(table);
    Ok(Figure {
        name: "gaps",
        title: "Collisions and latency against the time between two commands".into(),
        caption: "Left, grey: the chance that neither command has a fast quorum in the first slot, where nobody has voted before, lies within {off_gap} of the formula. Left, coloured: how often the coordinator proposes at all. That is more, because it \
                  also steps in for later slots and repeated commands: even with majority fast quorums, where two commands never collide in the first slot, the one that loses it must be voted for again. With uncoordinated recovery there is no coordinator. Right: the latency falls to \
                  that without a collision as the commands move apart. Held constant: {servers} servers, fast quorums of {small_fast} but where majorities are named, two clients, delays of \
                  {shortest_delay} plus {delay_on_top} on average. Pairs per gap: grey {gap_pairs}, coloured on the left {share_pairs}, on the right {latency_pairs}."
            .into(),
        svg: draw(&[rate, time], 2, 300)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::theory::collision_probability;

    #[test]
    fn without_a_gap_the_formula_is_that_of_simultaneous_commands() {
        for (n, q) in [(3, 3), (4, 3), (5, 4), (7, 6), (9, 7)] {
            let difference = gap_chance(Duration::ZERO, n, q) - collision_probability(n, q);
            assert!(difference.abs() < 1e-12, "{n} {q}: {difference}");
        }
        assert!(gap_chance(Duration::from_secs(1), 5, 4) < 1e-9);
    }

    #[test]
    fn collisions_in_the_first_slot_are_within_a_hundredth_of_the_formula() {
        // The standard deviation of 16,000 pairs is 0.0037.
        let costs = RECOVERIES
            .map(|recovery| meet((recovery, QuorumChoice::Majority), 4, 5_334, 1).expect("all are decided"));
        let sum = |count: fn(&Cost) -> u64| costs.iter().map(count).sum::<u64>() as f64;
        let (clean, all) = (sum(|cost| cost.clean), 3.0 * 5_334.0);
        let share = sum(|cost| cost.collided) / clean;
        let formula = gap_chance(Duration::from_millis(4), 5, 4);
        assert!((share - formula).abs() <= 0.01, "{share}, not {formula}, of {clean}");
        assert!(clean > all / 2.0, "{clean}");
        // The coordinator proposes more often than that.
        assert!(costs[0].recovered as f64 / 5_334.0 > formula + 0.02);
        // With majority fast quorums of an odd number of acceptors, one of two commands has one of them.
        let flexible = meet((RECOVERIES[0], FLEXIBLE), 4, 1_000, 1).expect("all are decided");
        assert_eq!(flexible.collided, 0);
        assert!(flexible.recovered > 0);
    }
}
