//! Partial partitions: some links are cut, and one process still reaches a quorum. Does the cluster recover?

mod scenario;

use crate::lab::cluster::Shape;
use crate::lab::experiments::chart::{Axis, Figure, Style, bars, draw, middle, palette};
use crate::lab::experiments::data::{Table, span};
use crate::lab::experiments::sample::Sample;
use crate::lab::experiments::{Experiment, Findings, Lab, LabError, Setting};
use crate::row;
use crate::theory::Recovery;
use crate::variants::{Digest, Payload, Variant, WithProtocol};
use paxos_core::{Leadership, NodeId, Protocol, Timeouts};
use paxos_transport::sim::{Delay, Links, Sim, World};
use scenario::Scenario;
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
/// The time between two heartbeats.
const HEARTBEAT: Duration = ms(75);
/// The same where the leader's clock is slow, on that clock, and how much slower it is, in millionths. To the others its
/// heartbeats come often enough, and for as long as the links are cut it does not notice that no quorum answers them.
const SLOW_HEARTBEAT: Duration = ms(2);
const SLOWER: i32 = 980_000;
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
        let is_slow = self.scenario == Scenario::Unaware;
        let heartbeat = Some(if is_slow { SLOW_HEARTBEAT } else { HEARTBEAT });
        config.timeouts =
            Timeouts { election: Some(ELECTION), heartbeat, client: Some(RESEND), ..Timeouts::default() };
        if self.variant.traits().leaderless {
            config.leadership = Leadership::SelfAppointed { backoff: Some((ms(20), ms(320))) };
        }
        config.pre_vote = self.asks;
        let mut world = World::<P>::new(config, options, self.seed);
        world.links = Links::new(Delay::Uniform { low: DELAY.0, high: DELAY.1 });
        world.faults.cuts = self.scenario.cuts();
        if is_slow {
            world.drift.insert(NodeId(0), -SLOWER);
        }
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

/// The height of a bar, and how far the runs reach.
type Bar = (Option<f64>, Option<[f64; 2]>);

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
    found.held("heartbeat", in_ms(HEARTBEAT), "ms");
    let speed = 1.0 - f64::from(SLOWER) / 1e6;
    found.facts.set("slow_clock", speed * 100.0, "%");
    found.facts.set("slow_heartbeat", in_ms(SLOW_HEARTBEAT), "ms");
    found.facts.set("slow_beat", in_ms(SLOW_HEARTBEAT) / speed, "ms");
    found.constant(
        "unaware leader",
        "its clock runs at {slow_clock} of the true speed, with heartbeats every {slow_heartbeat} on it, which are {slow_beat} apart",
    );
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
            ("gap_min_ms", "the shortest of the longest times without an answer, in ms"),
            ("gap_p50_ms", "median of the longest time without an answer, in ms"),
            ("gap_max_ms", "the longest of all, in ms"),
            ("kept", "the throughput in these two seconds, as a share of that before, mean"),
            ("won", "ballots won after the links were cut, mean"),
        ],
    );
    let (mut gaps, mut wins) = (Vec::new(), Vec::new());
    // Runs, and those that do not recover: of candidates that do not ask, and of all others.
    let (mut ends, mut slowest) = ([(0_u64, 0_u64); 2], 0.0_f64);
    for row @ (variant, asks) in &rows {
        let (mut gap_bars, mut won_bars) = (Vec::new(), Vec::new());
        for (scenario, courses) in Scenario::ALL.into_iter().zip(courses.by_ref()) {
            let again = courses.iter().filter(|course| course.again).count() as u64;
            let gap = Sample::new(courses.iter().map(|course| course.gap).collect());
            let kept = Sample::new(courses.iter().filter_map(|course| course.kept).collect()).mean();
            let won = courses.iter().map(|course| course.won as f64).sum::<f64>() / runs as f64;
            let [least, p50, most] = [0.0, 0.5, 1.0].map(|share| gap.quantile(share));
            let asked = asks.map(u64::from);
            table.push(row![
                scenario.name(),
                variant.name(),
                asked,
                runs,
                again,
                least,
                p50,
                most,
                kept,
                won
            ]);
            if scenario != Scenario::Unaware {
                let (all, stood) = &mut ends[usize::from(*asks != Some(false))];
                (*all, *stood) = (*all + runs, *stood + runs - again);
                if *asks != Some(false) {
                    slowest = slowest.max(most.unwrap_or_default());
                }
            }
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
            gap_bars.push((p50, least.zip(most).map(|(least, most)| [least, most])));
            won_bars.push((Some(won), None));
        }
        gaps.push(gap_bars);
        wins.push(won_bars);
    }
    let figure = |name, title: &str, caption: &str, y: &str, values: &[Vec<Bar>]| {
        let names = Scenario::ALL.map(|scenario| scenario.name().to_owned());
        let tops = values.iter().flatten().map(|(value, range)| range.map_or(*value, |[_, high]| Some(high)));
        let top = tops.flatten().fold(1.0, f64::max) * 1.1;
        let panel = |title: &str, asking: bool| {
            let shown: Vec<_> =
                rows.iter().zip(values).filter(|((_, asks), _)| asks.unwrap_or(asking) == asking).collect();
            let series: Vec<(Style, Vec<Option<f64>>)> = shown
                .iter()
                .map(|((variant, _), bars)| {
                    (palette::style(*variant).bar(), bars.iter().map(|(value, _)| *value).collect())
                })
                .collect();
            let mut panel = bars(title, &names, Axis::new(y).range(0.0, top), &series);
            for (nth, (_, bars)) in shown.iter().enumerate() {
                let place = |group| middle(group, nth, shown.len());
                let ranges =
                    bars.iter().enumerate().filter_map(|(group, (_, range))| Some((place(group), (*range)?)));
                panel.whiskers("shortest and longest of the runs", ranges);
            }
            panel
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
            "Bars are medians of {runs} runs, thin grey lines the shortest and the longest. A bar of {cut_for} is a cluster that stands still. Basic Paxos has no leader, so it has no elections. Held constant: {servers} servers \
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
        let rows = format!("the rows of partitions.csv {rows}, without the unaware leader");
        found.facts.add(&format!("all{key}"), all, "", format!("runs of {rows}"));
        let meaning = format!("runs minus again, summed over {rows}");
        found.facts.add(&format!("stood{key}"), stood, "", meaning);
    }
    found.facts.add(
        "slowest",
        slowest,
        "ms",
        "the greatest gap_max_ms of partitions.csv with asks = 1 or empty, without the unaware leader",
    );
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
    let how = if is("again_loss", runs) {
        "Ours does step down, so the hub no longer hears a leader, campaigns and leads: it recovers in {again_loss} of {runs} runs, after {gap_loss}."
    } else {
        "Ours does step down, and recovers in {again_loss} of {runs} runs."
    };
    let unaware = if is("again_unaware", 0.0) {
        "A leader whose clock is so slow that it does not notice stays leader, and a cluster of Multi-Paxos stands still, as the paper says, in all {runs} runs."
    } else {
        "With a leader whose clock is so slow that it does not notice, Multi-Paxos recovers in {again_unaware} of {runs} runs."
    };
    let unasked = if is("again_loss_unasked", 0.0) {
        "Without the pre-vote the cluster stands still in quorum loss for another reason, in all {runs} runs: candidates that reach nobody but the hub keep sending it phase 1a messages, and it waits for each of them."
    } else {
        "Without the pre-vote the cluster recovers from quorum loss in {again_loss_unasked} of {runs} runs."
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
                "As shipped, the clusters of all variants recover from the partial partitions, in all {all} runs, and none is without an answer for longer than {slowest}."
            } else {
                "As shipped, {stood} of {all} clusters do not recover from the partial partitions."
            }
        ),
        format!(
            "In quorum loss it matters whether a leader without a quorum stays leader. The paper says that Multi-Paxos stands still then, since the hub goes on hearing the leader; the re-evaluation finds that it recovers. {how} {unaware}"
        ),
        unasked.into(),
        format!(
            "{deposed} ({{won_chained}} ballots won while the links are cut, {{kept_chained}} of the throughput kept). A candidate that does not ask deposes it repeatedly: {{won_chained_unasked}} ballots \
             in {{cut_for}}, {{kept_chained_unasked}} of the throughput."
        ),
        "In a constrained election the hub leads after {gap_constrained}, although it was behind. Fast Paxos keeps {fast_constrained} of its throughput there, because a fast quorum needs \
         all four servers that are left. In quorum loss, where the hub reaches all five, it keeps {fast_loss}."
            .into(),
    ]
}
