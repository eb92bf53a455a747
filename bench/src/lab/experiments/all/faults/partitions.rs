//! Partial partitions: some links are cut, and one process still reaches a quorum. Does the cluster recover?

use crate::lab::cluster::Shape;
use crate::lab::experiments::chart::palette;
use crate::lab::experiments::chart::{Axis, Figure, Marker, Style, bars, draw};
use crate::lab::experiments::data::{Table, span};
use crate::lab::experiments::sample::Sample;
use crate::lab::experiments::{Experiment, Findings, Lab, LabError, Setting};
use crate::row;
use crate::theory::Recovery;
use crate::variants::{Digest, Payload, Variant, WithProtocol};
use paxos_core::{Leadership, NodeId, Protocol, Time, Timeouts};
use paxos_transport::sim::{Cut, Delay, Links, Sim, World};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The experiment.
pub(in crate::lab::experiments::all) const EXPERIMENT: Experiment = Experiment {
    name: "partitions",
    question: "Does a cluster recover when only some of its links are cut, and how long does that take?",
    source: "Ng, Haridi, Carbone, Omni-Paxos: Breaking the Barriers of Partial Connectivity (2023), section 2: quorum loss, constrained \
             election, chained; and a re-evaluation of its Multi-Paxos (zhiying12.github.io, June 2023), which finds that it recovers.",
    sites: 0,
    run,
};

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// The shortest election timeout; the longest is twice that.
const ELECTION: Duration = ms(150);
/// When clients ask again.
const RESEND: Duration = ms(100);
const CLIENTS: u16 = 4;
/// The shortest and the longest delay of a message.
const DELAY: (Duration, Duration) = (ms(4), ms(6));
/// When the links are cut, and when a run ends, in milliseconds.
const START: u64 = 1_000;
const END: u64 = 6_000;
/// A cluster that decides after this time, in milliseconds, has recovered.
const LATE: u64 = 4_000;

/// The links that are cut. n0 leads, and n1 is the hub that still reaches a quorum.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Scenario {
    /// All five are connected only with the hub. The leader hears the hub, and has no quorum.
    QuorumLoss,
    /// Of five, the leader is isolated, and the others are connected only with the hub, which was isolated before.
    Constrained,
    /// Of three, the leader and the last one are not connected with each other.
    Chained,
}

impl Scenario {
    const ALL: [Self; 3] = [Self::QuorumLoss, Self::Constrained, Self::Chained];

    const fn name(self) -> &'static str {
        match self {
            Self::QuorumLoss => "quorum loss",
            Self::Constrained => "constrained election",
            Self::Chained => "chained",
        }
    }

    const fn key(self) -> &'static str {
        match self {
            Self::QuorumLoss => "loss",
            Self::Constrained => "constrained",
            Self::Chained => "chained",
        }
    }

    const fn servers(self) -> u16 {
        match self {
            Self::QuorumLoss | Self::Constrained => 5,
            Self::Chained => 3,
        }
    }

    fn cuts(self) -> Vec<Cut> {
        let cut = |one: u16, others: &[u16], start: u64, end: u64| {
            let to = others.iter().copied().map(NodeId).collect();
            let at = |moment| Time(0).after(ms(moment));
            Cut { from: vec![NodeId(one)], to, both_ways: true, start: at(start), end: at(end) }
        };
        let star = [cut(2, &[3, 4], START, END), cut(3, &[4], START, END)];
        let own: &[Cut] = &match self {
            Self::QuorumLoss => vec![cut(0, &[2, 3, 4], START, END)],
            // The hub misses the latest decisions, and returns at the moment when the leader is isolated.
            Self::Constrained => {
                vec![cut(1, &[0, 2, 3, 4], START - 300, START), cut(0, &[1, 2, 3, 4], START, END)]
            }
            Self::Chained => return vec![cut(0, &[2], START, END)],
        };
        own.iter().chain(&star).cloned().collect()
    }
}

/// Clients that submit commands all the time, and reach all servers.
struct Outage {
    variant: Variant,
    scenario: Scenario,
    asks: bool,
    seed: u64,
}

/// The course of an outage.
#[derive(Serialize, Deserialize)]
struct Course {
    /// The longest time without an answer after the links were cut, in milliseconds.
    gap: f64,
    /// Whether commands were answered at the end.
    again: bool,
    /// The throughput at the end, as a share of the throughput before.
    kept: Option<f64>,
    /// Ballots won after the links were cut.
    won: u64,
}

impl WithProtocol for Outage {
    type Out = Result<Course, LabError>;

    fn run<P: Protocol<Value = Payload, Reply = u64>>(self, options: P::Options) -> Self::Out {
        let mut config = Shape::collapsed(self.variant, self.scenario.servers()).config()?;
        let heartbeat = Some(ELECTION / 2);
        config.timeouts =
            Timeouts { election: Some(ELECTION), heartbeat, client: Some(RESEND), ..Timeouts::default() };
        if self.variant.traits().leaderless {
            config.leadership = Leadership::SelfAppointed { backoff: Some((ms(20), ms(320))) };
        }
        config.pre_vote = self.asks;
        let mut world = World::<P>::new(config, options, self.seed);
        world.links = Links::new(Delay::Uniform { low: DELAY.0, high: DELAY.1 });
        world.faults.cuts = self.scenario.cuts();
        let clients = world.add_clients(CLIENTS);
        let mut sim = Sim::new(world, |_| Digest::default());
        for (client, nth) in clients.iter().zip(0..) {
            sim.submit_in_turn(*client, 1, (0..100_000).map(|k| nth * 1_000_000 + k));
        }
        let won = |sim: &Sim<P, Digest>| -> u64 {
            sim.ids().iter().filter_map(|id| Some(sim.node(*id)?.elections().won)).sum()
        };
        sim.run_for(ms(START))?;
        let before = won(&sim);
        sim.run_for(ms(END - START))?;
        let mut answers: Vec<u64> =
            sim.commands().iter().filter_map(|c| Some(c.answer.as_ref()?.at.0 / 1_000)).collect();
        answers.sort_unstable();
        let count = |from: u64, to: u64| {
            answers.iter().filter(|at| (from * 1_000..to * 1_000).contains(*at)).count() as f64
        };
        let (early, late) = (count(300, 600) / 0.3, count(LATE, END) / ((END - LATE) as f64 / 1e3));
        let ends = answers.iter().copied().chain([END * 1_000]);
        let gaps = answers.iter().copied().zip(ends.skip(1)).filter(|(_, end)| *end > START * 1_000);
        let gap = gaps.map(|(start, end)| (end - start.max(START * 1_000)) as f64 / 1e3).fold(0.0, f64::max);
        Ok(Course {
            gap,
            again: late > 0.0,
            kept: (early > 0.0).then(|| late / early),
            won: won(&sim) - before,
        })
    }
}

/// What was held constant.
fn parameters(found: &mut Findings) {
    let in_ms = |time: Duration| time.as_secs_f64() * 1e3;
    let s = |moment: u64| moment as f64 / 1e3;
    found.held("servers", Scenario::QuorumLoss.servers(), "");
    found.held("servers in the chain", Scenario::Chained.servers(), "");
    found.facts.set("clients", CLIENTS, "");
    found.constant("clients", "{clients}, each with one command at a time, connected with all servers");
    found.held("delay of a message", span(in_ms(DELAY.0), in_ms(DELAY.1)), "ms");
    found.held("election timeout", span(in_ms(ELECTION), in_ms(2 * ELECTION)), "ms");
    found.held("heartbeat", in_ms(ELECTION / 2), "ms");
    found.held("resend timeout", Timeouts::default().resend.map(in_ms), "ms");
    found.held("client timeout", in_ms(RESEND), "ms");
    found.held("links cut", span(s(START), s(END)), "s");
    found.facts.set("cut_for", s(END - START), "s");
    found.constant("elections that do not ask", "a process that hears no leader campaigns at once");
}

fn run(setting: &Setting, lab: &mut Lab<'_>) -> Result<Findings, LabError> {
    let runs = setting.either(3, 15);
    let rows: Vec<(Variant, Option<bool>)> = Variant::ALL
        .iter()
        .flat_map(|variant| {
            let asks: &[Option<bool>] =
                if variant.traits().leaderless { &[None] } else { &[Some(true), Some(false)] };
            asks.iter().map(|asks| (*variant, *asks))
        })
        .collect();
    let name = |(variant, asks): &(Variant, Option<bool>)| match asks {
        Some(false) => format!("{variant}, not asking"),
        Some(true) | None => variant.to_string(),
    };
    let cases: Vec<_> = rows.iter().flat_map(|row| Scenario::ALL.map(|scenario| (*row, scenario))).collect();
    let courses = lab.each(
        &cases,
        |(row, scenario)| format!("{}, {}", scenario.name(), name(row)),
        |((variant, asks), scenario)| {
            let run = |run: u64| {
                let seed = setting.seed.wrapping_mul(1_000_003).wrapping_add(run);
                let (variant, scenario, asks) = (*variant, *scenario, asks.unwrap_or(true));
                variant.with(Recovery::Coordinated, true, Outage { variant, scenario, asks, seed })
            };
            (0..runs).map(run).collect::<Result<Vec<Course>, _>>()
        },
    )?;
    let mut courses = courses.all()?.into_iter();
    let mut found = Findings::default();
    parameters(&mut found);
    let mut table = Table::new(
        "partitions",
        &[
            ("scenario", "the links that are cut"),
            ("variant", "the variant"),
            (
                "asks",
                "1 if a candidate first asks whether others hear a leader, 0 if it campaigns at once; empty: self-appointed proposers",
            ),
            ("runs", "runs with different seeds"),
            ("again", "runs in which commands are answered in the last two seconds of the cut"),
            ("gap_p50_ms", "median of the longest time without an answer, in ms"),
            ("gap_max_ms", "the longest of all, in ms"),
            ("kept", "the throughput in these two seconds, as a share of that before, mean"),
            ("won", "ballots won after the links were cut, mean"),
        ],
    );
    let (mut gaps, mut wins) = (Vec::new(), Vec::new());
    // Runs, and those that do not recover: of candidates that do not ask, and of all others.
    let mut ends = [(0_u64, 0_u64); 2];
    for row @ (variant, asks) in &rows {
        let (mut gap_bars, mut won_bars) = (Vec::new(), Vec::new());
        for (scenario, courses) in Scenario::ALL.into_iter().zip(courses.by_ref()) {
            let again = courses.iter().filter(|course| course.again).count() as u64;
            let gap = Sample::new(courses.iter().map(|course| course.gap).collect());
            let kept = Sample::new(courses.iter().filter_map(|course| course.kept).collect()).mean();
            let won = courses.iter().map(|course| course.won as f64).sum::<f64>() / runs as f64;
            let (p50, most) = (gap.quantile(0.5), gap.quantile(1.0));
            let asked = asks.map(u64::from);
            table.push(row![scenario.name(), variant.name(), asked, runs, again, p50, most, kept, won]);
            let (all, stood) = &mut ends[usize::from(*asks != Some(false))];
            (*all, *stood) = (*all + runs, *stood + runs - again);
            if *variant == Variant::Multi {
                let (facts, key) = (&mut found.facts, scenario.key());
                let key = if *asks == Some(false) { format!("{key}_unasked") } else { key.to_owned() };
                let meaning =
                    |column: &str| format!("{column} of partitions.csv, {}, {}", scenario.name(), name(row));
                facts.add(&format!("again_{key}"), again, "", meaning("again"));
                facts.add(&format!("gap_{key}"), p50, "ms", meaning("gap_p50_ms"));
                facts.add(&format!("won_{key}"), won, "", meaning("won"));
                facts.add(&format!("kept_{key}"), kept.map(|kept| kept * 100.0), "%", meaning("kept"));
            } else if *variant == Variant::Fast && *asks == Some(true) {
                let meaning = format!("kept of partitions.csv, {}, fast", scenario.name());
                found.facts.add(
                    &format!("fast_{}", scenario.key()),
                    kept.map(|kept| kept * 100.0),
                    "%",
                    meaning,
                );
            }
            gap_bars.push(p50);
            won_bars.push(Some(won));
        }
        gaps.push(gap_bars);
        wins.push(won_bars);
    }
    let figure = |name, title: &str, caption: &str, y: &str, values: &[Vec<Option<f64>>]| {
        let names = Scenario::ALL.map(|scenario| scenario.name().to_owned());
        let top = values.iter().flatten().flatten().fold(1.0, |top: f64, value| top.max(*value)) * 1.1;
        let panel = |title: &str, asking: bool| {
            let shown = rows.iter().zip(values).filter(|((_, asks), _)| asks.unwrap_or(asking) == asking);
            let series: Vec<_> = shown
                .map(|((variant, _), values)| {
                    let style =
                        Style::new(variant.name(), palette::of(*variant)).points().marker(Marker::None);
                    (style, values.clone())
                })
                .collect();
            bars(title, &names, Axis::new(y).range(0.0, top), &series)
        };
        let panels =
            [panel("candidates ask first (as shipped)", true), panel("candidates do not ask", false)];
        Ok::<_, LabError>(Figure {
            name,
            title: title.into(),
            caption: caption.into(),
            svg: draw(&panels, 1, 260)?,
        })
    };
    found.figures = vec![
        figure(
            "downtime",
            "The longest time without an answer in partial partitions",
            "Bars are medians of {runs} runs. A bar of {cut_for} is a cluster that stands still. Basic Paxos has no leader, so it has no elections. Held constant: {servers} servers \
             (chain: {servers_in_the_chain}), delays of {delay_of_a_message}, election timeouts of {election_timeout}, {clients} clients that reach all servers, links cut for {cut_for}.",
            "longest time without an answer (ms)",
            &gaps,
        )?,
        figure(
            "ballots",
            "Ballots won while links are cut",
            "Bars are means of {runs} runs. One ballot means a new leader that stays. Many ballots mean leaders that depose each other for as long as the partition lasts; Fast Paxos also begins a ballot when it loses its fast quorum or has it again. Held constant: as above.",
            "ballots won",
            &wins,
        )?,
    ];
    found.facts.add("runs", runs, "", "runs of each row of partitions.csv");
    for (key, rows, (all, stood)) in
        [("_unasked", "with asks = 0", ends[0]), ("", "with asks = 1 or empty", ends[1])]
    {
        found.facts.add(&format!("all{key}"), all, "", format!("runs of the rows of partitions.csv {rows}"));
        let meaning = format!("runs minus again, summed over the rows of partitions.csv {rows}");
        found.facts.add(&format!("stood{key}"), stood, "", meaning);
    }
    found.tables.push(table);
    found.lessons = lessons(&found);
    Ok(found)
}

/// The conclusions, which depend on the data.
fn lessons(found: &Findings) -> Vec<String> {
    let is = |name: &str, value: f64| {
        found.facts.number(name).is_some_and(|known| known.total_cmp(&value).is_eq())
    };
    let runs = found.facts.number("runs").unwrap_or_default();
    let settled =
        match (is("again_loss", runs), is("again_loss_unasked", runs), is("again_loss_unasked", 0.0)) {
            (true, true, _) => "Ours recovers, whether candidates ask first or not",
            (true, false, true) => {
                "Both are right: ours recovers if candidates ask first, and stands still if they do not"
            }
            (true, false, false) => "Ours recovers if candidates ask first, and not always if they do not",
            (false, ..) => "Ours does not always recover, even if candidates ask first",
        };
    let deposed = if is("won_chained", 0.0) {
        "In a chain a candidate that asks first never deposes the leader"
    } else {
        "In a chain even candidates that ask first depose the leader"
    };
    vec![
        format!(
            "{} Where candidates do not ask first, {{stood_unasked}} of {{all_unasked}} do not recover.",
            if found.facts.is_zero("stood") {
                "As shipped, the clusters of all variants recover from the partial partitions, in all {all} runs."
            } else {
                "As shipped, {stood} of {all} clusters do not recover from the partial partitions."
            }
        ),
        format!(
            "The paper says that Multi-Paxos stands still in quorum loss, and the re-evaluation that it recovers. {settled}: in {{again_loss}} of {{runs}} runs, with {{gap_loss}} without an answer, and in {{again_loss_unasked}} of {{runs}}, \
             with {{gap_loss_unasked}}. A leader that no quorum answers steps down, so the hub no longer hears a leader, and campaigns. Candidates that do not ask, and reach nobody but the hub, keep sending it phase 1a messages: it \
             waits for each of them."
        ),
        format!(
            "{deposed} ({{won_chained}} ballots won while the links are cut, {{kept_chained}} of the throughput kept). A candidate that does not ask deposes it repeatedly: {{won_chained_unasked}} ballots \
             in {{cut_for}}, {{kept_chained_unasked}} of the throughput."
        ),
        "In a constrained election the hub leads after {gap_constrained}, although it was behind. Fast Paxos keeps {fast_constrained} of its throughput there, because a fast quorum needs \
         all four servers that are left. In quorum loss, where the hub reaches all five, it keeps {fast_loss}."
            .into(),
    ]
}
