//! Bad networks: latency and messages against loss, duplication and reordering, with a check of each history.

use crate::lab::cluster::Shape;
use crate::lab::experiments::chart::{Axis, Figure, Mark, Panel, draw, palette};
use crate::lab::experiments::data::{Table, span};
use crate::lab::experiments::sample::{Sample, Summary};
use crate::lab::experiments::{Experiment, Findings, Lab, LabError, Setting};
use crate::lab::faults::disagreement;
use crate::lab::quorums::QuorumChoice;
use crate::row;
use crate::theory::{Layout, Learning, Recovery};
use crate::variants::{Digest, Payload, Variant, WithProtocol};
use paxos_core::{Leadership, Protocol, Timeouts};
use paxos_transport::sim::{Delay, Links, Sim, Submitted, World};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The experiment.
pub(in crate::lab::experiments::all) const EXPERIMENT: Experiment = Experiment {
    name: "loss",
    question: "How do lost, duplicated and late messages affect latency and traffic, and is everything still correct?",
    source: "Lamport, The Part-Time Parliament (1998): messages may be lost, doubled and take arbitrarily long. Linearizability: \
             Herlihy and Wing (1990).",
    sites: 0,
    run,
};

const SERVERS: u16 = 5;
const CLIENTS: u16 = 3;
/// The shortest and the longest delay of a message, and the longest of one that is late.
const DELAY: (Duration, Duration) = (ms(4), ms(6));
const LATEST: Duration = ms(100);
/// The share of lost messages that a sentence is about.
const LOSSY: f64 = 0.1;

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// The faults of the network: the name, and the shares of messages to try.
const TROUBLES: [(&str, &[f64]); 3] = [
    ("loss", &[0.0, 0.01, 0.02, 0.05, 0.1, 0.2]),
    ("duplication", &[0.0, 0.05, 0.1, 0.2, 0.5]),
    ("reordering", &[0.0, 0.01, 0.02, 0.05, 0.1, 0.2]),
];

fn links(trouble: &str, share: f64) -> Links {
    let mut links = Links::new(Delay::Uniform { low: DELAY.0, high: DELAY.1 });
    match trouble {
        "loss" => links.loss = share,
        "duplication" => links.duplication = share,
        _ => {
            let late = (share * 1000.0).round() as u16;
            links.delay = Delay::Tailed { low: DELAY.0, high: DELAY.1, late, latest: LATEST };
        }
    }
    links
}

/// Clients that submit one command after the other.
struct Traffic {
    variant: Variant,
    links: Links,
    commands: u64,
    seed: u64,
}

#[derive(Serialize, Deserialize)]
struct Outcome {
    latencies: Summary,
    messages: f64,
    violations: Vec<String>,
    linearizable: bool,
}

impl WithProtocol for Traffic {
    type Out = Result<Outcome, LabError>;

    fn run<P: Protocol<Value = Payload, Reply = u64>>(self, options: P::Options) -> Self::Out {
        let learning = Learning::Distinguished;
        let (acceptors, quorum) = (SERVERS, QuorumChoice::Majority);
        let (variant, layout, thrifty) = (self.variant, Layout::Collapsed, false);
        let shape = Shape { variant, layout, learning, acceptors, learners: acceptors, thrifty, quorum };
        let mut config = shape.config()?;
        config.timeouts = Timeouts::default();
        if variant.traits().leaderless {
            config.leadership = Leadership::SelfAppointed { backoff: Some((ms(20), ms(320))) };
        }
        let mut world = World::<P>::new(config, options, self.seed);
        let clients = world.add_clients(CLIENTS);
        world.links = self.links;
        world.limit.time = Duration::from_secs(3600);
        let mut sim = Sim::new(world, |_| Digest::default());
        for (client, nth) in clients.iter().zip(0..) {
            sim.submit_in_turn(*client, 1, (0..self.commands).map(|k| nth * 1_000_000 + k));
        }
        let mut violations = Vec::new();
        let ran = sim.run_until(Sim::all_answered);
        let messages = sim.counts().total() as f64 / sim.commands().len().max(1) as f64;
        // Three more seconds let every replica catch up, so that the replicas can be compared.
        match ran.and_then(|_| sim.run_for(Duration::from_secs(3))) {
            Err(violation) => violations.push(violation.to_string()),
            Ok(_) if !sim.all_answered() => violations.push("not every command was decided".into()),
            Ok(_) => violations.extend(disagreement(&sim)),
        }
        let latencies =
            sim.commands().iter().filter_map(|c| Some(c.latency()?.as_secs_f64() * 1e3)).collect();
        let linearizable = is_linearizable(sim.commands());
        Ok(Outcome { latencies: Sample::new(latencies).summary(), messages, violations, linearizable })
    }
}

/// Whether the history is linearizable. Commands are executed in the order of their slots. So each command took effect
/// between its submission and its answer if no command that was submitted after another's answer has an earlier slot.
/// (The invariants check that the answers agree with this order.)
fn is_linearizable<R>(commands: &[Submitted<R>]) -> bool {
    let mut answered: Vec<_> = commands
        .iter()
        .filter_map(|c| c.answer.as_ref().map(|answer| (answer.slot, c.at, answer.at)))
        .collect();
    answered.sort_by_key(|(slot, ..)| *slot);
    // Going back from the last slot, `earliest` is the earliest answer among all later slots.
    let mut earliest = None;
    for (_, submitted, at) in answered.into_iter().rev() {
        if earliest.is_some_and(|earliest| earliest < submitted) {
            return false;
        }
        earliest = Some(earliest.map_or(at, |known: paxos_core::Time| known.min(at)));
    }
    true
}

/// What was held constant.
fn parameters(found: &mut Findings, commands: u64) {
    let in_ms = |time: Duration| time.as_secs_f64() * 1e3;
    found.held("servers", SERVERS, "");
    found.held("clients", CLIENTS, "");
    found.held("commands of each client", commands, "");
    found.held("delay of a message", span(in_ms(DELAY.0), in_ms(DELAY.1)), "ms");
    found.held("latest message", in_ms(LATEST), "ms");
    let Timeouts { resend, client, heartbeat, election, election_spread, .. } = Timeouts::default();
    for (name, time) in [("resend timeout", resend), ("client timeout", client), ("heartbeat", heartbeat)] {
        found.held(name, time.map(in_ms), "ms");
    }
    if let Some(shortest) = election {
        let longest = shortest + election_spread.unwrap_or(shortest);
        found.held("election timeout", span(in_ms(shortest), in_ms(longest)), "ms");
    }
}

fn run(setting: &Setting, lab: &mut Lab<'_>) -> Result<Findings, LabError> {
    let commands = setting.either(60, 1_000);
    let mut cases = Vec::new();
    for (trouble, shares) in TROUBLES {
        for variant in Variant::ALL.iter().copied() {
            cases.extend(shares.iter().map(|share| (trouble, variant, *share)));
        }
    }
    let name = |(trouble, variant, share): &(&str, Variant, f64)| format!("{variant}, {trouble} {share}");
    let outcomes = lab.each(&cases, name, |(trouble, variant, share)| {
        let work = Traffic { variant: *variant, links: links(trouble, *share), commands, seed: setting.seed };
        variant.with(Recovery::Coordinated, true, work)
    })?;
    let mut outcomes = cases.into_iter().zip(outcomes.all()?);
    let mut found = Findings::default();
    parameters(&mut found, commands);
    let mut table = Table::new(
        "loss",
        &[
            ("trouble", "the fault of the network"),
            ("share", "the share of messages that are lost, duplicated, or late"),
            ("variant", "the variant"),
            ("commands", "commands decided"),
            ("mean_ms", "mean latency, in ms"),
            ("p99_ms", "99th percentile of the latency, in ms"),
            ("messages", "messages per command, including heartbeats"),
            (
                "violations",
                "broken invariants, replicas that differ and undecided commands; 0 in a correct run",
            ),
            ("linearizable", "1 if the history is linearizable, else 0"),
        ],
    );
    let (mut runs, mut wrong, mut unordered) = (0_u64, 0, 0);
    let (mut time, mut sent) = (Vec::new(), Vec::new());
    for (trouble, shares) in TROUBLES {
        let mut panel =
            Panel::new("", Axis::new(format!("{trouble} (share)")), Axis::new("99th percentile (ms)").log());
        let mut traffic =
            Panel::new("", Axis::new(format!("{trouble} (share)")), Axis::new("messages per command"));
        for variant in Variant::ALL.iter().copied() {
            let (mut late, mut messages) = (Vec::new(), Vec::new());
            for ((_, _, share), outcome) in outcomes.by_ref().take(shares.len()) {
                runs += 1;
                wrong += outcome.violations.len() as u64;
                unordered += u64::from(!outcome.linearizable);
                let Summary { len, mean, p99, .. } = outcome.latencies;
                late.extend(p99.map(|p99| (share, p99)));
                messages.push((share, outcome.messages));
                if trouble == "loss" && [0.0, LOSSY].iter().any(|named: &f64| named.total_cmp(&share).is_eq())
                {
                    let at = if share > 0.0 { "lossy" } else { "quiet" };
                    let meaning = format!("p99_ms of loss.csv, {variant}, loss {share}");
                    found.facts.add(&format!("{variant}_{at}"), p99, "ms", meaning);
                    let meaning = format!("messages of loss.csv, {variant}, loss {share}");
                    found.facts.add(&format!("{variant}_{at}_messages"), outcome.messages, "", meaning);
                }
                table.push(row![
                    trouble,
                    share,
                    variant.name(),
                    len,
                    mean,
                    p99,
                    outcome.messages,
                    outcome.violations.len(),
                    u64::from(outcome.linearizable)
                ]);
            }
            let style = palette::style(variant);
            panel.line(style.clone(), late);
            traffic.line(style, messages);
        }
        time.push(panel);
        sent.push(traffic);
    }
    // All panels have the same scale, so that the faults can be compared.
    for (panels, from) in [(&mut time, 0.8), (&mut sent, 0.0)] {
        let all = || panels.iter().flat_map(|panel| &panel.marks);
        let values = || {
            all()
                .filter_map(|mark| if let Mark::Line(_, points) = mark { Some(points) } else { None })
                .flatten()
        };
        let (low, high) =
            values().fold((f64::MAX, 0.0_f64), |(low, high), (_, y)| (low.min(*y), high.max(*y)));
        for panel in panels.iter_mut() {
            panel.y.range = Some((low * from, high * 1.1));
        }
    }
    found.failed = wrong + unordered;
    let verdict = verdict(wrong, unordered);
    found.facts.add("lossy", LOSSY * 100.0, "%", "the share of loss.csv that the facts on loss are about");
    found.facts.add("runs", runs, "", "rows of loss.csv");
    found.facts.add("wrong", wrong, "", "sum of violations in loss.csv");
    found.facts.add("unordered", unordered, "", "rows of loss.csv that are not linearizable");
    found.tables.push(table);
    found.figures = vec![
        Figure {
            name: "latency",
            title: "99th percentile of the latency on bad networks".into(),
            caption: format!(
                "A lost message costs a timeout, so the slowest hundredth jumps as soon as messages are lost; duplicates cost \
                 no time. {verdict} Held constant: {{servers}} servers, {{clients}} clients with one command at a time, delays of {{delay_of_a_message}}, resend after {{resend_timeout}}, clients ask \
                 again after {{client_timeout}}."
            ),
            svg: draw(&time, 3, 300)?,
        },
        Figure {
            name: "messages",
            title: "Messages per command on bad networks".into(),
            caption: "Retransmissions add messages, and so do heartbeats while commands wait. Held constant: as above.".into(),
            svg: draw(&sent, 3, 300)?,
        },
    ];
    found.lessons = vec![
        format!(
            "{verdict} At {{lossy}} loss the slowest hundredth of commands takes {{multi_lossy}} with Multi-Paxos (without loss {{multi_quiet}}) and {{fast_lossy}} with \
             Fast Paxos ({{fast_quiet}}), and a command {{multi_lossy_messages}} messages ({{multi_quiet_messages}}) and {{fast_lossy_messages}} ({{fast_quiet_messages}})."
        ),
        "With loss, timeouts decide the latency, not message delays.".into(),
    ];
    Ok(found)
}

/// The sentence on broken invariants and histories, which depends on the data.
const fn verdict(wrong: u64, unordered: u64) -> &'static str {
    match (wrong, unordered) {
        (0, 0) => "No invariant was broken in {runs} runs, and every history is linearizable.",
        (0, _) => "No invariant was broken in {runs} runs, but {unordered} histories are not linearizable.",
        (_, 0) => "There are {wrong} violations in {runs} runs. Every history is linearizable.",
        (_, _) => {
            "There are {wrong} violations in {runs} runs, and {unordered} histories are not linearizable."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_correctness_depends_on_the_data() {
        assert!(verdict(0, 0).starts_with("No invariant was broken"));
        for (wrong, unordered) in [(1, 0), (0, 1), (2, 3)] {
            let said = verdict(wrong, unordered);
            assert!(
                said.contains("{wrong}") == (wrong > 0) && said.contains("{unordered}") == (unordered > 0),
                "{said}"
            );
            assert!(said.contains("No invariant") == (wrong == 0), "{said}");
        }
    }
    use paxos_core::{ClientId, CommandId, Slot, Time};
    use paxos_transport::sim::{Answered, Counts};

    #[test]
    fn an_order_against_time_is_noticed() {
        let command = |slot: u64, at: u64, answered: u64| {
            let answer = Answered {
                at: Time(answered),
                by: paxos_core::NodeId(0),
                slot: Slot(slot),
                reply: 0_u64,
                sent: Counts::default(),
            };
            let id = CommandId { client: ClientId::default(), seq: slot };
            Submitted {
                id,
                at: Time(at),
                answer: Some(answer),
                unanswered: None,
                changed: None,
                abandoned: false,
            }
        };
        assert!(is_linearizable(&[command(0, 0, 10), command(1, 5, 8)]));
        assert!(is_linearizable(&[command(1, 0, 10), command(0, 5, 12)]));
        assert!(!is_linearizable(&[command(1, 0, 10), command(0, 11, 12)]));
    }
}
