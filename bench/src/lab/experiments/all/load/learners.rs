//! Learners: reads served by their number, and the effect when one dies.

mod reads;

use super::work::{self, MESSAGE};
use crate::lab::experiments::chart::palette::{self, GREY};
use crate::lab::experiments::chart::{Axis, Dash, Figure, Marker, Panel, Style, draw};
use crate::lab::experiments::data::Table;
use crate::lab::experiments::sample::Summary;
use crate::lab::experiments::{Experiment, Findings, Lab, LabError, Measured, Setting};
use crate::row;
use crate::theory::{Learning, Recovery};
use crate::variants::Variant;
use paxos_core::{Consistency, Timeouts};
use reads::Readers;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The experiment.
pub(in crate::lab::experiments::all) const EXPERIMENT: Experiment = Experiment {
    name: "learners",
    question: "How many reads do more learners serve, what do they cost the leader, and what happens when one dies?",
    source: "Whittaker et al., Scaling Replicated State Machines with Compartmentalization (2021): reads scale with replicas. Ongaro, \
             Consensus: Bridging Theory and Practice (2014), section 6.4; Charapko, Ailijiang, Demirbas, Linearizable Quorum Reads in Paxos (2019).",
    sites: 0,
    run,
};

const ACCEPTORS: u16 = 5;
/// How long a learner is busy with each read.
const READ: Duration = Duration::from_micros(100);
/// How long a lease is: longer than a heartbeat and its round trip, and shorter than an election timeout.
const LEASE: Duration = ms(60);
/// The mean time between two commands.
const COMMANDS: Duration = Duration::from_millis(2);

const KINDS: [(&str, Consistency); 4] = [
    ("local", Consistency::Local),
    ("confirmed", Consistency::Confirmed),
    ("quorum", Consistency::Quorum),
    ("lease", Consistency::Lease),
];

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// What was held constant, and the parameters that the sentences name.
fn parameters(found: &mut Findings) {
    let in_ms = |time: Duration| time.as_secs_f64() * 1e3;
    found.constant("layout", "Multi-Paxos with separate roles: one proposer, {acceptors} acceptors");
    found.held("cost of a read", READ.as_micros() as u64, "µs");
    work::costs(found);
    found.held("commands per second", (1.0 / COMMANDS.as_secs_f64()).round() as u64, "");
    found.held("leases where reads are by lease", in_ms(LEASE), "ms");
    found.held("heartbeats", Timeouts::default().heartbeat.map(in_ms), "ms");
    found.held("client timeout", Timeouts::default().client.map(in_ms), "ms");
    let facts = &mut found.facts;
    facts.set("acceptors", ACCEPTORS, "");
    facts.set("some", SOME, "");
    facts.set("many", MANY, "");
    facts.set("most", MOST, "");
    facts.set("late", LATE, "%");
    facts.set("capacity", (1.0 / READ.as_secs_f64()).round() as u64, "");
}

fn run(setting: &Setting, lab: &mut Lab<'_>) -> Result<Findings, LabError> {
    let mut found = Findings::default();
    parameters(&mut found);
    let (served, died) = (serve(setting, lab)?, die(setting, lab)?);
    let [rate, cost] = scale(&mut found, &served.all()?)?;
    let death = death(&mut found, &died.all()?)?;
    found.figures = vec![rate, cost, death];
    found.lessons = vec![
        "Local reads scale with learners: one serves {local_one} per second and {most} serve {local_most}. Confirmed reads, which see every command answered before, do not: {confirmed_many} per second with {many} learners, and \
         {confirmed_most} with {most}, whose questions leave the leader no time. A lease makes them sooner and does not move that limit ({lease_many} and {lease_most} per second): the leader must hear each question all the same, and answers to its heartbeats that wait too long renew no lease. Quorum reads go from {quorum_many} to {quorum_most}, because each acceptor hears each question."
            .into(),
        format!(
            "At half of its capacity each of {{some}} learners answers a local read within {{local_p50}}, a read by lease within {{lease_p50}}, a quorum read within {{quorum_p50}} and a confirmed read within {{confirmed_p50}} (medians). Of \
             the local reads {{stale_local}} miss a command that was answered before they began; {}. Reads by lease rest on clocks, and no clock is wrong here.",
            if ["stale_lease", "stale_quorum", "stale_confirmed"].iter().all(|stale| found.facts.is_zero(stale)) {
                "no read of the three other kinds does"
            } else {
                "so do {stale_lease} of the reads by lease, {stale_quorum} of the quorum reads and {stale_confirmed} of the confirmed ones"
            }
        ),
        "Each learner costs the leader one more message per command, and confirmed reads cost it their questions. With {most} learners at half of their load, {leader_local} messages per second are sent by it or to it with local reads, \
         {leader_confirmed} with confirmed reads, {leader_lease} with reads by lease and {leader_quorum} with quorum reads. It has time for {most_messages}: more than that wait in its queue."
            .into(),
        "While one of {some} learners is down, the others serve {during} of the local reads that all served before, and its reads are refused; after its restart it is {after}. Commands are not affected \
         where the leader learns (no gap longer than {gap_distinguished}). Where only the learners hear votes, the first learner answers the clients, and its death stops the answers for {gap_everyone}."
            .into(),
    ];
    Ok(found)
}

/// The numbers of learners.
const NUMBERS: [u16; 5] = [1, 2, SOME, MANY, MOST];
/// The numbers in the sentences.
const SOME: u16 = 4;
const MANY: u16 = 8;
const MOST: u16 = 16;
/// The share of unfinished reads, in hundredths, from which on no latency is given.
const LATE: u64 = 1;

/// What learners serve.
#[derive(Serialize, Deserialize)]
struct Served {
    /// Reads answered per second, when more are offered than can be answered.
    rate: f64,
    /// The latencies at half of the load, of the reads that ended.
    latencies: Summary,
    /// The reads at half of the load, and how many of them have no answer at the end.
    offered: u64,
    unfinished: u64,
    /// Messages per second that are sent by the leader or to it, at half of the load.
    leader: f64,
    /// The share of stale reads, at half of the load.
    stale: f64,
}

impl Served {
    /// The median and the 99th percentile of the latency. None if more than 1 % of the reads have no answer: those are the
    /// slowest.
    fn late(&self) -> (Option<f64>, Option<f64>) {
        let Summary { p50, p99, .. } = self.latencies;
        if self.unfinished * 100 > self.offered * LATE { (None, None) } else { (p50, p99) }
    }
}

/// What learners serve, by the kind of reads and the number of learners.
fn serve(setting: &Setting, lab: &mut Lab<'_>) -> Result<Measured<Served>, LabError> {
    let time = setting.either(ms(150), ms(1_000));
    let cases: Vec<(&str, Consistency, u16)> =
        KINDS.into_iter().flat_map(|(key, kind)| NUMBERS.map(|learners| (key, kind, learners))).collect();
    let name = |(key, _, learners): &(&str, Consistency, u16)| format!("{key} reads at {learners} learners");
    lab.each(&cases, name, |(_, kind, learners)| {
        let go = |share: f64| {
            let (learning, death, seed) = (Learning::Distinguished, None, setting.seed);
            let (learners, kind, offered) = (*learners, *kind, share / READ.as_secs_f64());
            let work = Readers { learners, learning, kind, offered, time, death, seed };
            Variant::Multi.with(Recovery::Coordinated, false, work)
        };
        let (full, half) = (go(1.5)?, go(0.5)?);
        let (latencies, leader) = (half.latencies().summary(), half.leader as f64 / time.as_secs_f64());
        let (offered, unfinished) = (half.offered, half.unfinished());
        Ok(Served {
            rate: full.rate(time / 5, time),
            latencies,
            offered,
            unfinished,
            leader,
            stale: half.stale,
        })
    })
}

/// Reads served and their cost, by the number of learners.
fn scale(found: &mut Findings, measured: &[Served]) -> Result<[Figure; 2], LabError> {
    let mut table = Table::new(
        "learners",
        &[
            ("kind", "the kind of the reads: local, confirmed, quorum or lease"),
            ("learners", "the number of learners"),
            ("capacity", "reads per second that all have time for"),
            (
                "served",
                "reads answered per second by all, when each is offered one and a half times its capacity",
            ),
            (
                "offered",
                "reads that clients ask for at half of a learner's capacity, in the first four fifths of the run",
            ),
            ("unfinished", "those of them that have no answer when the run ends"),
            ("p50_ms", "median latency of the others, in ms; empty if more than a hundredth is unfinished"),
            ("p99_ms", "99th percentile of that latency, in ms; empty as before"),
            (
                "leader",
                "messages per second that are sent by the leader or to it at that load, whether or not it has time for them",
            ),
            ("stale", "the share of reads at that load that miss a command answered before they began"),
        ],
    );
    let axis = || Axis::new("learners").log();
    let mut rate = Panel::new("", axis(), Axis::new("reads served (1,000 / s)").log());
    let mut late = Panel::new("at half of the load", axis(), Axis::new("median latency (ms)").log());
    let mut busy =
        Panel::new("at half of the load", axis(), Axis::new("messages to and from the leader (1,000 / s)"));
    let most = 1.0 / READ.as_secs_f64();
    rate.line(
        Style::new("capacity of the learners", GREY).dash(Dash::Short).marker(Marker::None),
        NUMBERS.map(|n| (f64::from(n), f64::from(n) * most / 1e3)),
    );
    let meaning = "one second divided by the cost of a message";
    found.facts.add("most_messages", (1.0 / MESSAGE.as_secs_f64()).round() as u64, "", meaning);
    let kinds = KINDS.into_iter().enumerate().zip(measured.chunks(NUMBERS.len()));
    for ((nth, (key, _)), measured) in kinds {
        let (mut rates, mut lates, mut costs) = (Vec::new(), Vec::new(), Vec::new());
        for (learners, measured) in NUMBERS.into_iter().zip(measured) {
            let Served { rate: served, offered, unfinished, leader, stale, .. } = *measured;
            let (p50, p99) = measured.late();
            let capacity = f64::from(learners) * most;
            table.push(row![key, learners, capacity, served, offered, unfinished, p50, p99, leader, stale]);
            rates.push((f64::from(learners), served / 1e3));
            lates.extend(p50.map(|p50| (f64::from(learners), p50)));
            costs.push((f64::from(learners), leader / 1e3));
            let (facts, row) = (&mut found.facts, format!("of learners.csv, {key}, {learners}"));
            let named = [(1, "one"), (MANY, "many"), (MOST, "most")];
            if let Some((_, number)) = named.into_iter().find(|(number, _)| *number == learners) {
                facts.add(&format!("{key}_{number}"), served, "", format!("served {row}"));
            }
            if learners == SOME {
                facts.add(&format!("{key}_p50"), p50, "ms", format!("p50_ms {row}"));
                facts.add(&format!("stale_{key}"), stale * 100.0, "%", format!("stale {row}"));
            } else if learners == MOST {
                facts.add(&format!("leader_{key}"), leader, "", format!("leader {row}"));
            }
        }
        let style = palette::series(nth, key);
        rate.line(style.clone(), rates);
        late.line(style.clone(), lates);
        busy.line(style, costs);
    }
    found.tables.push(table);
    let nought = if found.facts.is_zero("lease_most") { " (a scale of this kind has no zero)" } else { "" };
    let constant = "Held constant: Multi-Paxos with separate roles, {acceptors} acceptors, {commands_per_second} commands per second, {cost_of_a_read} per read, {cost_of_a_message} for each message sent or received.";
    Ok([
        Figure {
            name: "reads",
            title: "Reads that Multi-Paxos serves by the number of learners".into(),
            caption: format!(
                "Each learner is offered one and a half times its capacity of {{capacity}} reads per second, which the dotted line shows. The lines of confirmed and quorum reads bend where the leader, or each acceptor, has no time left. With {{most}} learners, {{lease_most}} reads by lease are served per second{nought}. Colours are kinds of reads. {constant}"
            ),
            svg: draw(&[rate], 1, 320)?,
        },
        Figure {
            name: "cost",
            title: "What reads cost in Multi-Paxos by the number of learners".into(),
            caption: format!(
                "A local read costs the leader nothing. A confirmed read costs it a question and a heartbeat that acceptors answer, shared by the reads that a learner handles in one turn. A read by lease costs it the question only. A quorum \
                 read does not involve the leader. A point is missing where more than {{late}} of the reads have no answer when the run ends. A process has time for {{most_messages}} messages per second; those sent to the leader are counted before it handles them, so there can be more. Colours are kinds of reads. {constant}"
            ),
            svg: draw(&[late, busy], 2, 300)?,
        },
    ])
}

/// The end of a run in which a learner crashes and restarts, and when it does so.
const END: Duration = ms(1_200);
const DEATH: (Duration, Duration) = (ms(400), ms(800));
const WINDOW: Duration = ms(50);

/// The reads, and the processes that hear votes.
type Mourned = ((&'static str, Consistency), (&'static str, Learning));
const MOURNED: [Mourned; 3] = [
    (KINDS[0], ("distinguished", Learning::Distinguished)),
    (KINDS[1], ("distinguished", Learning::Distinguished)),
    (KINDS[0], ("everyone", Learning::Everyone)),
];

/// The course of a run in which a learner crashes and restarts.
#[derive(Serialize, Deserialize)]
struct Course {
    /// For each window, the reads answered per second and the commands answered.
    windows: Vec<(f64, usize)>,
    /// The reads answered per second before the crash, while the learner is down, and after its restart.
    rates: [f64; 3],
    /// The longest time without an answered command from the crash on, in milliseconds.
    gap: f64,
}

/// The courses of runs in which the first of four learners crashes and restarts.
fn die(setting: &Setting, lab: &mut Lab<'_>) -> Result<Measured<Course>, LabError> {
    let name = |((key, _), (name, _)): &Mourned| format!("the death of a learner, {key} reads, {name}");
    lab.each(&MOURNED, name, |((_, kind), (_, learning))| {
        let (learning, kind, offered, seed) = (*learning, *kind, 0.5 / READ.as_secs_f64(), setting.seed);
        let work = Readers { learners: SOME, learning, kind, offered, time: END, death: Some(DEATH), seed };
        let course = Variant::Multi.with(Recovery::Coordinated, false, work)?;
        let windows = (0..).map(|nth| WINDOW * nth).take_while(|from| *from < END).map(|from| {
            let span = course.start.after(from)..course.start.after(from + WINDOW);
            (course.rate(from, from + WINDOW), course.answers.iter().filter(|at| span.contains(at)).count())
        });
        let (down, up) = DEATH;
        let crash = course.start.after(down);
        let ends = course.answers.iter().copied().chain([course.start.after(END)]);
        let pairs = course.answers.iter().copied().zip(ends.skip(1)).filter(|(_, next)| *next > crash);
        let gap = pairs.map(|(at, next)| next.since(at.max(crash)).as_secs_f64() * 1e3).fold(0.0, f64::max);
        let rates = [course.rate(Duration::ZERO, down), course.rate(down, up), course.rate(up, END)];
        Ok(Course { windows: windows.collect(), rates, gap })
    })
}

/// The effect of a crash of one of four learners.
fn death(found: &mut Findings, courses: &[Course]) -> Result<Figure, LabError> {
    let mut table = Table::new(
        "death",
        &[
            ("kind", "the kind of the reads: local or confirmed"),
            ("learning", "votes go to: the leader (distinguished), or every learner (everyone)"),
            ("at_s", "the middle of a window of 50 ms, in s"),
            ("reads", "reads answered per second in the window"),
            ("commands", "commands answered per second in the window"),
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
        for at in [DEATH.0, DEATH.1].map(|moment| moment.as_secs_f64()) {
            panel.rule("crash and restart", (at, 0.0), (at, top));
        }
    }
    for (((key, kind), (name, learning)), course) in MOURNED.into_iter().zip(courses) {
        let (mut read, mut answered) = (Vec::new(), Vec::new());
        for (from, (rate, count)) in (0..).map(|nth| WINDOW * nth).zip(course.windows.iter().copied()) {
            let (middle, served) = ((from + WINDOW / 2).as_secs_f64(), count as f64 / WINDOW.as_secs_f64());
            table.push(row![key, name, middle, rate, served]);
            read.push((middle, rate / 1e3));
            answered.push((middle, served));
        }
        if learning == Learning::Distinguished {
            let nth = KINDS.iter().position(|(known, _)| *known == key).unwrap_or(0);
            reads.line(palette::series(nth, format!("{key} reads")).marker(Marker::None), read);
        }
        if kind != Consistency::Local {
            continue;
        }
        let gap = course.gap;
        gaps.push(row![name, gap]);
        let facts = &mut found.facts;
        facts.add(&format!("gap_{name}"), gap, "ms", format!("gap_ms of gaps.csv, {name}"));
        if learning == Learning::Distinguished {
            let [before, during, after] = course.rates;
            let meaning = |when: &str| {
                format!("reads of death.csv, local, distinguished: {when}, divided by those before the crash")
            };
            facts.add("during", during / before * 100.0, "%", meaning("while it is down"));
            facts.add("after", after / before * 100.0, "%", meaning("after the restart"));
        }
        // These are no kinds of reads, so they have other colours.
        let (nth, who) = if learning == Learning::Distinguished {
            (KINDS.len(), "the leader hears votes")
        } else {
            (KINDS.len() + 1, "learners hear votes")
        };
        commands.line(palette::series(nth, who).marker(Marker::None), answered);
    }
    found.tables.extend([table, gaps]);
    Ok(Figure {
        name: "death",
        title: "The first of four learners of Multi-Paxos crashes and restarts".into(),
        caption: "Left: the crash stops the reads at that learner and no others. Right: commands continue where the leader learns; where only the learners hear votes, the first of them \
                  answers the clients. Colours are kinds of reads on the left, and the processes that hear votes on the right. Held constant: Multi-Paxos, {some} learners at half of their load, {commands_per_second} commands per second, clients ask again after {client_timeout}."
            .into(),
        svg: draw(&[reads, commands], 2, 300)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_without_an_answer_leave_no_median() {
        let latencies = Summary { len: 980, mean: Some(1.0), p50: Some(1.0), p99: Some(2.0) };
        let served =
            |unfinished| Served { rate: 1.0, latencies, offered: 1_000, unfinished, leader: 0.0, stale: 0.0 };
        assert_eq!(served(10).late(), (Some(1.0), Some(2.0)));
        assert_eq!(served(11).late(), (None, None));
    }
}
