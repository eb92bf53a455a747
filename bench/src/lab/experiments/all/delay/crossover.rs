//! When Fast Paxos is faster than Multi-Paxos: two delays and a larger quorum against three delays and a smaller one.

use super::spread::{Family, MEAN_MS, Spread};
use crate::lab::cluster::Shape;
use crate::lab::experiments::chart::palette::{GREY, SERIES};
use crate::lab::experiments::chart::{Axis, Dash, Figure, Marker, Panel, Style, draw};
use crate::lab::experiments::data::Table;
use crate::lab::experiments::sample::{Sample, Summary};
use crate::lab::experiments::{Experiment, Findings, Lab, LabError, Setting};
use crate::lab::quorums::QuorumChoice;
use crate::row;
use crate::theory::{Layout, Learning, Recovery};
use crate::variants::{Digest, Payload, Variant, WithProtocol};
use paxos_core::Protocol;
use paxos_transport::sim::{Fate, Sim, World};
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng;
use std::time::Duration;

/// The experiment.
pub(in crate::lab::experiments::all) const EXPERIMENT: Experiment = Experiment {
    name: "crossover",
    question: "How much may delays vary before Multi-Paxos is faster than Fast Paxos?",
    source: "Junqueira, Mao, Marzullo, Classic Paxos vs. Fast Paxos: Caveat Emptor (2007).",
    sites: 0,
    run,
};

const SIZES: [u16; 5] = [3, 4, 5, 7, 9];

/// Consecutive commands of one client that hears the votes itself. Each message's delay is drawn anew.
struct Race {
    acceptors: u16,
    variant: Variant,
    delays: Spread,
    commands: u64,
    seed: u64,
}

impl Race {
    fn latencies(self) -> Result<Vec<f64>, LabError> {
        self.variant.with(Recovery::Coordinated, false, self)
    }
}

impl WithProtocol for Race {
    type Out = Result<Vec<f64>, LabError>;

    fn run<P: Protocol<Value = Payload, Reply = u64>>(self, options: P::Options) -> Self::Out {
        let shape = Shape {
            variant: self.variant,
            layout: Layout::Separate,
            learning: Learning::Everyone,
            acceptors: self.acceptors,
            learners: 1,
            thrifty: false,
            quorum: QuorumChoice::Majority,
        };
        let mut config = shape.config()?;
        // Without timers the learner tells the leader nothing, so to the leader all slots stay in progress.
        config.limits.window = config.limits.window.max(self.commands as usize);
        let unfinished = || LabError::Unfinished(format!("{shape:?}: a command was not decided"));
        let client = config.all_learners().smallest().ok_or_else(unfinished)?;
        let mut sim = Sim::new(World::<P>::new(config, options, self.seed), |_| Digest::default());
        let long = Duration::from_secs(1_000_000);
        sim.run_to_quiescence(long)?;
        let (mut rng, delays) = (ChaCha8Rng::seed_from_u64(self.seed), self.delays);
        rng.set_stream(100 + self.variant as u64);
        sim.set_carrier(move |_| Fate::After(delays.draw(&mut rng)));
        let mut latencies = Vec::new();
        for value in 0..self.commands {
            let id = sim.submit(client, value).map_err(|_| unfinished())?;
            sim.run_to_quiescence(long)?;
            let latency = sim.command(id).and_then(paxos_transport::sim::Submitted::latency);
            latencies.push(latency.ok_or_else(unfinished)?.as_secs_f64() * 1e3);
        }
        Ok(latencies)
    }
}

/// One point: the share of commands that Fast Paxos decides sooner, and both latencies.
struct Point {
    family: Family,
    spread: f64,
    acceptors: u16,
    won: f64,
    tied: f64,
    multi: Summary,
    fast: Summary,
    /// Two standard errors of the difference of the means, in milliseconds.
    noise: f64,
}

impl Point {
    /// By how much Fast Paxos is slower on average, in milliseconds; none if that may be chance.
    fn slower(&self) -> Option<f64> {
        Some(self.fast.mean? - self.multi.mean?).filter(|difference| difference.abs() > self.noise)
    }
}

/// Two standard errors of the difference between the means of two independent samples.
fn noise(samples: [&[f64]; 2]) -> f64 {
    let squared = |values: &[f64]| {
        let n = values.len().max(2) as f64;
        let mean = values.iter().sum::<f64>() / n;
        values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / (n - 1.0) / n
    };
    2.0 * samples.into_iter().map(squared).sum::<f64>().sqrt()
}

fn run(setting: &Setting, lab: &mut Lab<'_>) -> Result<Findings, LabError> {
    let commands = setting.either(300, 5_000);
    let mut cases = Vec::new();
    for family in Family::ALL {
        for spread in family.spreads().iter().copied() {
            for acceptors in SIZES {
                // Each point has draws of its own.
                let seed = setting.seed.wrapping_mul(1_000_003).wrapping_add(cases.len() as u64);
                cases.push((family, spread, acceptors, seed));
            }
        }
    }
    let name = |(family, spread, acceptors, _): &(Family, f64, u16, u64)| {
        format!("{} delays, spread {spread}, {acceptors} acceptors", family.name())
    };
    let raced = lab.each(&cases, name, |(family, spread, acceptors, seed)| {
        let none = || LabError::Unfinished(format!("no {family:?} distribution has spread {spread}"));
        let delays = family.with_spread(*spread).ok_or_else(none)?;
        let (acceptors, seed) = (*acceptors, *seed);
        let race = |variant| Race { acceptors, variant, delays, commands, seed }.latencies();
        let (multi, fast) = (race(Variant::Multi)?, race(Variant::Fast)?);
        let share = |wins: fn(&(&f64, &f64)) -> bool| {
            multi.iter().zip(&fast).filter(wins).count() as f64 / commands as f64
        };
        let won = share(|(multi, fast)| fast < multi);
        let tied = share(|(multi, fast)| fast.total_cmp(multi).is_eq());
        let noise = noise([&multi, &fast]);
        Ok((won, tied, Sample::new(multi).summary(), Sample::new(fast).summary(), noise))
    })?;
    let point = |((family, spread, acceptors, _), (won, tied, multi, fast, noise))| Point {
        family,
        spread,
        acceptors,
        won,
        tied,
        multi,
        fast,
        noise,
    };
    let points: Vec<Point> = cases.into_iter().zip(raced.all()?).map(point).collect();
    let mut found = Findings::default();
    found.constant("mean delay of a message", format!("{MEAN_MS} ms"));
    found.constant("commands per point", commands);
    found.constant("client", "one, which hears the votes itself; no collision");
    found.constant("quorums", "majorities, and the smallest fast quorums beside them");
    tables(&mut found, &points);
    found.figures = vec![shares(&points)?, means(&points)?];
    found.lessons = vec![
        "With constant delays Fast Paxos wins every time ({constant}): two delays instead of three.".into(),
        "With {n} acceptors it wins {exponential} of the commands if delays are exponentially distributed with spread 1: it waits \
         for the 4th of 5 answers, Multi-Paxos for the 3rd, and these two are farther apart the more delays vary."
            .into(),
        "The spread does not explain everything: at spread 4 it wins {heavy} with a Pareto tail, where most delays are similar and a few are very long, and \
         {weibull} with Weibull delays, where few are similar."
            .into(),
        "Its smallest share over all settings is {least}, with {least_where}.".into(),
        "By mean latency, Multi-Paxos is faster in {slower} of {settings} settings and Fast Paxos in {faster}; in the other {unclear} the means are less than two standard errors \
         of their difference apart."
            .into(),
    ];
    Ok(found)
}

fn tables(found: &mut Findings, points: &[Point]) {
    let mut table = Table::new(
        "crossover",
        &[
            ("delays", "the family of the messages' delays"),
            ("spread", "their standard deviation divided by their mean"),
            ("acceptors", "the number of acceptors"),
            (
                "fast_won",
                "the share of commands that Fast Paxos decides sooner than Multi-Paxos, each with its own random delays",
            ),
            ("tied", "the share that takes equally long in both"),
            ("multi_mean_ms", "mean latency of Multi-Paxos, in ms"),
            ("fast_mean_ms", "mean latency of Fast Paxos, in ms"),
            ("noise_ms", "two standard errors of the difference of these means, in ms"),
            ("multi_p50_ms", "median of Multi-Paxos, in ms"),
            ("fast_p50_ms", "median of Fast Paxos, in ms"),
            ("multi_p99_ms", "99th percentile of Multi-Paxos, in ms"),
            ("fast_p99_ms", "99th percentile of Fast Paxos, in ms"),
        ],
    );
    for p in points {
        let (multi, fast) = (p.multi, p.fast);
        table.push(row![
            p.family.name(),
            p.spread,
            p.acceptors,
            p.won,
            p.tied,
            multi.mean,
            fast.mean,
            p.noise,
            multi.p50,
            fast.p50,
            multi.p99,
            fast.p99
        ]);
    }
    let at = |family: Family, spread: f64| {
        points
            .iter()
            .find(|p| p.family == family && p.acceptors == 5 && p.spread >= spread)
            .map(|p| p.won * 100.0)
    };
    let constant =
        points.iter().filter(|p| p.family == Family::Constant).map(|p| p.won * 100.0).fold(100.0, f64::min);
    let least = points.iter().min_by(|a, b| a.won.total_cmp(&b.won));
    let slower = points.iter().filter(|p| p.slower().is_some_and(|ms| ms > 0.0)).count();
    let faster = points.iter().filter(|p| p.slower().is_some_and(|ms| ms < 0.0)).count();
    let name = |p: &Point| {
        format!("{} delays of spread {} and {} acceptors", p.family.name(), p.spread, p.acceptors)
    };
    let facts = &mut found.facts;
    facts.add("n", 5_u64, "", "acceptors in the sentences that name one number");
    facts.add("constant", constant, "%", "least fast_won with constant delays, as a percentage");
    facts.add(
        "exponential",
        at(Family::Exponential, 1.0),
        "%",
        "fast_won, exponential delays of spread 1, 5 acceptors",
    );
    facts.add("weibull", at(Family::Weibull, 4.0), "%", "fast_won, Weibull delays of spread 4, 5 acceptors");
    facts.add("heavy", at(Family::Pareto, 4.0), "%", "fast_won, Pareto delays of spread 4, 5 acceptors");
    facts.add("least", least.map(|p| p.won * 100.0), "%", "least fast_won in crossover.csv");
    facts.add("least_where", least.map(name), "", "the row with it");
    facts.add("slower", slower, "", "rows where multi_mean_ms is below fast_mean_ms by more than noise_ms");
    facts.add("faster", faster, "", "rows where fast_mean_ms is below multi_mean_ms by more than noise_ms");
    facts.add("unclear", points.len() - slower - faster, "", "the other rows");
    facts.add("settings", points.len(), "", "rows of crossover.csv");
    found.tables.push(table);
}

/// Makes a panel for each family, with a line for each number of acceptors.
fn panels(points: &[Point], y: &Axis, value: fn(&Point) -> Option<f64>) -> Vec<Panel> {
    let families = [Family::Exponential, Family::Weibull, Family::LogNormal, Family::Pareto];
    let panel = |family: Family| {
        let x = Axis::new("spread (standard deviation / mean)")
            .range(0.0, if family == Family::Exponential { 1.05 } else { 4.2 });
        let mut panel = Panel::new(format!("{} delays", family.name()), x, y.clone());
        for ((acceptors, hue), marker) in
            SIZES.into_iter().zip(SERIES).zip(Marker::SERIES.into_iter().cycle())
        {
            // Constant delays are the spread 0 of every family.
            let here = points.iter().filter(|p| p.acceptors == acceptors);
            let here = here.filter(|p| p.family == family || p.family == Family::Constant);
            let style = Style::new(format!("{acceptors} acceptors"), hue).marker(marker);
            panel.line(style, here.filter_map(|p| Some((p.spread, value(p)?))));
        }
        panel.line(
            Style::new("", GREY).dash(Dash::Short).marker(Marker::None),
            [
                (0.0, if y.label.starts_with("share") { 0.5 } else { 1.0 }),
                (
                    4.2_f64.min(panel.x.range.map_or(4.2, |r| r.1)),
                    if y.label.starts_with("share") { 0.5 } else { 1.0 },
                ),
            ],
        );
        panel
    };
    families.map(panel).into()
}

fn shares(points: &[Point]) -> Result<Figure, LabError> {
    let panels = panels(points, &Axis::new("share won by fast").range(0.0, 1.02), |p| Some(p.won));
    Ok(Figure {
        name: "won",
        title: "Share of commands that Fast Paxos decides sooner than Multi-Paxos".into(),
        caption: "All lines begin at 1: with constant delays Fast Paxos always wins. It wins less often the more delays vary; below \
                  the dotted line Multi-Paxos wins more often. Colours are numbers of acceptors here. Held constant: a mean delay \
                  of 10 ms, one client that hears the votes itself, no collision, majority quorums."
            .into(),
        svg: draw(&panels, 2, 280)?,
    })
}

fn means(points: &[Point]) -> Result<Figure, LabError> {
    let ratio = |p: &Point| Some(p.fast.mean? / p.multi.mean?);
    let panels = panels(points, &Axis::new("fast / multi, mean"), ratio);
    Ok(Figure {
        name: "means",
        title: "Mean latency of Fast Paxos divided by that of Multi-Paxos".into(),
        caption: "At spread 0 the ratio is two thirds: two delays instead of three. Above the dotted line Multi-Paxos has the lower \
                  mean latency, clearly so in {slower} of {settings} settings: there the means are more than two standard errors of their difference \
                  apart. Held constant: as above."
            .into(),
        svg: draw(&panels, 2, 280)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use paxos_core::Limits;

    #[test]
    fn a_difference_within_two_standard_errors_is_not_counted() {
        let (multi, fast) = ([10.0, 12.0, 14.0], [11.0, 13.0, 15.0]);
        // Each mean has a standard error of 2 / √3, and their difference one of √2 times that.
        assert!((noise([&multi, &fast]) - 2.0 * (8.0_f64 / 3.0).sqrt()).abs() < 1e-12);
        let point = |apart: f64| {
            let of = |mean| Summary { mean: Some(mean), ..Summary::default() };
            let (family, spread, noise) = (Family::Constant, 0.0, 3.0);
            Point {
                family,
                spread,
                acceptors: 3,
                won: 0.0,
                tied: 0.0,
                multi: of(10.0),
                fast: of(10.0 + apart),
                noise,
            }
        };
        assert_eq!(
            [-4.0, -2.0, 0.0, 2.0, 4.0].map(|apart| point(apart).slower()),
            [Some(-4.0), None, None, None, Some(4.0)]
        );
    }

    #[test]
    fn a_race_may_have_more_commands_than_a_window() {
        let commands = Limits::default().window as u64 + 10;
        for variant in [Variant::Multi, Variant::Fast] {
            let race = Race { acceptors: 3, variant, delays: Spread::Constant, commands, seed: 1 };
            let latencies = race.latencies().unwrap_or_else(|why| panic!("{variant}: {why}"));
            assert_eq!(latencies.len() as u64, commands, "{variant}");
        }
    }
}
