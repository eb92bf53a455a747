//! Collisions in Fast Paxos: their probability, and their cost by recovery.

mod rounds;

use crate::lab::experiments::chart::palette::{self, GREY, SERIES};
use crate::lab::experiments::chart::{Axis, Dash, Figure, Look, Marker, Panel, draw};
use crate::lab::experiments::data::Table;
use crate::lab::experiments::{Experiment, Findings, LabError, Progress, Setting};
use crate::lab::quorums::QuorumChoice;
use crate::lab::survey::{collide, fast_chance};
use crate::row;
use crate::theory::Recovery;
use crate::variants::Variant;
use paxos_core::NodeSet;
use paxos_transport::sim::Chance;
use rounds::{ACCEPTORS, ON_TOP, Rounds};
use std::time::Duration;

/// The experiment.
pub(in crate::lab::experiments::all) const EXPERIMENT: Experiment = Experiment {
    name: "collisions",
    question: "How often do commands collide in Fast Paxos, and what does each kind of recovery cost?",
    source: "Lamport, Fast Paxos (2006), recovery; Howard, Charapko, Mortier, Fast Flexible Paxos (2021), smaller fast quorums.",
    run,
};

const RECOVERIES: [Recovery; 3] = [Recovery::Coordinated, Recovery::Uncoordinated, Recovery::Classic];

/// The chance that two commands collide if the second is sent `gap` later. An acceptor hears the first command first
/// with chance p = 1 − ½ e^(−gap / mean), independent of the others. The commands collide if neither has a quorum.
fn gap_chance(gap: Duration, n: usize, q: usize) -> f64 {
    let p = 1.0 - 0.5 * libm::exp(-gap.as_secs_f64() / ON_TOP.as_secs_f64());
    let choose = |k: usize| (0..k).fold(1.0, |ways, i| ways * (n - i) as f64 / (i + 1) as f64);
    let exactly = |p: f64, k: usize| choose(k) * libm::pow(p, k as f64) * libm::pow(1.0 - p, (n - k) as f64);
    1.0 - (q..=n).map(|k| exactly(p, k) + exactly(1.0 - p, k)).sum::<f64>()
}

fn run(setting: &Setting, progress: Progress<'_>) -> Result<Findings, LabError> {
    let mut found = Findings::default();
    found.constant(
        "delay of a message, gaps and clients",
        "5 ms plus an exponentially distributed time with a mean of 5 ms",
    );
    found.constant("servers, gaps and clients", ACCEPTORS);
    found.constant("resend timeout, gaps and clients", "200 ms; clients 400 ms");
    let by_size = by_size(&mut found, setting, progress)?;
    let by_gap = by_gap(&mut found, setting, progress)?;
    let by_clients = by_clients(&mut found, setting, progress)?;
    found.figures = vec![by_size, by_gap, by_clients];
    found.lessons = vec![
        "Measured chances of a collision lie within {off} of the formula, over {pairs} pairs of commands each.".into(),
        "With 5 acceptors and fast quorums of 4, {five} of simultaneous pairs collide; with 7 acceptors it is {seven}. With an odd number \
         of acceptors, majority fast quorums never collide, but all acceptors are asked in phase 1."
            .into(),
        "With mean delays of 10 ms, two commands must be at least {safe_gap} apart for the coordinator to step in for less than 5 % \
         of them."
            .into(),
        "With {most} clients that submit within 10 ms, Fast Paxos takes {coordinated} on average with coordinated recovery, \
         {uncoordinated} with uncoordinated and {classic} with classic recovery; Multi-Paxos takes {multi}."
            .into(),
    ];
    Ok(found)
}

/// The chance of a collision of simultaneous pairs, by number of acceptors and quorum system.
fn by_size(found: &mut Findings, setting: &Setting, progress: Progress<'_>) -> Result<Figure, LabError> {
    let pairs = setting.either(4_000, 40_000);
    let mut table = Table::new(
        "chances",
        &[
            ("acceptors", "the number of acceptors"),
            ("system", "the quorum system"),
            ("fast_quorum", "the number of acceptors in a fast quorum"),
            ("pairs", "pairs of simultaneous commands, each acceptor hearing either first with equal chance"),
            ("undecided", "pairs of which the fast ballot decided neither"),
            ("share", "undecided / pairs"),
            ("formula", "1 − 2·P[Bin(n, ½) ≥ q]"),
        ],
    );
    let mut panel = Panel::new(
        "",
        Axis::new("acceptors").range(2.5, 9.5),
        Axis::new("chance of a collision").range(0.0, 1.0),
    );
    let mut off: f64 = 0.0;
    let fast = palette::of(Variant::Fast);
    for (name, hue, marker) in [
        ("smallest beside majorities", fast, Marker::Circle),
        ("majority fast quorums", palette::FLEXIBLE, Marker::Triangle),
    ] {
        let (mut measured, mut predicted) = (Vec::new(), Vec::new());
        for n in 3..=9_u16 {
            progress(format!("pairs at {n} acceptors, {name}"));
            let all = usize::from(n);
            let choice = if hue == fast {
                QuorumChoice::Majority
            } else {
                QuorumChoice::FastFlexible(all, all / 2 + 1, all / 2 + 1)
            };
            let quorums = choice.over(NodeSet::first(n))?;
            let missing = || LabError::Unfinished(format!("{choice} of {n} has no chance of a collision"));
            let formula = fast_chance(&*quorums).ok_or_else(missing)?;
            let quorum = choice.counts(NodeSet::first(n)).and_then(|c| c.size(paxos_core::Phase::TwoFast));
            let collided = collide(choice, n, pairs, setting.seed)?;
            let share = collided.undecided as f64 / collided.collisions as f64;
            off = off.max((share - formula).abs());
            table.push(row![n, choice.to_string(), quorum, pairs, collided.undecided, share, formula]);
            measured.push((f64::from(n), share));
            predicted.push((f64::from(n), formula));
            if hue == fast && (n == 5 || n == 7) {
                let key = if n == 5 { "five" } else { "seven" };
                found.facts.add(
                    key,
                    share * 100.0,
                    "%",
                    format!("share of chances.csv, {n} acceptors, smallest fast quorums"),
                );
            }
        }
        panel.line(
            Look::new(format!("{name}, formula"), GREY).dash(Dash::Long).marker(Marker::None),
            predicted,
        );
        panel.line(Look::new(format!("{name}, measured"), hue).marker(marker).points(), measured);
    }
    found.facts.add("off", off, "", "the farthest that share is from formula in chances.csv");
    found.facts.add("pairs", pairs, "", "pairs of commands for each row of chances.csv");
    found.tables.push(table);
    Ok(Figure {
        name: "chances",
        title: "The chance that two simultaneous commands collide".into(),
        caption: "Points on the dashed lines: the simulator agrees with the formula within {off}. Even numbers of acceptors have \
                  relatively smaller fast quorums, hence the zigzag. Held constant: two clients, each acceptor hears either first \
                  with equal chance, {pairs} pairs per point."
            .into(),
        svg: draw(&[panel], 1, 320)?,
    })
}

/// The chance of a collision and the latency, by the time between two commands.
fn by_gap(found: &mut Findings, setting: &Setting, progress: Progress<'_>) -> Result<Figure, LabError> {
    let rounds = setting.either(400, 5_000);
    let mut table = Table::new(
        "gaps",
        &[
            ("gap_ms", "how much later the second command is submitted, in ms"),
            ("quorum", "the quorum system"),
            ("recovery", "the recovery from a collision"),
            (
                "share",
                "the share of rounds in which the coordinator proposed something; empty: there is no coordinator",
            ),
            (
                "formula",
                "the chance that neither command has a fast quorum in the first slot, by the formula",
            ),
            ("mean_ms", "mean latency of both commands, in ms"),
            ("p99_ms", "99th percentile of the latency, in ms"),
        ],
    );
    let mut rate = Panel::new("", Axis::new("gap (ms)"), Axis::new("share of pairs").range(0.0, 1.0));
    let mut time = Panel::new("", Axis::new("gap (ms)"), Axis::new("mean latency (ms)"));
    let hue = palette::of(Variant::Fast);
    let mut formula_drawn = false;
    let looks = [(Dash::Solid, Marker::Circle), (Dash::Short, Marker::Cross), (Dash::Long, Marker::Ring)];
    let mut safe = None;
    for (recovery, (dash, marker)) in RECOVERIES.into_iter().zip(looks) {
        let (mut shares, mut means, mut formulas) = (Vec::new(), Vec::new(), Vec::new());
        for gap_ms in [0, 1, 2, 4, 6, 8, 12, 16, 24, 32] {
            progress(format!("{recovery} recovery, a gap of {gap_ms} ms"));
            let gap = Duration::from_millis(gap_ms);
            let quorum = QuorumChoice::Majority;
            let moments = &mut |client| gap * u32::from(client);
            let work = Rounds {
                variant: Variant::Fast,
                quorum,
                clients: 2,
                times: rounds,
                seed: setting.seed,
                moments,
            };
            let copies = recovery != Recovery::Uncoordinated;
            let cost = Variant::Fast.with(recovery, copies, work)?;
            let share = copies.then(|| cost.recovered as f64 / rounds as f64);
            let formula = gap_chance(gap, usize::from(ACCEPTORS), 4);
            if share.is_some_and(|share| share < 0.05) && safe.is_none() {
                safe = Some(gap_ms);
            }
            let mean = cost.latencies.mean();
            table.push(row![
                gap_ms,
                quorum.to_string(),
                recovery.to_string(),
                share,
                formula,
                mean,
                cost.latencies.quantile(0.99)
            ]);
            formulas.push((gap_ms as f64, formula));
            shares.extend(share.map(|share| (gap_ms as f64, share)));
            means.extend(mean.map(|mean| (gap_ms as f64, mean)));
        }
        let look = Look::new(format!("fast, {recovery} recovery"), hue).dash(dash).marker(marker);
        if !formula_drawn {
            rate.line(
                Look::new("neither has a fast quorum, formula", GREY).dash(Dash::Long).marker(Marker::None),
                formulas,
            );
            formula_drawn = true;
        }
        rate.line(look.clone(), shares);
        time.line(look, means);
    }
    found.facts.add(
        "safe_gap",
        safe,
        "ms",
        "the smallest gap of gaps.csv with a share below 0.05, coordinated recovery",
    );
    found.facts.add("rounds", rounds, "", "pairs of commands for each row of gaps.csv");
    found.tables.push(table);
    Ok(Figure {
        name: "gaps",
        title: "Collisions and latency against the time between two commands".into(),
        caption: "Left: how often the coordinator has to propose, against the chance that neither command has a fast quorum in the \
                  slot in which both meet (dashed). The measured share is higher, because the coordinator also steps in for later slots and \
                  repeated commands, which are not separated here; with uncoordinated recovery there is no coordinator. Right: the latency falls to \
                  that without a collision as the commands move apart. Held constant: 5 servers, fast quorums of 4, two clients, delays of \
                  5 ms plus 5 ms on average, {rounds} pairs per point."
            .into(),
        svg: draw(&[rate, time], 2, 300)?,
    })
}

/// The latency by number of clients.
fn by_clients(found: &mut Findings, setting: &Setting, progress: Progress<'_>) -> Result<Figure, LabError> {
    let rounds = setting.either(100, 1_500);
    let mut table = Table::new(
        "clients",
        &[
            ("clients", "clients that submit a command each, within 10 ms"),
            ("variant", "the variant"),
            ("recovery", "the recovery from a collision; empty: there are no collisions"),
            ("quorum", "the quorum system"),
            ("mean_ms", "mean latency, in ms"),
            ("p99_ms", "99th percentile of the latency, in ms"),
            ("messages", "messages per command"),
        ],
    );
    let mut time = Panel::new("", Axis::new("clients").log(), Axis::new("mean latency (ms)"));
    let mut sent = Panel::new("", Axis::new("clients").log(), Axis::new("messages per command"));
    let fast = palette::of(Variant::Fast);
    let flexible = QuorumChoice::FastFlexible(5, 3, 3);
    let rows = [
        (
            "multi",
            Variant::Multi,
            None,
            QuorumChoice::Majority,
            palette::of(Variant::Multi),
            Dash::Solid,
            Marker::Circle,
        ),
        (
            "coordinated",
            Variant::Fast,
            Some(Recovery::Coordinated),
            QuorumChoice::Majority,
            fast,
            Dash::Solid,
            Marker::Triangle,
        ),
        (
            "uncoordinated",
            Variant::Fast,
            Some(Recovery::Uncoordinated),
            QuorumChoice::Majority,
            fast,
            Dash::Short,
            Marker::Cross,
        ),
        (
            "classic",
            Variant::Fast,
            Some(Recovery::Classic),
            QuorumChoice::Majority,
            fast,
            Dash::Long,
            Marker::Ring,
        ),
        (
            "flexible",
            Variant::Fast,
            Some(Recovery::Coordinated),
            flexible,
            SERIES[2],
            Dash::Long,
            Marker::Triangle,
        ),
    ];
    let most = 16;
    for (key, variant, recovery, quorum, hue, dash, marker) in rows {
        let (mut means, mut messages) = (Vec::new(), Vec::new());
        for clients in [1, 2, 4, 8, most] {
            progress(format!("{clients} clients, {key}"));
            let mut chance = Chance::new(setting.seed, u64::from(clients));
            let moments = &mut |_| chance.between(Duration::ZERO, Duration::from_millis(10));
            let work = Rounds { variant, quorum, clients, times: rounds, seed: setting.seed, moments };
            let recovers = recovery.unwrap_or(Recovery::Coordinated);
            let cost = variant.with(recovers, recovers != Recovery::Uncoordinated, work)?;
            let mean = cost.latencies.mean();
            if clients == most {
                let meaning = format!("mean_ms of clients.csv, {clients} clients, {key}");
                found.facts.add(key, mean, "ms", meaning);
            }
            let name = recovery.map(|recovery| recovery.to_string());
            let late = cost.latencies.quantile(0.99);
            table.push(row![clients, variant.name(), name, quorum.to_string(), mean, late, cost.messages]);
            means.extend(mean.map(|mean| (f64::from(clients), mean)));
            messages.push((f64::from(clients), cost.messages));
        }
        let name = match (recovery, quorum) {
            (None, _) => "multi".to_owned(),
            (Some(_), QuorumChoice::FastFlexible(..)) => "fast, majority fast quorums".to_owned(),
            (Some(recovery), _) => format!("fast, {recovery} recovery"),
        };
        let look = Look::new(name, hue).dash(dash).marker(marker);
        time.line(look.clone(), means);
        sent.line(look, messages);
    }
    found.facts.add("most", most, "", "the most clients of clients.csv");
    found.tables.push(table);
    Ok(Figure {
        name: "clients",
        title: "Latency and messages against the number of clients".into(),
        caption: "With one client, Fast Paxos is faster. With more clients at a time, collisions take the gain away. Multi-Paxos is not \
                  affected, because its leader orders the commands. Held constant: 5 servers, every client submits one command at a \
                  random moment within 10 ms, delays of 5 ms plus 5 ms on average."
            .into(),
        svg: draw(&[time, sent], 2, 300)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::theory::collision_probability;

    #[test]
    fn without_a_gap_the_formula_is_that_of_simultaneous_commands() {
        for (n, q) in [(3, 3), (4, 3), (5, 4), (7, 6), (9, 7)] {
            let difference = gap_chance(Duration::ZERO, n, q) - collision_probability(n, q);
            assert!(difference.abs() < 1e-12, "{n} {q}: {difference}");
        }
        assert!(gap_chance(Duration::from_secs(1), 5, 4) < 1e-9);
    }
}
