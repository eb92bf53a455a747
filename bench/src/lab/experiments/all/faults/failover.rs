//! The cost of losing a leader: throughput over time, and the time without a leader against the timeouts.

mod crashes;

use crate::lab::cluster::Shape;
use crate::lab::experiments::chart::palette;
use crate::lab::experiments::chart::{Axis, Figure, Marker, Panel, draw};
use crate::lab::experiments::data::{Table, span};
use crate::lab::experiments::{Experiment, Findings, Lab, LabError, Measured, Sample, Setting};
use crate::row;
use crate::theory::Recovery;
use crate::variants::{Digest, Payload, Variant, WithProtocol};
use paxos_core::{Leadership, NodeId, Protocol, Time, Timeouts};
use paxos_transport::sim::{Cut, Delay, Fault, Links, Sim, World};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The experiment.
pub(in crate::lab::experiments::all) const EXPERIMENT: Experiment = Experiment {
    name: "failover",
    question: "How long is a cluster without a leader when its leader crashes, by the election timeouts?",
    source: "Ongaro, Ousterhout, In Search of an Understandable Consensus Algorithm (2014), section 9.3 and figure 16: 5 servers, \
             a broadcast of about 15 ms, a leader that crashes within a heartbeat interval.",
    sites: 0,
    run,
};

const SERVERS: u16 = 5;

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn in_ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn run(setting: &Setting, lab: &mut Lab<'_>) -> Result<Findings, LabError> {
    let mut found = Findings::default();
    parameters(&mut found);
    let (crashes, outages) = (crashes::crashes(setting, lab)?, outages(setting, lab)?);
    let [randomness, downtime] = crashes::downtime(&mut found, setting, &crashes.all()?)?;
    let throughput = throughput(&mut found, setting, &outages.all()?)?;
    found.figures = vec![randomness, downtime, throughput];
    found.lessons = vec![
        "With candidates that ask first, as shipped, half of the crashes are over within {p50_150_300_asked} with timeouts of {range_150_300}, and within {p50_12_24_asked} with {range_12_24}; without asking, within {p50_150_300} and {p50_12_24}."
            .into(),
        "Without pre-votes and with timeouts of {range_12_24}, {crashes} crashes leave the cluster without a leader for {mean_12_24} on average and {max_12_24} at worst. \
         The Raft paper measured {paper_mean_12_24} and {paper_max_12_24}."
            .into(),
        "Paxos needs no randomness to elect a leader: with equal timeouts ({range_150_150}) the worst crash costs {max_150_150}, where Raft took more than {paper_min_150_150}. A Raft server votes once in a \
         term, so candidates that start together split the votes. Ballots are ordered, so an acceptor that has promised one promises the higher one as well, and the candidate with the highest id wins. For the same reason timeouts of {range_150_155} \
         give a median of {p50_150_155} here and {paper_p50_150_155} there."
            .into(),
        "The pre-vote adds a round trip: with timeouts of {range_150_300} the median is {p50_150_300} without it, and {p50_150_300_asked} with it. A direct calculation from the timeouts gives {calculated_150_300} and \
         {calculated_150_300_asked}, and all medians are within {off} of it."
            .into(),
        "Clients wait longer than the election takes: after a crash Multi-Paxos answers again after {gap_crash} (median of {outages} runs, with election timeouts of {election}). The returning leader does not depose \
         the new one: then no gap is longer than {gap_return} in any run."
            .into(),
    ];
    Ok(found)
}

/// What was held constant, and the parameters that the sentences name.
fn parameters(found: &mut Findings) {
    found.held("servers", SERVERS, "");
    found.constant("delay of a message", "{one_way}, so that a broadcast with its answers takes {broadcast}");
    found.constant("heartbeat interval", "half of the shortest election timeout");
    found.constant("election timeouts", "drawn anew from their range each time");
    let facts = &mut found.facts;
    facts.set("one_way", in_ms(crashes::ONE_WAY), "ms");
    facts.set("broadcast", in_ms(2 * crashes::ONE_WAY), "ms");
    let s = |moment: u64| moment as f64 / 1e3;
    facts.set("trouble_from", s(TROUBLE.0), "s");
    facts.set("trouble_to", s(TROUBLE.1), "s");
    facts.set("clients", CLIENTS, "");
    facts.set("delay", span(in_ms(DELAY.0), in_ms(DELAY.1)), "ms");
    facts.set("election", span(in_ms(ELECTION), in_ms(2 * ELECTION)), "ms");
    facts.set("client_resend", in_ms(RESEND), "ms");
}

/// The faults of the leader.
const TROUBLES: [&str; 3] = ["crash", "pause", "partition"];
const WINDOW: u64 = 100;
const END: u64 = 3_000;
/// When the fault begins and ends, in milliseconds.
const TROUBLE: (u64, u64) = (1_000, 2_000);
/// While clients submit commands: their number, the shortest and the longest delay of a message, the shortest election
/// timeout (the longest is twice that), and when clients ask again.
const CLIENTS: u16 = 4;
const DELAY: (Duration, Duration) = (ms(4), ms(6));
const ELECTION: Duration = ms(150);
const RESEND: Duration = ms(100);

/// Clients that submit commands all the time, while the leader has a fault.
struct Outage {
    variant: Variant,
    trouble: &'static str,
    seed: u64,
}

/// The course of a run.
#[derive(Serialize, Deserialize)]
struct Course {
    /// The commands answered in each window.
    answered: Vec<u64>,
    /// The longest time without an answer that begins shortly before the fault or during it, and from shortly before its end
    /// on, in milliseconds.
    gaps: [f64; 2],
}

impl Course {
    fn new(mut answers: Vec<Time>) -> Self {
        answers.sort_unstable();
        let at = |moment: u64| Time(0).after(ms(moment));
        let count = |from: u64| {
            let window = at(from)..at(from + WINDOW);
            answers.iter().filter(|at| window.contains(at)).count() as u64
        };
        let longest = |from: u64, to: u64| {
            let ends = answers.iter().copied().chain([at(END)]);
            let pairs = answers.iter().copied().zip(ends.skip(1));
            let within = pairs.filter(|(start, _)| (at(from)..at(to)).contains(start));
            within.map(|(start, end)| in_ms(end.since(start))).fold(0.0, f64::max)
        };
        let answered = (0..END).step_by(WINDOW as usize).map(count).collect();
        Self { answered, gaps: [longest(950, 1_900), longest(1_900, END)] }
    }
}

impl WithProtocol for Outage {
    type Out = Result<Course, LabError>;

    /// Without a leader, the first proposer has the fault.
    fn run<P: Protocol<Value = Payload, Reply = u64>>(self, options: P::Options) -> Self::Out {
        let mut config = Shape::collapsed(self.variant, SERVERS).config()?;
        let (election, heartbeat, client) = (Some(ELECTION), Some(ELECTION / 2), Some(RESEND));
        config.timeouts = Timeouts { election, heartbeat, client, ..Timeouts::default() };
        if self.variant.traits().leaderless {
            config.leadership = Leadership::SelfAppointed { backoff: Some((ms(20), ms(320))) };
        }
        let leader = config.proposers.smallest().unwrap_or_default();
        let others: Vec<NodeId> = config.servers().iter().filter(|id| *id != leader).collect();
        let mut world = World::<P>::new(config, options, self.seed);
        world.links = Links::new(Delay::Uniform { low: DELAY.0, high: DELAY.1 });
        let clients = world.add_clients(CLIENTS);
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
        Ok(Course::new(sim.commands().iter().filter_map(|c| Some(c.answer.as_ref()?.at)).collect()))
    }
}

/// The runs of each variant and fault.
const fn number_of_runs(setting: &Setting) -> u64 {
    if setting.quick { 5 } else { 30 }
}

/// The courses of the runs, for each fault and variant.
fn outages(setting: &Setting, lab: &mut Lab<'_>) -> Result<Measured<Vec<Course>>, LabError> {
    let cases: Vec<(&str, Variant)> = TROUBLES
        .into_iter()
        .flat_map(|trouble| Variant::ALL.iter().map(move |variant| (trouble, *variant)))
        .collect();
    let name = |(trouble, variant): &(&str, Variant)| format!("{variant} through a {trouble} of its leader");
    lab.each(&cases, name, |(trouble, variant)| {
        let run = |run| {
            let seed = setting.seed.wrapping_mul(1_000_003).wrapping_add(run);
            variant.with(Recovery::Coordinated, true, Outage { variant: *variant, trouble, seed })
        };
        (0..number_of_runs(setting)).map(run).collect()
    })
}

/// The tables of the courses.
fn tables() -> [Table; 2] {
    let trouble =
        ("trouble", "what happens to the leader, or without a leader to the first proposer, from 1 s to 2 s");
    let variant = ("variant", "the variant");
    let throughput = [
        trouble,
        variant,
        ("from_ms", "the beginning of a window of 100 ms, in ms"),
        ("at_s", "the middle of the window, in s"),
        ("answered", "commands answered in the window, mean over the runs"),
        ("per_second", "the same, per second"),
        ("low", "the fewest answered in a run, per second"),
        ("high", "the most answered in a run, per second"),
    ];
    let gaps = [
        trouble,
        variant,
        ("runs", "runs with different seeds"),
        (
            "gap_ms",
            "the longest time without an answer that begins after 950 ms and before 1.9 s, in ms: median over the runs",
        ),
        ("gap_max_ms", "the same, the longest of all runs"),
        ("return_gap_ms", "the same from 1.9 s on, median"),
        ("return_gap_max_ms", "the same, the longest of all runs"),
    ];
    [Table::new("throughput", &throughput), Table::new("gaps", &gaps)]
}

fn throughput(found: &mut Findings, setting: &Setting, measured: &[Vec<Course>]) -> Result<Figure, LabError> {
    let runs = number_of_runs(setting);
    let [mut table, mut gaps] = tables();
    let mut measured = measured.iter();
    let mut panels = Vec::new();
    for trouble in TROUBLES {
        let mut panel = Panel::new(
            trouble,
            Axis::new("time (s)").range(0.0, 3.0),
            Axis::new("answers / s").range(0.0, 300.0),
        );
        for moment in [TROUBLE.0, TROUBLE.1].map(|moment| moment as f64 / 1e3) {
            panel.rule("trouble begins and ends", (moment, 0.0), (moment, 300.0));
        }
        for (variant, courses) in Variant::ALL.iter().copied().zip(measured.by_ref()) {
            let (mut points, mut ranges) = (Vec::new(), Vec::new());
            for (nth, from) in (0..END).step_by(WINDOW as usize).enumerate() {
                let counts = || courses.iter().filter_map(|course| course.answered.get(nth).copied());
                let rate = |count: f64| count * 1e3 / WINDOW as f64;
                let answered = counts().sum::<u64>() as f64 / runs as f64;
                let [low, high] = [counts().min(), counts().max()].map(|n| rate(n.unwrap_or(0) as f64));
                let at = (from + WINDOW / 2) as f64 / 1e3;
                table.push(row![trouble, variant.name(), from, at, answered, rate(answered), low, high]);
                points.push((at, rate(answered)));
                ranges.push((at, [low, high]));
            }
            let [gap, back] =
                [0, 1].map(|which| Sample::new(courses.iter().map(|course| course.gaps[which]).collect()));
            let [median, longest] = [0.5, 1.0].map(|share| gap.quantile(share));
            let [back_median, back_longest] = [0.5, 1.0].map(|share| back.quantile(share));
            gaps.push(row![trouble, variant.name(), runs, median, longest, back_median, back_longest]);
            if variant == Variant::Multi {
                // The other lines would be hidden behind more of these.
                panel.whiskers("fewest and most of a run, multi", ranges);
                if trouble == "crash" {
                    found.facts.add("gap_crash", median, "ms", "gap_ms of gaps.csv, crash, multi");
                    let meaning = "return_gap_max_ms of gaps.csv, crash, multi";
                    found.facts.add("gap_return", back_longest, "ms", meaning);
                }
            }
            panel.line(palette::style(variant).marker(Marker::None), points);
        }
        panels.push(panel);
    }
    found.facts.add("outages", runs, "", "runs of each row of gaps.csv");
    found.tables.extend([table, gaps]);
    Ok(Figure {
        name: "throughput",
        title: "Answers per second during a fault of the leader".into(),
        caption: "The leader crashes, is paused, or is cut off from {trouble_from} to {trouble_to} (between the dotted lines). Answers stop until another process leads and the \
                  clients have found it. Basic Paxos has no leader: there the first proposer has the fault, only the clients that ask it wait, and the proposers outbid each other all the time. Multi-Paxos then serves as before. Fast Paxos does so only when the old leader is back: until then all four \
                  remaining acceptors must vote alike in a fast ballot, so another order at one of them is a collision. Held constant: {servers} servers, {clients} clients with one \
                  command at a time, delays of {delay}, election timeouts of {election}, clients ask again after {client_resend}, means of {outages} runs."
            .into(),
        svg: draw(&panels, 1, 200)?,
    })
}
