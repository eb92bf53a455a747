//! The cost of losing a leader: throughput over time, and the time without a leader against the timeouts.

use crate::lab::cluster::Shape;
use crate::lab::experiments::chart::palette::{self, GREY, SERIES};
use crate::lab::experiments::chart::{Axis, Dash, Figure, Look, Marker, Panel, draw};
use crate::lab::experiments::data::Table;
use crate::lab::experiments::sample::Sample;
use crate::lab::experiments::{Experiment, Findings, Lab, LabError, Measured, Setting};
use crate::row;
use crate::theory::Recovery;
use crate::variants::{Digest, Payload, Variant, WithProtocol};
use paxos_core::{Config, NodeId, Protocol, QuorumError, Time, Timeouts};
use paxos_transport::sim::{Chance, Cut, Delay, Fault, Links, Sim, World};
use std::time::Duration;

/// The experiment.
pub(in crate::lab::experiments::all) const EXPERIMENT: Experiment = Experiment {
    name: "failover",
    question: "How long is a cluster without a leader when its leader ends, by the election timeouts?",
    source: "Ongaro, Ousterhout, In Search of an Understandable Consensus Algorithm (2014), section 9.3 and figure 16: 5 servers, \
             a broadcast of about 15 ms, a leader that crashes within a heartbeat interval.",
    run,
};

const SERVERS: u16 = 5;
/// The delay of a message. A broadcast with its answers takes 15 ms.
const ONE_WAY: Duration = Duration::from_micros(7_500);
/// The shortest election timeouts, in milliseconds. The longest is always twice that.
const TIMEOUTS: [u64; 5] = [12, 25, 50, 100, 150];

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn in_ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn config(variant: Variant, election: Duration) -> Result<Config, QuorumError> {
    let timeouts =
        Timeouts { election: Some(election), heartbeat: Some(election / 2), ..Timeouts::default() };
    Ok(Config { timeouts, ..Shape::collapsed(variant, SERVERS).config()? })
}

/// The leader crashes at a moment drawn from one heartbeat interval.
struct Crash {
    election: Duration,
    seed: u64,
}

impl WithProtocol for Crash {
    type Out = Result<Option<f64>, LabError>;

    /// The time from the crash until another process leads, in milliseconds; none if there was no leader to crash, or
    /// no new leader within a minute.
    fn run<P: Protocol<Value = Payload, Reply = u64>>(self, options: P::Options) -> Self::Out {
        let mut world = World::<P>::new(config(Variant::Multi, self.election)?, options, self.seed);
        world.links = Links::constant(ONE_WAY);
        let mut sim = Sim::new(world, |_| Digest::default());
        let beats = self.election / 2;
        let mut chance = Chance::new(self.seed, 40);
        sim.run_for(beats * 20 + chance.between(Duration::ZERO, beats))?;
        let Some(leader) = sim.leader() else { return Ok(None) };
        let at = sim.now();
        sim.fail(Fault::Crash(leader));
        let patience = at.after(Duration::from_secs(60));
        sim.run_until(|sim| sim.leader().is_some() || sim.now() > patience)?;
        Ok(sim.leader().map(|_| in_ms(sim.now().since(at))))
    }
}

/// The median time without a leader, calculated from the timeouts. The first of the four followers' timeouts, each
/// drawn from T to 2T, has the median T (2 − ½^¼). It counts from the last heartbeat, of whose interval half is over on
/// average. One way for that heartbeat, a round trip for the pre-vote and a round trip for phase 1 are added.
fn calculated(election: Duration) -> f64 {
    let t = in_ms(election);
    let first = t * (2.0 - libm::pow(0.5, 1.0 / f64::from(SERVERS - 1)));
    first - t / 4.0 + 5.0 * in_ms(ONE_WAY)
}

fn run(setting: &Setting, lab: &mut Lab<'_>) -> Result<Findings, LabError> {
    let mut found = Findings::default();
    found.constant("servers", SERVERS);
    found.constant("delay of a message", "7.5 ms, so that a broadcast with its answers takes 15 ms");
    found.constant("heartbeat interval", "half of the shortest election timeout");
    found.constant("election timeouts", "drawn anew from T to 2T each time");
    let (crashes, outages) = (crashes(setting, lab)?, outages(setting, lab)?);
    let downtime = downtime(&mut found, setting, &crashes.all()?)?;
    let throughput = throughput(&mut found, &outages.all()?)?;
    found.figures = vec![downtime, throughput];
    found.lessons = vec![
        "With timeouts of 150 to 300 ms, half of {crashes} crashes leave the cluster without a leader for {p50_150} or less, and the worst one \
         for {max_150}. With 12 to 24 ms, the median is {p50_12}."
            .into(),
        "A direct calculation from the timeouts gives {calculated_150} and {calculated_12}; all medians are within {off} of it. Timeouts below \
         50 ms gain little: the two round trips of the pre-vote and of phase 1 take 30 ms in any case."
            .into(),
        "Clients wait longer than the election takes: after a crash Multi-Paxos answers again after {gap_crash}. The returning leader never deposes \
         the new one (no gap longer than {gap_return})."
            .into(),
    ];
    Ok(found)
}

/// The number of crashes in one run of the lab.
const TOGETHER: u64 = 50;

const fn number_of_crashes(setting: &Setting) -> u64 {
    if setting.quick { 150 } else { 1_000 }
}

/// For each range of timeouts, the times without a leader, in parts.
fn crashes(setting: &Setting, lab: &mut Lab<'_>) -> Result<Measured<Vec<Option<f64>>>, LabError> {
    let part = (0..number_of_crashes(setting)).step_by(TOGETHER as usize);
    let cases: Vec<(u64, u64)> =
        TIMEOUTS.into_iter().flat_map(|shortest| part.clone().map(move |first| (shortest, first))).collect();
    let name = |(shortest, first): &(u64, u64)| {
        format!(
            "crashes {first} to {} with timeouts of {shortest} to {} ms",
            first + TOGETHER - 1,
            2 * shortest
        )
    };
    lab.each(&cases, name, |(shortest, first)| {
        let crash = |run| {
            let seed = setting.seed.wrapping_mul(1_000_003).wrapping_add(run);
            Variant::Multi.with(Recovery::Coordinated, false, Crash { election: ms(*shortest), seed })
        };
        (*first..first + TOGETHER).map(crash).collect::<Result<Vec<_>, _>>()
    })
}

fn downtime(
    found: &mut Findings,
    setting: &Setting,
    measured: &[Vec<Option<f64>>],
) -> Result<Figure, LabError> {
    let crashes = number_of_crashes(setting);
    let mut parts = measured.chunks((crashes / TOGETHER) as usize);
    let mut each = Table::new(
        "crashes",
        &[
            ("shortest_ms", "the shortest election timeout, in ms; the longest is twice that"),
            ("run", "the number of the run"),
            (
                "downtime_ms",
                "from the crash until another process leads, in ms; empty: no leader to crash, or none in 60 s",
            ),
        ],
    );
    let mut table = Table::new(
        "downtime",
        &[
            ("shortest_ms", "the shortest election timeout, in ms"),
            ("longest_ms", "the longest election timeout, in ms"),
            ("crashes", "crashes of a leader"),
            ("missing", "runs without a leader to crash, or without a new one within 60 s"),
            ("p50_ms", "median downtime, in ms"),
            ("mean_ms", "mean downtime, in ms"),
            ("p99_ms", "99th percentile, in ms"),
            ("max_ms", "the longest downtime, in ms"),
            ("calculated_ms", "the median by direct calculation from the timeouts, in ms"),
        ],
    );
    let mut panel = Panel::new(
        "",
        Axis::new("time without a leader (ms)").log(),
        Axis::new("share of crashes").range(0.0, 1.0),
    );
    let mut off: f64 = 0.0;
    for ((shortest, hue), dash) in
        TIMEOUTS.into_iter().zip(SERIES).zip([Dash::Solid, Dash::Long, Dash::Short].into_iter().cycle())
    {
        let mut times = Vec::new();
        for (run, time) in (0_u64..).zip(parts.next().unwrap_or_default().iter().flatten().copied()) {
            each.push(row![shortest, run, time]);
            times.extend(time);
        }
        let missing = crashes - times.len() as u64;
        let times = Sample::new(times);
        let (median, worst, formula) = (times.quantile(0.5), times.quantile(1.0), calculated(ms(shortest)));
        if let Some(median) = median {
            off = off.max((median / formula - 1.0).abs());
        }
        table.push(row![
            shortest,
            2 * shortest,
            times.len(),
            missing,
            median,
            times.mean(),
            times.quantile(0.99),
            worst,
            formula
        ]);
        let facts = &mut found.facts;
        facts.add(&format!("p50_{shortest}"), median, "ms", format!("p50_ms of downtime.csv, {shortest} ms"));
        facts.add(&format!("max_{shortest}"), worst, "ms", format!("max_ms of downtime.csv, {shortest} ms"));
        facts.add(
            &format!("calculated_{shortest}"),
            formula,
            "ms",
            format!("calculated_ms of downtime.csv, {shortest} ms"),
        );
        let look = Look::new(format!("{shortest}–{} ms", 2 * shortest), hue).dash(dash).marker(Marker::None);
        panel.line(look, times.curve(150));
    }
    found.facts.add("crashes", crashes, "", "crashes for each range of timeouts");
    found.facts.add(
        "off",
        off * 100.0,
        "%",
        "the farthest that p50_ms is from calculated_ms in downtime.csv",
    );
    found.tables.extend([table, each]);
    Ok(Figure {
        name: "downtime",
        title: "Time without a leader after a crash, by election timeouts".into(),
        caption: "The share of crashes after which another process leads within x; farther left is better. Shorter timeouts elect \
                  sooner, until they come near the 15 ms of a broadcast: the curve of 12–24 ms is little better than that of 25–50 ms, and has the longer tail. \
                  Colours are timeouts here. Held constant: 5 servers of Multi-Paxos, the leader crashes at a random moment between \
                  two heartbeats, {crashes} crashes per curve."
            .into(),
        svg: draw(&[panel], 1, 340)?,
    })
}

/// The faults of the leader.
const TROUBLES: [&str; 3] = ["crash", "pause", "partition"];
const WINDOW: u64 = 50;
const END: u64 = 3_000;
/// When the fault begins and ends, in milliseconds.
const TROUBLE: (u64, u64) = (1_000, 2_000);

/// Clients that submit commands all the time, while the leader has a fault.
struct Outage {
    variant: Variant,
    trouble: &'static str,
    seed: u64,
}

impl WithProtocol for Outage {
    type Out = Result<Vec<Time>, LabError>;

    /// The times when commands were answered.
    fn run<P: Protocol<Value = Payload, Reply = u64>>(self, options: P::Options) -> Self::Out {
        let mut config = config(self.variant, ms(150))?;
        config.timeouts.client = Some(ms(100));
        let leader = config.proposers.smallest().unwrap_or_default();
        let others: Vec<NodeId> = config.servers().iter().filter(|id| *id != leader).collect();
        let mut world = World::<P>::new(config, options, self.seed);
        world.links = Links::new(Delay::Uniform { low: ms(4), high: ms(6) });
        let clients = world.add_clients(4);
        let at = |moment| Time(0).after(ms(moment));
        let (start, end) = (at(TROUBLE.0), at(TROUBLE.1));
        match self.trouble {
            "crash" => world.faults.plan = vec![(start, Fault::Crash(leader)), (end, Fault::Restart(leader))],
            "pause" => world.faults.plan = vec![(start, Fault::Pause(leader)), (end, Fault::Resume(leader))],
            _ => {
                world.faults.cuts = vec![Cut { from: vec![leader], to: others, both_ways: true, start, end }];
            }
        }
        let mut sim = Sim::new(world, |_| Digest::default());
        for (client, nth) in clients.iter().zip(0..) {
            sim.submit_in_turn(*client, 1, (0..10_000).map(|k| nth * 1_000_000 + k));
        }
        sim.run_for(ms(END))?;
        let mut answers: Vec<Time> =
            sim.commands().iter().filter_map(|c| Some(c.answer.as_ref()?.at)).collect();
        answers.sort_unstable();
        Ok(answers)
    }
}

/// The variants whose leader has a fault.
const LED: [(Variant, Dash); 2] = [(Variant::Multi, Dash::Solid), (Variant::Fast, Dash::Long)];

/// When commands were answered, for each fault and variant.
fn outages(setting: &Setting, lab: &mut Lab<'_>) -> Result<Measured<Vec<Time>>, LabError> {
    let cases: Vec<(&str, Variant)> =
        TROUBLES.into_iter().flat_map(|trouble| LED.map(|(variant, _)| (trouble, variant))).collect();
    let name = |(trouble, variant): &(&str, Variant)| format!("{variant} through a {trouble} of its leader");
    lab.each(&cases, name, |(trouble, variant)| {
        let work = Outage { variant: *variant, trouble, seed: setting.seed };
        variant.with(Recovery::Coordinated, true, work)
    })
}

fn throughput(found: &mut Findings, measured: &[Vec<Time>]) -> Result<Figure, LabError> {
    let mut measured = measured.iter();
    let mut table = Table::new(
        "throughput",
        &[
            ("trouble", "what happens to the leader from 1 s to 2 s"),
            ("variant", "the variant"),
            ("from_ms", "the beginning of a window of 50 ms, in ms"),
            ("answered", "commands answered in the window"),
        ],
    );
    let mut gaps = Table::new(
        "gaps",
        &[
            ("trouble", "what happens to the leader from 1 s to 2 s"),
            ("variant", "the variant"),
            ("gap_ms", "the longest time without an answer that begins after 950 ms and before 1.9 s, in ms"),
            ("return_gap_ms", "the same, from 1.9 s on"),
        ],
    );
    let mut panels = Vec::new();
    for trouble in TROUBLES {
        let mut panel = Panel::new(
            trouble,
            Axis::new("time (s)").range(0.0, 3.0),
            Axis::new("answers / s").range(0.0, 300.0),
        );
        panel.line(
            Look::new("trouble begins and ends", GREY).dash(Dash::Short).marker(Marker::None),
            [(1.0, 0.0), (1.0, 300.0)],
        );
        panel.line(Look::new("", GREY).dash(Dash::Short).marker(Marker::None), [(2.0, 0.0), (2.0, 300.0)]);
        for ((variant, dash), answers) in LED.into_iter().zip(measured.by_ref()) {
            let mut points = Vec::new();
            for from in (0..END).step_by(WINDOW as usize) {
                let window = Time(0).after(ms(from))..Time(0).after(ms(from + WINDOW));
                let answered = answers.iter().filter(|at| window.contains(at)).count();
                table.push(row![trouble, variant.name(), from, answered]);
                points.push(((from + WINDOW / 2) as f64 / 1e3, answered as f64 * 1e3 / WINDOW as f64));
            }
            let longest = |from: u64, to: u64| {
                let within = Time(0).after(ms(from))..Time(0).after(ms(to));
                let ends = answers.iter().copied().chain([Time(0).after(ms(END))]);
                let pairs =
                    answers.iter().copied().zip(ends.skip(1)).filter(|(start, _)| within.contains(start));
                pairs.map(|(start, end)| in_ms(end.since(start))).fold(0.0, f64::max)
            };
            let (gap, back) = (longest(950, 1_900), longest(1_900, END));
            gaps.push(row![trouble, variant.name(), gap, back]);
            if trouble == "crash" && variant == Variant::Multi {
                found.facts.add("gap_crash", gap, "ms", "gap_ms of gaps.csv, crash, multi");
                found.facts.add("gap_return", back, "ms", "return_gap_ms of gaps.csv, crash, multi");
            }
            panel.line(
                Look::new(variant.name(), palette::of(variant)).dash(dash).marker(Marker::None),
                points,
            );
        }
        panels.push(panel);
    }
    found.tables.extend([table, gaps]);
    Ok(Figure {
        name: "throughput",
        title: "Answers per second during a fault of the leader".into(),
        caption: "The leader crashes, is paused, or is cut off from 1 s to 2 s (dotted). Answers stop until another process leads and the \
                  clients have found it. Multi-Paxos then serves as before. Fast Paxos does so only when the old leader is back: until then all four \
                  remaining acceptors must vote alike in a fast ballot, so another order at one of them is a collision. Held constant: 5 servers, 4 clients with one \
                  command at a time, delays of 4 to 6 ms, election timeouts of 150 to 300 ms, clients ask again after 100 ms."
            .into(),
        svg: draw(&panels, 1, 200)?,
    })
}
