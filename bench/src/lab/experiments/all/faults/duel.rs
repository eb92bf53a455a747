//! Self-appointed proposers: how long they duel, by back-off.

use crate::lab::cluster::Shape;
use crate::lab::experiments::chart::{Axis, Figure, Panel, draw, palette};
use crate::lab::experiments::data::{Table, span};
use crate::lab::experiments::sample::Sample;
use crate::lab::experiments::{Experiment, Facts, Findings, Lab, LabError, Setting};
use crate::row;
use crate::theory::Recovery;
use crate::variants::{Digest, Payload, Variant, WithProtocol};
use paxos_core::{Kind, Leadership, NodeId, Protocol};
use paxos_transport::sim::{Delay, Links, Sim, Submitted, World};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The experiment.
pub(in crate::lab::experiments::all) const EXPERIMENT: Experiment = Experiment {
    name: "duel",
    question: "How long do self-appointed proposers duel, and which back-off ends the duel?",
    source: "Lamport, Paxos Made Simple (2001), section 2.4: two proposers that outbid each other forever.",
    sites: 0,
    run,
};

const SERVERS: u16 = 5;
const PROPOSERS: [u16; 4] = [1, 2, 3, 5];
/// How long a run may take before it is stopped.
const PATIENCE: Duration = Duration::from_secs(10);

type Backoff = Option<(Duration, Duration)>;

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn in_ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// The back-off policies: the first and the longest waiting time, doubling in between. A message takes 5 ms on average.
const POLICIES: [(&str, Backoff); 5] = [
    ("none", None),
    ("up to 5 ms", Some((ms(5), ms(5)))),
    ("5 ms, doubling to 80 ms", Some((ms(5), ms(80)))),
    ("20 ms, doubling to 320 ms", Some((ms(20), ms(320)))),
    ("up to 320 ms", Some((ms(320), ms(320)))),
];

/// The mean delay of a message, and the shortest and the longest of uniform delays.
const MEAN: Duration = ms(5);
const WIDE: (Duration, Duration) = (ms(1), ms(9));
const DELAYS: [(&str, Delay); 2] =
    [("constant", Delay::Constant(MEAN)), ("uniform", Delay::Uniform { low: WIDE.0, high: WIDE.1 })];

/// The variants whose proposers appoint themselves.
fn rivals() -> impl Iterator<Item = Variant> {
    Variant::ALL.iter().copied().filter(|variant| variant.traits().leaderless)
}

/// One duel: all proposers submit a command of their own at the same moment.
struct Duel {
    variant: Variant,
    proposers: u16,
    backoff: Backoff,
    delay: Delay,
    seed: u64,
}

/// The end of a duel.
struct Ended {
    /// When the last command was answered, in milliseconds; none if not in time.
    all: Option<f64>,
    /// The number of ballots that were started.
    ballots: f64,
}

impl WithProtocol for Duel {
    type Out = Result<Ended, LabError>;

    fn run<P: Protocol<Value = Payload, Reply = u64>>(self, options: P::Options) -> Self::Out {
        let mut config = Shape::collapsed(self.variant, SERVERS).config()?;
        config.leadership = Leadership::SelfAppointed { backoff: self.backoff };
        let mut world = World::<P>::new(config, options, self.seed);
        world.links = Links::new(self.delay);
        world.limit.events = 1_000_000;
        let mut sim = Sim::new(world, |_| Digest::default());
        let end = sim.now().after(PATIENCE);
        for proposer in 0..self.proposers {
            let refused = |why| LabError::Unfinished(format!("a duel did not begin: {why}"));
            sim.submit(NodeId(proposer), proposer.into()).map_err(refused)?;
        }
        sim.run_until(|sim| sim.all_answered() || sim.now() >= end)?;
        let last = sim.commands().iter().filter_map(Submitted::latency).max().filter(|_| sim.all_answered());
        let ballots = sim.counts().of(Kind::Prepare) as f64 / f64::from(SERVERS - 1);
        Ok(Ended { all: last.map(|last| last.as_secs_f64() * 1e3), ballots })
    }
}

/// Duels with different seeds.
#[derive(Serialize, Deserialize)]
struct Duels {
    runs: u64,
    undecided: u64,
    /// The 10th percentile of the time until all commands were decided; none if that duel was not decided in time.
    p10: Option<f64>,
    /// The median of it; none if at least half were not decided in time.
    p50: Option<f64>,
    /// The 90th percentile of it.
    p90: Option<f64>,
    /// The 99th percentile of it.
    p99: Option<f64>,
    /// The mean number of ballots that were started.
    ballots: f64,
}

/// A row: the variant, the delays and their name, the back-off and its name, the number of proposers.
type Case = (Variant, (&'static str, Delay), (&'static str, Backoff), u16);

/// The seed of a run. Seeds that follow each other share no run.
const fn seed(of: u64, run: u64) -> u64 {
    of.wrapping_mul(1_000_003).wrapping_add(run)
}

fn duels(
    (variant, (delays, delay), (_, backoff), proposers): Case,
    runs: u64,
    seed: u64,
) -> Result<Duels, LabError> {
    let (mut times, mut ballots, mut undecided) = (Vec::new(), 0.0, 0);
    // With constant delays and no back-off, the run is the same for every seed.
    let runs = if backoff.is_none() && delays == "constant" { 1 } else { runs };
    for run in 0..runs {
        let duel = Duel { variant, proposers, backoff, delay, seed: self::seed(seed, run) };
        let ended = variant.with(Recovery::Coordinated, false, duel)?;
        ballots += ended.ballots / runs as f64;
        undecided += u64::from(ended.all.is_none());
        // A duel without an end takes longer than all others.
        times.push(ended.all.unwrap_or(f64::INFINITY));
    }
    let times = Sample::new(times);
    let quantile = |share| times.quantile(share).filter(|time| time.is_finite());
    let [p10, p50, p90, p99] = [0.1, 0.5, 0.9, 0.99].map(quantile);
    Ok(Duels { runs, undecided, p10, p50, p90, p99, ballots })
}

fn run(setting: &Setting, lab: &mut Lab<'_>) -> Result<Findings, LabError> {
    let runs = setting.either(40, 1_000);
    let kinds = rivals().flat_map(|variant| DELAYS.map(|delay| (variant, delay)));
    let policies = kinds.flat_map(|(variant, delay)| POLICIES.map(|policy| (variant, delay, policy)));
    let cases: Vec<Case> = policies
        .flat_map(|(variant, delay, policy)| PROPOSERS.map(|proposers| (variant, delay, policy, proposers)))
        .collect();
    let name = |(variant, (delays, _), (policy, _), proposers): &Case| {
        format!("{variant}, {proposers} proposers, {delays} delays, back-off {policy}")
    };
    let ended = lab.each(&cases, name, |case| duels(*case, runs, setting.seed))?.all()?;
    let rows: Vec<(Case, Duels)> = cases.into_iter().zip(ended).collect();
    let mut found = Findings::default();
    found.held("servers", SERVERS, "");
    found.constant(
        "proposers",
        "every server; each proposer in the duel submits one command at the same moment",
    );
    found.facts.set("delay", in_ms(MEAN), "ms");
    found.facts.set("uniform_delay", span(in_ms(WIDE.0), in_ms(WIDE.1)), "ms");
    found.constant("delay of a message", "{delay} constant, or {uniform_delay} uniform");
    found.held("stopped after", PATIENCE.as_secs(), "s");
    table(&mut found, &rows);
    facts(&mut found.facts, &rows);
    found.facts.add("runs", runs, "", "runs of each row that draws a lot");
    let constant = "Thin grey lines go from the tenth to the ninetieth percentile of the runs. Colours are back-offs. Held constant: {servers} servers, no leader, \
                    messages of {delay} on average, up to {runs} runs per point.";
    let (times, ballots) = panels(&rows);
    found.figures = vec![
        Figure {
            name: "duels",
            title: "Time until all proposers' commands are decided".into(),
            caption: "A missing point means that at least half of the runs were not decided within {stopped_after}: with equal delays and no back-off \
                      three proposers outbid each other forever. (No chance is involved there, so one run stands for all.) A back-off costs a single proposer nothing, since it is never outbid. Short back-offs that do not grow are too short for many \
                      proposers, and long ones make two wait longer than needed. "
                .to_owned()
                + constant,
            svg: draw(&times, 2, 320)?,
        },
        Figure {
            name: "ballots",
            title: "Ballots that are started in a duel".into(),
            caption: "The mean number of ballots until all is decided, or until the run is stopped. A longer back-off starts fewer ballots, whose messages it saves. Held constant: as above."
                .into(),
            svg: draw(&ballots, 2, 320)?,
        },
    ];
    found.lessons = vec![
        "With five proposers the quickest back-off tried is {best_constant} with constant delays, and {best_uniform} with uniform ones: all is decided after {best_constant_ms} and {best_uniform_ms} \
         (medians), with {best_constant_ballots} and {best_uniform_ballots} ballots."
            .into(),
        "Three proposers with equal delays and no back-off are livelocked: after {stopped_after} they had started {locked_ballots} ballots, and not \
         all commands were decided. (With two proposers, the duel ends when the first of their two commands is decided.)".into(),
        if found.facts.is_zero("locked_uniform") {
            "Delays that vary end the duel of three without any back-off in every run, after {ballots_uniform} ballots on average."
        } else {
            "Delays that vary end the duel of three without any back-off in all but {locked_uniform} of the runs, after {ballots_uniform} ballots on average."
        }
        .into(),
    ];
    Ok(found)
}

fn table(found: &mut Findings, rows: &[(Case, Duels)]) {
    let mut table = Table::new(
        "duels",
        &[
            ("variant", "the variant, one without a leader"),
            ("delays", "the distribution of the messages' delays"),
            ("backoff", "how long an outbid proposer waits"),
            ("proposers", "the number of proposers in the duel"),
            ("runs", "runs, each with its own seed"),
            ("undecided", "runs in which not all commands were decided before the run was stopped"),
            (
                "p10_ms",
                "10th percentile of the time until all commands were decided, in ms; empty: that run was not decided",
            ),
            ("p50_ms", "median of the same, in ms; empty: the median run was not decided"),
            ("p90_ms", "90th percentile of the same, in ms; empty: that run was not decided"),
            ("p99_ms", "99th percentile of the same, in ms; empty: that run was not decided"),
            ("ballots", "mean number of ballots that were started"),
        ],
    );
    for ((variant, (delays, _), (policy, _), proposers), duels) in rows {
        let Duels { runs, undecided, p10, p50, p90, p99, ballots } = *duels;
        let name = variant.name();
        table.push(row![name, *delays, *policy, *proposers, runs, undecided, p10, p50, p90, p99, ballots]);
    }
    found.tables.push(table);
}

/// The facts of the sentences, which are about Basic Paxos.
fn facts(facts: &mut Facts, rows: &[(Case, Duels)]) {
    for (delays, _) in DELAYS {
        let of = |number: u16| {
            rows.iter().filter(move |((variant, (known, _), _, proposers), _)| {
                (*variant, *known, *proposers) == (Variant::Basic, delays, number)
            })
        };
        let row = format!("of duels.csv, {delays} delays, no back-off, 3 proposers");
        let (share, ballots) = if delays == "constant" {
            ("locked", "locked_ballots")
        } else {
            ("locked_uniform", "ballots_uniform")
        };
        if let Some((_, duels)) = of(3).find(|((_, _, (_, backoff), _), _)| backoff.is_none()) {
            let locked = duels.undecided as f64 / duels.runs as f64 * 100.0;
            facts.add(share, locked, "%", format!("undecided / runs {row}"));
            facts.add(ballots, duels.ballots, "", format!("ballots {row}"));
        }
        let timed =
            of(5).filter_map(|((_, _, (policy, _), _), duels)| Some((*policy, duels.p50?, duels.ballots)));
        let best = timed.min_by(|a, b| a.1.total_cmp(&b.1));
        let key = |end: &str| format!("best_{delays}{end}");
        let row = format!("duels.csv, 5 proposers, {delays} delays");
        facts.add(&key(""), best.map(|b| b.0), "", format!("the back-off with the lowest p50_ms of {row}"));
        facts.add(&key("_ms"), best.map(|b| b.1), "ms", "that p50_ms");
        facts.add(&key("_ballots"), best.map(|b| b.2), "", "ballots of the same row");
    }
}

/// The panels of the time and of the ballots, for each variant and each kind of delays.
fn panels(rows: &[(Case, Duels)]) -> (Vec<Panel>, Vec<Panel>) {
    let (mut times, mut sent) = (Vec::new(), Vec::new());
    for of_kind in rows.chunks(POLICIES.len() * PROPOSERS.len()) {
        let ((variant, (delays, _), ..), _) = &of_kind[0];
        let panel = |axis: &str| {
            let title = format!("{variant}, {delays} delays");
            Panel::new(title, Axis::new("proposers").range(0.5, 5.5), Axis::new(axis).log())
        };
        let (mut time, mut ballots) = (panel("median time to decide all (ms)"), panel("ballots, mean"));
        for (nth, mine) in of_kind.chunks(PROPOSERS.len()).enumerate() {
            let style = palette::series(nth, format!("back-off {}", mine[0].0.2.0));
            // Side by side, so that they do not cover each other.
            let place = |proposers: u16| f64::from(proposers) + (nth as f64 - 2.0) * 0.06;
            let all = || mine.iter().map(|((.., proposers), duels)| (*proposers, duels));
            let range =
                |(proposers, duels): (u16, &Duels)| Some((place(proposers), [duels.p10?, duels.p90?]));
            time.whiskers("", all().filter_map(range));
            time.line(style.clone(), all().filter_map(|(n, duels)| Some((f64::from(n), duels.p50?))));
            ballots.line(style, all().map(|(n, duels)| (f64::from(n), duels.ballots)));
        }
        times.push(time);
        sent.push(ballots);
    }
    (times, sent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runs_of_neighbouring_seeds_are_different_ones() {
        let seeds = |of| (0..1_000).map(move |run| seed(of, run));
        assert!(seeds(1).all(|one| seeds(2).all(|other| other != one)));
    }

    #[test]
    fn a_duel_without_an_end_counts_as_longer_than_all_others() {
        let locked = duels((Variant::Basic, DELAYS[0], POLICIES[0], 3), 1, 1).expect("it is stopped");
        assert_eq!((locked.undecided, locked.p10, locked.p50, locked.p99), (1, None, None, None));
    }
}
