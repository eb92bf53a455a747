//! When Fast Paxos is faster than Multi-Paxos: two delays and a larger quorum against three delays and a smaller one. The
//! other variants that run in this layout are raced as well.

mod figures;

use super::spread::{Family, MEAN_MS, Spread};
use crate::lab::cluster::Shape;
use crate::lab::experiments::data::Table;
use crate::lab::experiments::sample::{Sample, Summary};
use crate::lab::experiments::{Experiment, Facts, Findings, Lab, LabError, Setting};
use crate::lab::quorums::QuorumChoice;
use crate::row;
use crate::theory::{Layout, Learning, Recovery, fast_quorum, majority};
use crate::variants::{Digest, Payload, Variant, WithProtocol};
use figures::{means, shares, variants};
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
/// The number of acceptors in the sentences and figures that show one size.
const SIZE: u16 = 5;
/// The spreads in the sentences: of exponential delays, and of those with heavy tails.
const EXPONENTIAL: f64 = 1.0;
const HEAVY: f64 = 4.0;

/// The variants that race against Multi-Paxos: those that run with separate roles and a client that hears the votes.
fn rivals() -> impl Iterator<Item = Variant> {
    let placed = (Layout::Separate, Learning::Everyone);
    let fits = move |variant: &Variant| variant.placed(placed.0, placed.1) == placed;
    Variant::ALL.iter().copied().filter(fits).filter(|variant| *variant != Variant::Multi)
}

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

/// Delays and a number of acceptors.
#[derive(Clone, Copy)]
struct Course {
    family: Family,
    spread: f64,
    acceptors: u16,
}

/// One point: the share of commands that a variant decides sooner than Multi-Paxos, and both latencies.
struct Point {
    variant: Variant,
    course: Course,
    won: f64,
    tied: f64,
    multi: Summary,
    mine: Summary,
    /// Two standard errors of the difference of the means, in milliseconds.
    noise: f64,
}

impl Point {
    /// The mean latency, divided by that of Multi-Paxos.
    fn ratio(&self) -> Option<f64> {
        Some(self.mine.mean? / self.multi.mean?)
    }

    /// The ratios within two standard errors of the difference of the means.
    fn range(&self) -> Option<[f64; 2]> {
        let (ratio, noise) = (self.ratio()?, self.noise / self.multi.mean?);
        Some([ratio - noise, ratio + noise])
    }

    /// By how much the variant is slower on average, in milliseconds; none if that may be chance.
    fn slower(&self) -> Option<f64> {
        Some(self.mine.mean? - self.multi.mean?).filter(|difference| difference.abs() > self.noise)
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
    let (mut courses, mut cases) = (Vec::new(), Vec::new());
    for family in Family::ALL {
        for spread in family.spreads().iter().copied() {
            courses.extend(SIZES.map(|acceptors| Course { family, spread, acceptors }));
        }
    }
    for variant in rivals() {
        // Sentences and figures about the number of acceptors are those of fast ballots.
        let fits = |(_, course): &(u64, Course)| variant.traits().fast || course.acceptors == SIZE;
        for (nth, course) in (0..).zip(courses.iter().copied()).filter(fits) {
            // Each point has draws of its own.
            cases.push((variant, course, setting.seed.wrapping_mul(1_000_003).wrapping_add(nth)));
        }
    }
    let name = |(variant, Course { family, spread, acceptors }, _): &(Variant, Course, u64)| {
        format!("{variant}, {} delays, spread {spread}, {acceptors} acceptors", family.name())
    };
    let raced = lab.each(&cases, name, |(rival, course, seed)| {
        let Course { family, spread, acceptors } = *course;
        let none = || LabError::Unfinished(format!("no {family:?} distribution has spread {spread}"));
        let delays = family.with_spread(spread).ok_or_else(none)?;
        let race = |variant| Race { acceptors, variant, delays, commands, seed: *seed }.latencies();
        let (multi, mine) = (race(Variant::Multi)?, race(*rival)?);
        let share = |wins: fn(&(&f64, &f64)) -> bool| {
            multi.iter().zip(&mine).filter(wins).count() as f64 / commands as f64
        };
        let won = share(|(multi, mine)| mine < multi);
        let tied = share(|(multi, mine)| mine.total_cmp(multi).is_eq());
        let noise = noise([&multi, &mine]);
        Ok((won, tied, Sample::new(multi).summary(), Sample::new(mine).summary(), noise))
    })?;
    let point = |((variant, course, _), (won, tied, multi, mine, noise))| Point {
        variant,
        course,
        won,
        tied,
        multi,
        mine,
        noise,
    };
    let points: Vec<Point> = cases.into_iter().zip(raced.all()?).map(point).collect();
    let mut found = Findings::default();
    found.held("mean delay of a message", MEAN_MS, "ms");
    found.held("commands per point", commands, "");
    found.constant("client", "one, which hears the votes itself; no collision");
    found.constant("quorums", "majorities, and the smallest fast quorums beside them");
    tables(&mut found, &points);
    found.figures = vec![shares(&points)?, means(&points)?, variants(&points)?];
    let answer = answer(&points, &mut found.facts);
    found.lessons = vec![
        answer
            + " Over all sizes, it is clearly faster in {slower} of {settings} settings and Fast Paxos in {faster}; in the other {unclear} the means are less than two standard errors \
               of their difference apart.",
        "With constant delays Fast Paxos wins every time ({constant}): two delays instead of three.".into(),
        "With {n} acceptors it wins {exponential} of the commands if delays are exponentially distributed with spread {exponential_spread}: it waits \
         for {fast_quorum} of {n} votes, Multi-Paxos for {majority}, and these two are farther apart the more delays vary."
            .into(),
        "The spread does not explain everything: at spread {heavy_spread} it wins {heavy} with a Pareto tail, where most delays are similar and a few are very long, and \
         {weibull} with Weibull delays, where few are similar."
            .into(),
        "Its smallest share over all settings is {least}, with {least_where}.".into(),
    ];
    Ok(found)
}

/// The smallest spread of each family from which on Multi-Paxos clearly has the lower mean latency, and the sentence that
/// says so.
fn answer(points: &[Point], facts: &mut Facts) -> String {
    let (mut slower, mut never) = (Vec::new(), Vec::new());
    for family in Family::ALL.into_iter().filter(|family| *family != Family::Constant) {
        let mine = |p: &&Point| {
            p.variant == Variant::Fast && p.course.family == family && p.course.acceptors == SIZE
        };
        let is_slower = |p: &&Point| p.slower().is_some_and(|ms| ms > 0.0);
        let most = family.spreads().iter().copied().fold(0.0, f64::max);
        let from = points.iter().filter(mine).filter(is_slower).map(|p| p.course.spread).reduce(f64::min);
        let (key, name) = (family.name().replace('-', "_"), family.title());
        let meaning = "the least spread of these delays with multi_mean_ms below mean_ms by more than noise_ms, fast, n acceptors; empty: none";
        facts.add(&format!("from_{key}"), from, "", meaning);
        facts.add(&format!("most_{key}"), most, "", "the greatest spread of these delays");
        if from.is_some() {
            slower.push(format!("from a spread of {{from_{key}}} on with {name} delays"));
        } else {
            never.push(format!("{name} delays (spreads up to {{most_{key}}})"));
        }
    }
    match (slower.as_slice(), never.as_slice()) {
        ([], never) => format!(
            "With {{n}} acceptors Multi-Paxos never clearly has the lower mean latency: {}.",
            never.join(", ")
        ),
        (slower, []) => format!(
            "With {{n}} acceptors Multi-Paxos clearly has the lower mean latency {}.",
            slower.join(", ")
        ),
        (slower, never) => format!(
            "With {{n}} acceptors Multi-Paxos clearly has the lower mean latency {}; never with {}.",
            slower.join(", "),
            never.join(", ")
        ),
    }
}

fn tables(found: &mut Findings, points: &[Point]) {
    let mut table = Table::new(
        "crossover",
        &[
            ("variant", "the variant that is compared with Multi-Paxos"),
            ("delays", "the family of the messages' delays"),
            ("spread", "their standard deviation divided by their mean"),
            ("acceptors", "the number of acceptors"),
            (
                "won",
                "the share of commands that the variant decides sooner than Multi-Paxos, each with its own random delays",
            ),
            ("tied", "the share that takes equally long in both"),
            ("multi_mean_ms", "mean latency of Multi-Paxos, in ms"),
            ("mean_ms", "mean latency of the variant, in ms"),
            ("ratio", "mean_ms / multi_mean_ms"),
            ("noise_ms", "two standard errors of the difference of these means, in ms"),
            ("multi_p50_ms", "median of Multi-Paxos, in ms"),
            ("p50_ms", "median of the variant, in ms"),
            ("multi_p99_ms", "99th percentile of Multi-Paxos, in ms"),
            ("p99_ms", "99th percentile of the variant, in ms"),
        ],
    );
    for p in points {
        let (course, multi, mine) = (p.course, p.multi, p.mine);
        table.push(row![
            p.variant.name(),
            course.family.name(),
            course.spread,
            course.acceptors,
            p.won,
            p.tied,
            multi.mean,
            mine.mean,
            p.ratio(),
            p.noise,
            multi.p50,
            mine.p50,
            multi.p99,
            mine.p99
        ]);
    }
    // The sentences are about Fast Paxos.
    let points: Vec<&Point> = points.iter().filter(|p| p.variant == Variant::Fast).collect();
    let at = |family: Family, spread: f64| {
        points
            .iter()
            .find(|p| p.course.family == family && p.course.acceptors == SIZE && p.course.spread >= spread)
    };
    let won = |family, spread| at(family, spread).map(|p| p.won * 100.0);
    let constant = points.iter().filter(|p| p.course.family == Family::Constant);
    let constant = constant.map(|p| p.won * 100.0).fold(100.0, f64::min);
    let ratio = at(Family::Constant, 0.0).and_then(|p| p.ratio());
    let least = points.iter().min_by(|a, b| a.won.total_cmp(&b.won));
    let slower = points.iter().filter(|p| p.slower().is_some_and(|ms| ms > 0.0)).count();
    let faster = points.iter().filter(|p| p.slower().is_some_and(|ms| ms < 0.0)).count();
    let name = |p: &&Point| {
        let Course { family, spread, acceptors } = p.course;
        format!("{} delays of spread {spread} and {acceptors} acceptors", family.title())
    };
    let facts = &mut found.facts;
    facts.set("exponential_spread", EXPONENTIAL, "");
    facts.set("heavy_spread", HEAVY, "");
    facts.add("n", SIZE, "", "acceptors in the sentences that name one number");
    let n = usize::from(SIZE);
    facts.add("fast_quorum", fast_quorum(n), "", "acceptors of a fast quorum of n");
    facts.add("majority", majority(n), "", "acceptors of a majority of n");
    facts.add("ratio", ratio, "", "ratio of fast, constant delays, n acceptors");
    facts.add("constant", constant, "%", "least won of fast with constant delays, as a percentage");
    facts.add(
        "exponential",
        won(Family::Exponential, EXPONENTIAL),
        "%",
        "won of fast, exponential delays, exponential_spread, n acceptors",
    );
    facts.add(
        "weibull",
        won(Family::Weibull, HEAVY),
        "%",
        "won of fast, Weibull delays, heavy_spread, n acceptors",
    );
    facts.add(
        "heavy",
        won(Family::Pareto, HEAVY),
        "%",
        "won of fast, Pareto delays, heavy_spread, n acceptors",
    );
    facts.add("least", least.map(|p| p.won * 100.0), "%", "least won of fast in crossover.csv");
    facts.add("least_where", least.map(name), "", "the row with it");
    facts.add(
        "slower",
        slower,
        "",
        "rows of fast where multi_mean_ms is below mean_ms by more than noise_ms",
    );
    facts.add(
        "faster",
        faster,
        "",
        "rows of fast where mean_ms is below multi_mean_ms by more than noise_ms",
    );
    facts.add("unclear", points.len() - slower - faster, "", "the other rows of fast");
    facts.add("settings", points.len(), "", "rows of fast in crossover.csv");
    found.tables.push(table);
}

#[cfg(test)]
mod tests {
    use super::*;
    use paxos_core::Limits;

    #[test]
    fn a_difference_within_two_standard_errors_is_not_counted() {
        let (multi, mine) = ([10.0, 12.0, 14.0], [11.0, 13.0, 15.0]);
        // Each mean has a standard error of 2 / √3, and their difference one of √2 times that.
        assert!((noise([&multi, &mine]) - 2.0 * (8.0_f64 / 3.0).sqrt()).abs() < 1e-12);
        let point = |apart: f64| {
            let of = |mean| Summary { mean: Some(mean), ..Summary::default() };
            let course = Course { family: Family::Constant, spread: 0.0, acceptors: 3 };
            let (multi, mine) = (of(10.0), of(10.0 + apart));
            Point { variant: Variant::Fast, course, won: 0.0, tied: 0.0, multi, mine, noise: 3.0 }
        };
        assert_eq!(
            [-4.0, -2.0, 0.0, 2.0, 4.0].map(|apart| point(apart).slower()),
            [Some(-4.0), None, None, None, Some(4.0)]
        );
    }

    #[test]
    fn a_race_may_have_more_commands_than_a_window() {
        let commands = Limits::default().window as u64 + 10;
        for variant in rivals().chain([Variant::Multi]) {
            let race = Race { acceptors: 3, variant, delays: Spread::Constant, commands, seed: 1 };
            let latencies = race.latencies().unwrap_or_else(|why| panic!("{variant}: {why}"));
            assert_eq!(latencies.len() as u64, commands, "{variant}");
        }
    }
}
