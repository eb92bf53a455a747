//! Crashes of a leader, and how long it takes until another process leads, by the range of the election timeouts and by
//! whether candidates ask first: figure 16 of the Raft paper.

use super::{SERVERS, in_ms, ms};
use crate::lab::cluster::Shape;
use crate::lab::experiments::chart::palette::{self, GREY};
use crate::lab::experiments::chart::{Axis, Figure, Marker, Panel, Style, draw};
use crate::lab::experiments::data::Table;
use crate::lab::experiments::sample::Sample;
use crate::lab::experiments::{Findings, Lab, LabError, Measured, Setting};
use crate::row;
use crate::theory::Recovery;
use crate::variants::{Digest, Payload, Variant, WithProtocol};
use paxos_core::{Protocol, Timeouts};
use paxos_transport::sim::{Chance, Fault, Links, Sim, World};
use std::time::Duration;

/// The delay of a message. A broadcast with its answers takes 15 ms.
pub(super) const ONE_WAY: Duration = Duration::from_micros(7_500);

/// The shortest and the longest election timeout, in milliseconds.
type Range = (u64, u64);

/// The ranges of the upper figure: more and more randomness.
const UPPER: [Range; 6] = [(150, 150), (150, 151), (150, 155), (150, 175), (150, 200), (150, 300)];
/// The ranges of the lower figure: shorter and shorter timeouts. The last is also the last of the upper figure.
const LOWER: [Range; 5] = [(12, 24), (25, 50), (50, 100), (100, 200), (150, 300)];

/// All ranges, each once.
fn ranges() -> impl Iterator<Item = Range> {
    UPPER.into_iter().chain(LOWER.into_iter().take(LOWER.len() - 1))
}

/// Whether candidates ask first, in the order of the panels: as in the paper, and as shipped.
const ASKS: [bool; 2] = [false, true];

/// What the paper says of its own measurements: the range, the statistic, and its value in milliseconds. In the first
/// row it is a bound from below, "consistently took longer than 10 seconds".
const PAPER: [(Range, &str, f64); 5] = [
    ((150, 150), "min", 10_000.0),
    ((150, 155), "p50", 287.0),
    ((150, 200), "max", 513.0),
    ((12, 24), "mean", 35.0),
    ((12, 24), "max", 152.0),
];

/// The leader crashes at a moment drawn from one heartbeat interval.
struct Crash {
    range: Range,
    asks: bool,
    seed: u64,
}

impl WithProtocol for Crash {
    type Out = Result<Option<f64>, LabError>;

    /// The time from the crash until another process leads, in milliseconds; none if there was no leader to crash, or
    /// no new leader within a minute.
    fn run<P: Protocol<Value = Payload, Reply = u64>>(self, options: P::Options) -> Self::Out {
        let (shortest, longest) = (ms(self.range.0), ms(self.range.1));
        let beats = shortest / 2;
        let mut config = Shape::collapsed(Variant::Multi, SERVERS).config()?;
        config.timeouts = Timeouts {
            election: Some(shortest),
            election_spread: Some(longest.saturating_sub(shortest)),
            heartbeat: Some(beats),
            ..Timeouts::default()
        };
        config.pre_vote = self.asks;
        let mut world = World::<P>::new(config, options, self.seed);
        world.links = Links::constant(ONE_WAY);
        let mut sim = Sim::new(world, |_| Digest::default());
        let mut chance = Chance::new(self.seed, 40);
        // With timeouts near a round trip, it takes several ballots until the first leader stays.
        let settled = Duration::from_secs(1).max(beats * 20);
        sim.run_for(settled + chance.between(Duration::ZERO, beats))?;
        let Some(leader) = sim.leader() else { return Ok(None) };
        let at = sim.now();
        sim.fail(Fault::Crash(leader));
        let patience = at.after(Duration::from_secs(60));
        sim.run_until(|sim| sim.leader().is_some() || sim.now() > patience)?;
        Ok(sim.leader().map(|_| in_ms(sim.now().since(at))))
    }
}

/// The median time without a leader, calculated from the timeouts. The first of the four followers' timeouts, each
/// drawn from T to T + S, has the median T + S (1 − ½^¼). It counts from the last heartbeat, of whose interval T/2 half
/// is over on average. One way for that heartbeat and a round trip for phase 1 are added, and a round trip for the
/// pre-vote if there is one.
fn calculated((shortest, longest): Range, asks: bool) -> f64 {
    let (t, spread) = (shortest as f64, (longest - shortest) as f64);
    let first = t + spread * (1.0 - libm::pow(0.5, 1.0 / f64::from(SERVERS - 1)));
    first - t / 4.0 + if asks { 5.0 } else { 3.0 } * in_ms(ONE_WAY)
}

/// The number of crashes in one run of the lab.
const TOGETHER: u64 = 50;

const fn number_of_crashes(setting: &Setting) -> u64 {
    if setting.quick { 100 } else { 1_000 }
}

/// For each range of timeouts and each kind of election, the times without a leader, in parts.
pub(super) fn crashes(setting: &Setting, lab: &mut Lab<'_>) -> Result<Measured<Vec<Option<f64>>>, LabError> {
    let parts = (0..number_of_crashes(setting)).step_by(TOGETHER as usize);
    let kinds = ASKS.into_iter().flat_map(|asks| ranges().map(move |range| (asks, range)));
    let cases: Vec<(bool, Range, u64)> =
        kinds.flat_map(|(asks, range)| parts.clone().map(move |first| (asks, range, first))).collect();
    let name = |(asks, (shortest, longest), first): &(bool, Range, u64)| {
        let asking = if *asks { "candidates ask first" } else { "candidates do not ask" };
        format!(
            "crashes {first} to {}, timeouts of {shortest} to {longest} ms, {asking}",
            first + TOGETHER - 1
        )
    };
    lab.each(&cases, name, |(asks, range, first)| {
        let crash = |run| {
            let seed = setting.seed.wrapping_mul(1_000_003).wrapping_add(run);
            Variant::Multi.with(Recovery::Coordinated, false, Crash { range: *range, asks: *asks, seed })
        };
        (*first..first + TOGETHER).map(crash).collect::<Result<Vec<_>, _>>()
    })
}

/// The tables that the downtime of all crashes fills.
fn tables() -> [Table; 3] {
    let asks = (
        "asks",
        "1 if candidates first ask whether others hear a leader (as shipped), 0 if they campaign at once (as in the paper)",
    );
    let shortest = ("shortest_ms", "the shortest election timeout, in ms");
    let longest = ("longest_ms", "the longest election timeout, in ms");
    let downtime = [
        shortest,
        longest,
        asks,
        ("crashes", "crashes of a leader"),
        ("missing", "runs without a leader to crash, or without a new one within 60 s"),
        ("min_ms", "the shortest downtime, in ms"),
        ("p50_ms", "median downtime, in ms"),
        ("mean_ms", "mean downtime, in ms"),
        ("p99_ms", "99th percentile, in ms"),
        ("max_ms", "the longest downtime, in ms"),
        ("calculated_ms", "the median by direct calculation from the timeouts, in ms"),
    ];
    let paper = [
        shortest,
        longest,
        ("statistic", "what the paper gives: min, p50, mean or max"),
        ("share", "the share of crashes that are over by then; empty: it is no share"),
        ("paper_ms", "its value in the paper, in ms; with 150 to 150 ms, a bound from below"),
        ("here_ms", "the same statistic of downtime.csv where candidates do not ask, in ms"),
    ];
    let crash = [
        shortest,
        longest,
        asks,
        ("run", "the number of the run"),
        (
            "downtime_ms",
            "from the crash until another process leads, in ms; empty: no leader to crash, or none in 60 s",
        ),
        ("share", "the share of crashes with the same timeouts that are over by then, in this order"),
    ];
    [Table::new("downtime", &downtime), Table::new("paper", &paper), Table::new("crashes", &crash)]
}

/// A panel of the share of crashes that are over, by the time since the crash, from so many milliseconds on.
fn panel(title: &str, least: f64) -> Panel {
    let time = Axis::new("time without a leader (ms)").log().range(least, 600.0);
    Panel::new(title, time, Axis::new("share of crashes").range(0.0, 1.0))
}

/// The share of crashes that are over by the time of a statistic.
fn share(statistic: &str) -> Option<f64> {
    match statistic {
        "p50" => Some(0.5),
        "max" => Some(1.0),
        _ => None,
    }
}

/// The curve of a range, and the point that the paper gives for it, if that is on the axes. A range looks the same in
/// all figures.
fn add(panel: &mut Panel, range: Range, asks: bool, times: &Sample) {
    let place = ranges().position(|known| known == range).unwrap_or(0);
    let style = palette::series(place, format!("{}–{} ms", range.0, range.1)).marker(Marker::None);
    panel.line(style.clone(), times.curve(150));
    for (_, statistic, value) in PAPER.into_iter().filter(|(given, ..)| *given == range && !asks) {
        let Some(height) = share(statistic) else { continue };
        panel.line(style.clone().named("").points().marker(Marker::Ring), [(value, height)]);
    }
}

/// The downtime by the range of the timeouts: the figures of randomness and of shorter timeouts.
pub(super) fn downtime(
    found: &mut Findings,
    setting: &Setting,
    measured: &[Vec<Option<f64>>],
) -> Result<[Figure; 2], LabError> {
    let crashes = number_of_crashes(setting);
    let mut parts = measured.chunks((crashes / TOGETHER) as usize);
    let [mut table, mut paper, mut each] = tables();
    let titles = ["candidates do not ask (as in the paper)", "candidates ask first (as shipped)"];
    let (mut upper, mut lower) =
        (titles.map(|title| panel(title, 80.0)), titles.map(|title| panel(title, 20.0)));
    let mut off: f64 = 0.0;
    for (nth, asks) in ASKS.into_iter().enumerate() {
        for range @ (shortest, longest) in ranges() {
            let mut runs: Vec<(u64, Option<f64>)> =
                (0..).zip(parts.next().unwrap_or_default().iter().flatten().copied()).collect();
            let times = Sample::new(runs.iter().filter_map(|(_, time)| *time).collect());
            let missing = crashes - times.len() as u64;
            runs.sort_by(|(_, one), (_, other)| {
                let last = |time: &Option<f64>| time.unwrap_or(f64::INFINITY);
                last(one).total_cmp(&last(other))
            });
            for ((run, time), place) in runs.into_iter().zip(1_u64..) {
                let share = time.map(|_| place as f64 / times.len() as f64);
                each.push(row![shortest, longest, u64::from(asks), run, time, share]);
            }
            let (least, median, worst) = (times.quantile(0.0), times.quantile(0.5), times.quantile(1.0));
            let formula = calculated(range, asks);
            off = median.map_or(off, |median| off.max((median / formula - 1.0).abs()));
            let (count, mean, p99) = (times.len(), times.mean(), times.quantile(0.99));
            table.push(row![
                shortest,
                longest,
                u64::from(asks),
                count,
                missing,
                least,
                median,
                mean,
                p99,
                worst,
                formula
            ]);
            let asked = if asks { "_asked" } else { "" };
            for (name, column, value) in [
                ("p50", "p50_ms", median),
                ("mean", "mean_ms", mean),
                ("max", "max_ms", worst),
                ("calculated", "calculated_ms", Some(formula)),
            ] {
                let kind = if asks { "candidates ask" } else { "candidates do not ask" };
                let meaning = format!("{column} of downtime.csv, {shortest} to {longest} ms, {kind}");
                found.facts.add(&format!("{name}_{shortest}_{longest}{asked}"), value, "ms", meaning);
            }
            if !asks {
                let (name, value) =
                    (format!("range_{shortest}_{longest}"), format!("{shortest} to {longest}"));
                found.facts.add(&name, value, "ms", "shortest_ms and longest_ms of downtime.csv");
            }
            for (_, statistic, value) in PAPER.into_iter().filter(|(given, ..)| *given == range && !asks) {
                let here = match statistic {
                    "min" => least,
                    "p50" => median,
                    "mean" => mean,
                    _ => worst,
                };
                paper.push(row![shortest, longest, statistic, share(statistic), value, here]);
                let meaning = format!("paper_ms of paper.csv, {shortest} to {longest} ms, {statistic}");
                found.facts.add(&format!("paper_{statistic}_{shortest}_{longest}"), value, "ms", meaning);
            }
            for (panel, drawn) in [(&mut upper[nth], &UPPER[..]), (&mut lower[nth], &LOWER[..])] {
                if drawn.contains(&range) {
                    add(panel, range, asks, &times);
                }
            }
        }
    }
    // The range that both figures have is the last of each.
    for panel in &mut lower {
        panel.marks.rotate_left(1);
    }
    for panel in upper.iter_mut().chain(&mut lower) {
        panel.line(Style::new("median or maximum in the paper", GREY).points().marker(Marker::Ring), []);
    }
    found.facts.add("crashes", crashes, "", "crashes for each row of downtime.csv");
    let meaning = "the farthest that p50_ms is from calculated_ms in downtime.csv";
    found.facts.add("off", off * 100.0, "%", meaning);
    found.tables.extend([table, paper, each]);
    let constant = "Colours are timeouts here. Held constant: {servers} servers of Multi-Paxos, {one_way} for each message, the leader crashes at a random moment between \
                    two heartbeats, {crashes} crashes per curve.";
    Ok([
        Figure {
            name: "randomness",
            title: "Time without a leader after a crash, by the randomness of the timeouts".into(),
            caption: format!(
                "The share of crashes after which another process leads within x; farther left is better. Less randomness elects sooner, and none elects as well: the paper's \
                 Raft took more than {{paper_min_150_150}} then, off this figure. The pre-vote adds a round trip of {{broadcast}}. {constant}"
            ),
            svg: draw(&upper, 2, 340)?,
        },
        Figure {
            name: "downtime",
            title: "Time without a leader after a crash, by the length of the timeouts".into(),
            caption: format!(
                "As before, with ranges from T to 2T. Shorter timeouts elect sooner, until they come near the {{broadcast}} of a broadcast: with {{range_12_24}} a timeout may end before the \
                 answers are there, which makes the tail longer. {constant}"
            ),
            svg: draw(&lower, 2, 340)?,
        },
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of `docs/experiments.md` against the crashes of a full run.
    #[test]
    fn the_page_has_the_numbers_of_the_full_run() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/experiments.md");
        let page = std::fs::read_to_string(page).expect("the page is beside the crates");
        let setting = Setting::default();
        let mut compared = 0;
        for range @ (shortest, longest) in [(12, 24), (150, 150), (150, 155), (150, 200)] {
            let crash = |run| {
                let seed = setting.seed.wrapping_mul(1_000_003).wrapping_add(run);
                let work = Crash { range, asks: false, seed };
                Variant::Multi.with(Recovery::Coordinated, false, work).expect("a run").expect("a new leader")
            };
            let times = Sample::new((0..number_of_crashes(&setting)).map(crash).collect());
            let places = [
                ("shortest", times.quantile(0.0)),
                ("median", times.quantile(0.5)),
                ("mean", times.mean()),
                ("worst", times.quantile(1.0)),
            ];
            let rows = page.lines().filter(|line| line.starts_with(&format!("| {shortest}–{longest} ms |")));
            for row in rows {
                let cells: Vec<&str> = row.split('|').map(str::trim).collect();
                let value = places.iter().find(|(name, _)| *name == cells[2]).and_then(|(_, value)| *value);
                let here = format!("{:.0} ms", value.unwrap_or_default());
                assert!(cells[4].starts_with(&here), "{row}: {here}");
                if let Some(worst) = cells[4].split("worst ").nth(1) {
                    assert_eq!(worst, format!("{:.0} ms", times.quantile(1.0).unwrap_or_default()), "{row}");
                }
                compared += 1;
            }
        }
        assert_eq!(compared, 5);
    }
}
