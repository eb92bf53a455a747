//! Learners: reads served by their number, and the effect when one dies.

use crate::lab::cluster::Shape;
use crate::lab::experiments::chart::palette::{GREY, SERIES};
use crate::lab::experiments::chart::{Axis, Dash, Figure, Look, Marker, Panel, draw};
use crate::lab::experiments::data::Table;
use crate::lab::experiments::sample::Sample;
use crate::lab::experiments::{Experiment, Findings, LabError, Progress, Setting};
use crate::row;
use crate::theory::{Layout, Learning, Recovery};
use crate::variants::{Digest, Payload, Variant, WithProtocol};
use paxos_core::{Consistency, NodeId, Protocol, Slot, Time, Timeouts};
use paxos_transport::sim::{Chance, Delay, Fate, Fault, Links, Reading, Service, Sim, Submitted, World};
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

/// The experiment.
pub(in crate::lab::experiments::all) const EXPERIMENT: Experiment = Experiment {
    name: "learners",
    question: "How many reads do more learners serve, what do they cost the leader, and what happens when one dies?",
    source: "Whittaker et al., Scaling Replicated State Machines with Compartmentalization (2021): reads scale with replicas. Ongaro, \
             Consensus: Bridging Theory and Practice (2014), section 6.4; Charapko, Ailijiang, Demirbas, Linearizable Quorum Reads in Paxos (2019).",
    run,
};

const ACCEPTORS: u16 = 5;
/// The only proposer.
const LEADER: NodeId = NodeId(0);
const FIRST_LEARNER: u16 = 1 + ACCEPTORS;
/// How long a learner is busy with each read.
const READ: Duration = Duration::from_micros(100);
/// How long a process is busy with each message that it sends or receives.
const MESSAGE: Duration = Duration::from_micros(10);
/// The mean time between two commands.
const COMMANDS: Duration = Duration::from_millis(2);

const KINDS: [(&str, Consistency); 3] =
    [("local", Consistency::Local), ("confirmed", Consistency::Confirmed), ("quorum", Consistency::Quorum)];

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Reads at all learners in turn, together with commands.
struct Readers {
    learners: u16,
    learning: Learning,
    kind: Consistency,
    /// Reads per second at each learner.
    offered: f64,
    /// The length of the run.
    time: Duration,
    /// When the first learner crashes and restarts.
    death: Option<(Duration, Duration)>,
    seed: u64,
}

/// The outcome of the reads and commands.
struct Reads {
    all: Vec<Reading>,
    /// When commands were answered.
    answers: Vec<Time>,
    /// The share of finished reads that missed a command answered before they began.
    stale: f64,
    /// Messages that the leader sent and received.
    leader: u64,
    start: Time,
}

impl Reads {
    /// Reads that ended per second, between two moments counted from the start.
    fn rate(&self, from: Duration, to: Duration) -> f64 {
        let window = self.start.after(from)..self.start.after(to);
        let ended = self.all.iter().filter(|read| read.seen.is_some_and(|seen| window.contains(&seen.at)));
        ended.count() as f64 / to.saturating_sub(from).as_secs_f64()
    }

    fn latencies(&self) -> Sample {
        Sample::new(self.all.iter().filter_map(|read| Some(read.latency()?.as_secs_f64() * 1e3)).collect())
    }
}

/// The share of reads that miss a command answered before they began.
fn stale(reads: &[Reading], commands: &[Submitted<u64>]) -> f64 {
    let mut answers: Vec<(Time, Slot)> =
        commands.iter().filter_map(|c| c.answer.as_ref().map(|answer| (answer.at, answer.slot))).collect();
    answers.sort_unstable();
    let mut newest = Slot(0);
    for (_, slot) in &mut answers {
        newest = newest.max(Slot(slot.index() + 1));
        *slot = newest;
    }
    let ended: Vec<_> = reads.iter().filter_map(|read| Some((read.at, read.seen?.applied))).collect();
    let missing = ended.iter().filter(|(at, applied)| {
        let before = answers.partition_point(|(answered, _)| answered < at);
        before > 0 && *applied < answers[before - 1].1
    });
    missing.count() as f64 / ended.len().max(1) as f64
}

impl WithProtocol for Readers {
    type Out = Result<Reads, LabError>;

    fn run<P: Protocol<Value = Payload, Reply = u64>>(self, options: P::Options) -> Self::Out {
        let (layout, learning, learners) = (Layout::Separate, self.learning, self.learners);
        let mut config =
            Shape { layout, learning, learners, ..Shape::collapsed(Variant::Multi, ACCEPTORS) }.config()?;
        config.timeouts = Timeouts::default();
        let mut world = World::<P>::new(config, options, self.seed);
        world.links =
            Links::new(Delay::Uniform { low: Duration::from_micros(400), high: Duration::from_micros(600) });
        world.service = Service { read: READ, ..Service::each(MESSAGE) };
        let client = world.add_clients(1)[0];
        let mut sim = Sim::new(world, |_| Digest::default());
        sim.run_for(ms(100))?;
        let start = sim.now();
        let handled = Rc::new(Cell::new(0_u64));
        let counted = handled.clone();
        sim.set_carrier(move |post| {
            counted.set(counted.get() + u64::from(post.from == LEADER || post.to == LEADER));
            Fate::Usual
        });
        let mut chance = Chance::new(self.seed, 70);
        let mut draw = |mean: Duration| {
            let (mut at, mut all) = (Duration::ZERO, Vec::new());
            while at < self.time {
                all.push(start.after(at));
                at += chance.exponential(mean);
            }
            all
        };
        for (at, value) in draw(COMMANDS).into_iter().zip(0..) {
            sim.submit_at(at, client, value);
        }
        let gap = Duration::from_secs_f64(1.0 / self.offered);
        for learner in 0..learners {
            for at in draw(gap) {
                sim.read_at(at, NodeId(FIRST_LEARNER + learner), self.kind);
            }
        }
        if let Some((down, up)) = self.death {
            sim.fail_at(start.after(down), Fault::Crash(NodeId(FIRST_LEARNER)));
            sim.fail_at(start.after(up), Fault::Restart(NodeId(FIRST_LEARNER)));
        }
        sim.run_for(self.time)?;
        let mut answers: Vec<Time> =
            sim.commands().iter().filter_map(|c| Some(c.answer.as_ref()?.at)).collect();
        answers.sort_unstable();
        let stale = stale(sim.reads(), sim.commands());
        Ok(Reads { all: sim.reads().to_vec(), answers, stale, leader: handled.get(), start })
    }
}

fn run(setting: &Setting, progress: Progress<'_>) -> Result<Findings, LabError> {
    let mut found = Findings::default();
    found.constant("layout", "multi, separate roles: one proposer, 5 acceptors");
    found.constant("cost of a read", "100 µs at its learner");
    found.constant("cost of a message", "10 µs for its sender and 10 µs for its receiver");
    found.constant("delay of a message", "0.4 to 0.6 ms");
    found.constant("commands", "500 per second");
    let [rate, cost] = scale(&mut found, setting, progress)?;
    let death = death(&mut found, setting, progress)?;
    found.figures = vec![rate, cost, death];
    found.lessons = vec![
        "Local reads scale with learners: one serves {local_1} per second and 16 serve {local_16}. Confirmed reads, which see every command answered before, do not: {confirmed_8} per second with 8 learners, and \
         {confirmed_16} with 16, whose questions leave the leader no time. Quorum reads go from {quorum_8} to {quorum_16}, because each acceptor hears each question."
            .into(),
        "At half of its capacity a learner answers a local read within {local_p50}, a confirmed read within {confirmed_p50} and a quorum read within {quorum_p50} (medians). Of \
         the local reads {stale_local} miss a command that was answered before they began; of the others {stale_confirmed} and {stale_quorum}."
            .into(),
        "Each learner costs the leader one more message per command, and confirmed reads cost it their questions. With 16 learners at half of their load, it handles {leader_local} messages per second with local reads, \
         {leader_confirmed} with confirmed reads and {leader_quorum} with quorum reads."
            .into(),
        "While one of 4 learners is down, the others serve {during} of the local reads that all served before, and its reads are refused; after its restart it is {after}. Commands are not affected \
         where the leader learns (no gap longer than {gap_distinguished}). Where only the learners hear votes, the first learner answers the clients, and its death stops the answers for {gap_everyone}."
            .into(),
    ];
    Ok(found)
}

/// Reads served and their cost, by the number of learners.
fn scale(found: &mut Findings, setting: &Setting, progress: Progress<'_>) -> Result<[Figure; 2], LabError> {
    let time = setting.either(ms(150), ms(1_000));
    let mut table = Table::new(
        "learners",
        &[
            ("kind", "the kind of the reads: local, confirmed or quorum"),
            ("learners", "the number of learners"),
            (
                "served",
                "reads answered per second by all, when each is offered one and a half times its capacity",
            ),
            ("p50_ms", "median latency at half of a learner's capacity, in ms"),
            ("p99_ms", "99th percentile of that latency, in ms"),
            ("leader", "messages per second that the leader sends and receives at that load"),
            ("stale", "the share of reads at that load that miss a command answered before they began"),
        ],
    );
    let axis = || Axis::new("learners").log();
    let mut rate = Panel::new("", axis(), Axis::new("reads served (1,000 / s)").log());
    let mut late = Panel::new("at half of the load", axis(), Axis::new("median latency (ms)").log());
    let mut busy = Panel::new("at half of the load", axis(), Axis::new("messages at the leader (1,000 / s)"));
    let most = 1.0 / READ.as_secs_f64();
    let numbers = [1, 2, 4, 8, 16];
    rate.line(
        Look::new("10,000 per learner", GREY).dash(Dash::Short).marker(Marker::None),
        numbers.map(|n| (f64::from(n), f64::from(n) * most / 1e3)),
    );
    for (((key, kind), hue), (dash, marker)) in KINDS.into_iter().zip(SERIES).zip([
        (Dash::Solid, Marker::Circle),
        (Dash::Long, Marker::Triangle),
        (Dash::Solid, Marker::Cross),
    ]) {
        let (mut rates, mut lates, mut costs) = (Vec::new(), Vec::new(), Vec::new());
        for learners in numbers {
            progress(format!("{key} reads at {learners} learners"));
            let go = |share: f64| {
                let (learning, death, seed) = (Learning::Distinguished, None, setting.seed);
                let work = Readers { learners, learning, kind, offered: most * share, time, death, seed };
                Variant::Multi.with(Recovery::Coordinated, false, work)
            };
            let (full, half) = (go(1.5)?, go(0.5)?);
            let served = full.rate(time / 5, time);
            let (latencies, leader) = (half.latencies(), half.leader as f64 / time.as_secs_f64());
            let p50 = latencies.quantile(0.5);
            table.push(row![key, learners, served, p50, latencies.quantile(0.99), leader, half.stale]);
            rates.push((f64::from(learners), served / 1e3));
            lates.extend(p50.map(|p50| (f64::from(learners), p50)));
            costs.push((f64::from(learners), leader / 1e3));
            let (facts, row) = (&mut found.facts, format!("of learners.csv, {key}, {learners}"));
            if [1, 8, 16].contains(&learners) {
                facts.add(&format!("{key}_{learners}"), served, "", format!("served {row}"));
            }
            if learners == 4 {
                facts.add(&format!("{key}_p50"), p50, "ms", format!("p50_ms {row}"));
                facts.add(&format!("stale_{key}"), half.stale * 100.0, "%", format!("stale {row}"));
            } else if learners == 16 {
                facts.add(&format!("leader_{key}"), leader, "", format!("leader {row}"));
            }
        }
        let look = Look::new(key, hue).dash(dash).marker(marker);
        rate.line(look.clone(), rates);
        late.line(look.clone(), lates);
        busy.line(look, costs);
    }
    found.tables.push(table);
    let constant = "Held constant: Multi-Paxos with separate roles, 5 acceptors, 500 commands per second, 100 µs per read, 10 µs for each message sent or received.";
    Ok([
        Figure {
            name: "reads",
            title: "Reads served by the number of learners".into(),
            caption: format!(
                "Each learner is offered one and a half times its capacity. The lines of confirmed and quorum reads bend where the leader, or each acceptor, has no time left. Colours are kinds of reads. {constant}"
            ),
            svg: draw(&[rate], 1, 320)?,
        },
        Figure {
            name: "cost",
            title: "What reads cost by the number of learners".into(),
            caption: format!(
                "A local read costs the leader nothing. A confirmed read costs it a question and a heartbeat that acceptors answer, shared by the reads that a learner handles in one turn. A quorum \
                 read does not involve the leader. A process can handle 100,000 messages per second. Colours are kinds of reads. {constant}"
            ),
            svg: draw(&[late, busy], 2, 300)?,
        },
    ])
}

/// The effect of a crash of one of four learners.
fn death(found: &mut Findings, setting: &Setting, progress: Progress<'_>) -> Result<Figure, LabError> {
    let (end, down, up, window) = (ms(1_200), ms(400), ms(800), ms(50));
    let mut table = Table::new(
        "death",
        &[
            ("kind", "the kind of the reads: local, confirmed or quorum"),
            ("learning", "votes go to: the leader (distinguished), or every learner (everyone)"),
            ("from_ms", "the beginning of a window of 50 ms, in ms"),
            ("reads", "reads answered per second in the window"),
            ("commands", "commands answered in the window"),
        ],
    );
    let mut gaps = Table::new(
        "gaps",
        &[
            ("learning", "which processes hear votes"),
            (
                "gap_ms",
                "the longest time without an answered command from the crash on, with local reads, in ms",
            ),
        ],
    );
    let axis = || Axis::new("time (s)").range(0.0, 1.2);
    let mut reads = Panel::new("reads", axis(), Axis::new("1,000 / s").range(0.0, 24.0));
    let mut commands =
        Panel::new("commands, with local reads", axis(), Axis::new("per second").range(0.0, 1_600.0));
    for (panel, top) in [(&mut reads, 24.0), (&mut commands, 1_600.0)] {
        for (at, name) in [(0.4, "crash and restart"), (0.8, "")] {
            let look = Look::new(name, GREY).dash(Dash::Short).marker(Marker::None);
            panel.line(look, [(at, 0.0), (at, top)]);
        }
    }
    let distinguished = ("distinguished", Learning::Distinguished);
    for ((key, kind), (name, learning), hue, dash) in [
        (KINDS[0], distinguished, SERIES[0], Dash::Solid),
        (KINDS[1], distinguished, SERIES[1], Dash::Long),
        (KINDS[0], ("everyone", Learning::Everyone), SERIES[2], Dash::Long),
    ] {
        progress(format!("the death of a learner, {key} reads, {name}"));
        let (offered, seed) = (0.5 / READ.as_secs_f64(), setting.seed);
        let work = Readers { learners: 4, learning, kind, offered, time: end, death: Some((down, up)), seed };
        let course = Variant::Multi.with(Recovery::Coordinated, false, work)?;
        let (mut read, mut answered) = (Vec::new(), Vec::new());
        let mut from = Duration::ZERO;
        while from < end {
            let rate = course.rate(from, from + window);
            let span = course.start.after(from)..course.start.after(from + window);
            let count = course.answers.iter().filter(|at| span.contains(at)).count();
            table.push(row![key, name, from.as_millis() as u64, rate, count]);
            let middle = (from + window / 2).as_secs_f64();
            read.push((middle, rate / 1e3));
            answered.push((middle, count as f64 / window.as_secs_f64()));
            from += window;
        }
        let look = |name: String| Look::new(name, hue).dash(dash).marker(Marker::None);
        if learning == Learning::Distinguished {
            reads.line(look(format!("{key} reads")), read);
        }
        if kind != Consistency::Local {
            continue;
        }
        let crash = course.start.after(down);
        let ends = course.answers.iter().copied().chain([course.start.after(end)]);
        let pairs = course.answers.iter().copied().zip(ends.skip(1)).filter(|(_, next)| *next > crash);
        let gap = pairs.map(|(at, next)| next.since(at.max(crash)).as_secs_f64() * 1e3).fold(0.0, f64::max);
        gaps.push(row![name, gap]);
        let facts = &mut found.facts;
        facts.add(&format!("gap_{name}"), gap, "ms", format!("gap_ms of gaps.csv, {name}"));
        if learning == Learning::Distinguished {
            let before = course.rate(Duration::ZERO, down);
            let meaning = |when: &str| {
                format!("reads of death.csv, local, distinguished: {when}, divided by those before the crash")
            };
            facts.add("during", course.rate(down, up) / before * 100.0, "%", meaning("while it is down"));
            facts.add("after", course.rate(up, end) / before * 100.0, "%", meaning("after the restart"));
        }
        let who = if learning == Learning::Distinguished {
            "the leader hears votes"
        } else {
            "learners hear votes"
        };
        commands.line(look(who.into()), answered);
    }
    found.tables.extend([table, gaps]);
    Ok(Figure {
        name: "death",
        title: "The first of four learners crashes and restarts".into(),
        caption: "Left: the crash stops the reads at that learner and no others. Right: commands continue where the leader learns; where only the learners hear votes, the first of them \
                  answers the clients. Colours are kinds of reads on the left, and the processes that hear votes on the right. Held constant: 4 learners at half of their load, 500 commands per second, clients ask again after 200 ms."
            .into(),
        svg: draw(&[reads, commands], 2, 300)?,
    })
}
