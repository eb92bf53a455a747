//! Collisions in Fast Paxos: their probability, and their cost by recovery.

mod gaps;
mod rounds;

use crate::lab::experiments::chart::palette::{self, GREY};
use crate::lab::experiments::chart::{Axis, Dash, Figure, Marker, Panel, Style, draw};
use crate::lab::experiments::data::Table;
use crate::lab::experiments::{Experiment, Facts, Findings, Lab, LabError, Measured, Setting, Summary};
use crate::lab::quorums::QuorumChoice;
use crate::lab::survey::{collide, fast_chance};
use crate::row;
use crate::theory::Recovery;
use crate::variants::Variant;
use paxos_core::NodeSet;
use paxos_transport::sim::Chance;
use rounds::{ACCEPTORS, Cost, MOMENTS, Rounds};
use std::time::Duration;

/// The experiment.
pub(in crate::lab::experiments::all) const EXPERIMENT: Experiment = Experiment {
    name: "collisions",
    question: "How often do commands collide in Fast Paxos, and what does each kind of recovery cost?",
    source: "Lamport, Fast Paxos (2006), recovery; Howard, Charapko, Mortier, Fast Flexible Paxos (2021), smaller fast quorums.",
    sites: 0,
    run,
};

const RECOVERIES: [Recovery; 3] = [Recovery::Coordinated, Recovery::Uncoordinated, Recovery::Classic];

fn run(setting: &Setting, lab: &mut Lab<'_>) -> Result<Findings, LabError> {
    let mut found = Findings::default();
    rounds::parameters(&mut found.facts);
    found.constant(
        "delay of a message, in the figures of gaps and clients",
        "{shortest_delay} plus an exponentially distributed time with a mean of {delay_on_top}",
    );
    found.constant("servers there", "{servers}");
    found.constant("resend timeout there", "{resend}; clients {client_resend}");
    let (pairs, gaps, crowds) = (pairs(setting, lab)?, gaps::gaps(setting, lab)?, crowds(setting, lab)?);
    let by_size = by_size(&mut found, setting, &pairs.all()?)?;
    let by_gap = gaps::by_gap(&mut found, setting, &gaps.all()?)?;
    let by_clients = by_clients(&mut found, &crowds.all()?)?;
    found.figures = vec![by_size, by_gap, by_clients];
    found.lessons = vec![
        "With {small} acceptors, {small_share} of simultaneous pairs of commands collide. With {most} clients that submit within {moments}, a command takes {coordinated} and {coordinated_messages} messages with coordinated recovery, \
         {uncoordinated} and {uncoordinated_messages} with uncoordinated, {classic} and {classic_messages} with classic recovery, and {multi} and {multi_messages} in Multi-Paxos."
            .into(),
        "With {small} acceptors and fast quorums of {small_fast}, {small_share} of simultaneous pairs collide; with {large} acceptors it is {large_share}. With an odd number \
         of acceptors and majority fast quorums, two commands never collide: one of them has a majority. Three or more may, and all acceptors are asked in phase 1: {flexible_some} of the rounds with {some_clients} clients collide, and {flexible_share} of those with {most}."
            .into(),
        "Collisions are not the only cost of several clients. With two clients and majority fast quorums no round collides, and still the mean goes from {flexible_one} to {flexible_two} and the messages per command from {flexible_one_messages} to {flexible_two_messages}: \
         the command that loses the slot must be voted for again in a later one."
            .into(),
        "Measured chances of a collision lie within {off} of the formula, over {pairs} pairs of commands each.".into(),
        "If the second command comes later, the measured chance that neither has a fast quorum in the first slot lies within {off_gap} of the formula, with a chance of {gap_formula} for each acceptor.".into(),
        "With mean delays of {mean_delay} and fast quorums of {small_fast}, two commands must be at least {safe_gap} apart for the coordinator to step in for less than {rare} \
         of them."
            .into(),
    ];
    Ok(found)
}

/// The numbers of acceptors of simultaneous pairs.
const SIZES: std::ops::RangeInclusive<u16> = 3..=9;
/// The larger of the two numbers in the sentences.
const LARGE: u16 = 7;

/// The smallest fast quorums beside majorities, or majority fast quorums.
fn system(n: u16, majority: bool) -> QuorumChoice {
    let all = usize::from(n);
    if majority { QuorumChoice::FastFlexible(all, all / 2 + 1, all / 2 + 1) } else { QuorumChoice::Majority }
}

const fn number_of_pairs(setting: &Setting) -> u64 {
    if setting.quick { 4_000 } else { 40_000 }
}

/// How many of simultaneous pairs are not decided by the fast ballot, by number of acceptors and quorum system.
fn pairs(setting: &Setting, lab: &mut Lab<'_>) -> Result<Measured<u64>, LabError> {
    let cases: Vec<(QuorumChoice, u16)> =
        [false, true].into_iter().flat_map(|majority| SIZES.map(move |n| (system(n, majority), n))).collect();
    let name = |(choice, n): &(QuorumChoice, u16)| format!("pairs at {n} acceptors, {choice}");
    lab.each(&cases, name, |(choice, n)| {
        Ok(collide(*choice, *n, number_of_pairs(setting), setting.seed)?.undecided)
    })
}

/// The chance of a collision of simultaneous pairs, by number of acceptors and quorum system.
fn by_size(found: &mut Findings, setting: &Setting, measured: &[u64]) -> Result<Figure, LabError> {
    let pairs = number_of_pairs(setting);
    let mut collided = measured.iter().copied();
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
    for (name, majority, dash) in
        [("smallest beside majorities", false, Dash::Long), ("majority fast quorums", true, Dash::Short)]
    {
        let (mut measured, mut predicted) = (Vec::new(), Vec::new());
        for (n, undecided) in SIZES.zip(collided.by_ref()) {
            let choice = system(n, majority);
            let quorums = choice.over(NodeSet::first(n))?;
            let missing = || LabError::Unfinished(format!("{choice} of {n} has no chance of a collision"));
            let formula = fast_chance(&*quorums).ok_or_else(missing)?;
            let quorum = choice.counts(NodeSet::first(n)).and_then(|c| c.size(paxos_core::Phase::TwoFast));
            let share = undecided as f64 / pairs as f64;
            off = off.max((share - formula).abs());
            table.push(row![n, choice.to_string(), quorum, pairs, undecided, share, formula]);
            measured.push((f64::from(n), share));
            predicted.push((f64::from(n), formula));
            for (key, size) in [("small", ACCEPTORS), ("large", LARGE)] {
                if (majority, n) == (false, size) {
                    let facts = &mut found.facts;
                    let row =
                        format!("of the row of chances.csv with {n} acceptors and the smallest fast quorums");
                    facts.add(key, n, "", format!("acceptors {row}"));
                    facts.add(&format!("{key}_fast"), quorum, "", format!("fast_quorum {row}"));
                    facts.add(&format!("{key}_share"), share * 100.0, "%", format!("share {row}"));
                }
            }
        }
        panel.line(Style::new(format!("{name}, formula"), GREY).dash(dash).marker(Marker::None), predicted);
        let style = if majority { palette::flexible(Variant::Fast) } else { palette::style(Variant::Fast) };
        panel.line(style.named(format!("{name}, measured")).points(), measured);
    }
    found.facts.add("off", off, "", "the farthest that share is from formula in chances.csv");
    found.facts.add("pairs", pairs, "", "pairs of commands for each row of chances.csv");
    found.tables.push(table);
    Ok(Figure {
        name: "chances",
        title: "The chance that two simultaneous commands collide".into(),
        caption: "Points on the lines of the formula (long dashes and dots): the simulator agrees with the formula within {off}. Even numbers of acceptors have \
                  relatively smaller fast quorums, hence the zigzag. Held constant: two clients, each acceptor hears either first \
                  with equal chance, {pairs} pairs per point."
            .into(),
        svg: draw(&[panel], 1, 320)?,
    })
}

/// Whether the recovery has a coordinator. Then messages to the acceptors are copied.
fn is_coordinated(recovery: Recovery) -> bool {
    recovery != Recovery::Uncoordinated
}

/// The numbers of clients.
const CROWDS: [u16; 5] = [1, 2, SOME, 8, MOST];
/// The numbers in the sentences.
const SOME: u16 = 4;
const MOST: u16 = 16;

/// A name, the variant, its recovery and quorums.
type Crowd = (&'static str, Variant, Option<Recovery>, QuorumChoice);

/// The clusters with many clients: every variant, those with fast ballots with each recovery and with majority fast
/// quorums.
fn crowded() -> Vec<Crowd> {
    let all = QuorumChoice::Majority;
    let kinds = |variant: &Variant| -> Vec<Crowd> {
        let variant = *variant;
        if !variant.traits().fast {
            return vec![(variant.name(), variant, None, all)];
        }
        let [coordinated, uncoordinated, classic] = RECOVERIES;
        vec![
            ("coordinated", variant, Some(coordinated), all),
            ("uncoordinated", variant, Some(uncoordinated), all),
            ("classic", variant, Some(classic), all),
            ("flexible", variant, Some(coordinated), gaps::FLEXIBLE),
        ]
    };
    Variant::ALL.iter().flat_map(kinds).collect()
}

/// The style of a cluster with many clients.
fn style((_, variant, recovery, quorum): Crowd) -> Style {
    match recovery {
        None => palette::style(variant),
        Some(_) if quorum == gaps::FLEXIBLE => palette::flexible(variant),
        Some(recovery) => palette::recovering(variant, recovery),
    }
}

/// The cost of commands, by cluster and number of clients.
fn crowds(setting: &Setting, lab: &mut Lab<'_>) -> Result<Measured<Cost>, LabError> {
    let cases: Vec<(Crowd, u16)> =
        crowded().into_iter().flat_map(|crowd| CROWDS.map(|clients| (crowd, clients))).collect();
    let name = |((key, variant, ..), clients): &(Crowd, u16)| format!("{clients} clients, {variant}, {key}");
    let (times, seed) = (setting.either(100, 1_500), setting.seed);
    lab.each(&cases, name, |((_, variant, recovery, quorum), clients)| {
        let mut chance = Chance::new(seed, u64::from(*clients));
        let moments = &mut |_| chance.between(Duration::ZERO, MOMENTS);
        let (variant, quorum, clients) = (*variant, *quorum, *clients);
        let recovery = recovery.unwrap_or(Recovery::Coordinated);
        let work = Rounds { variant, quorum, clients, times, seed, moments };
        variant.with(recovery, is_coordinated(recovery), work)
    })
}

/// The facts on the cost with this many clients.
fn tell(facts: &mut Facts, (key, variant, ..): Crowd, clients: u16, cost: &Cost) {
    if ![Variant::Multi, Variant::Fast].contains(&variant) {
        return;
    }
    let meaning = |column: &str| format!("{column} of clients.csv, {clients} clients, {key}");
    let mean = cost.latencies.mean;
    let mut both = |name: &str| {
        facts.add(name, mean, "ms", meaning("mean_ms"));
        facts.add(&format!("{name}_messages"), cost.messages, "", meaning("messages"));
    };
    match (key, clients) {
        (_, MOST) => both(key),
        ("flexible", 1) => both("flexible_one"),
        ("flexible", 2) => both("flexible_two"),
        ("multi", 1) => both("multi_alone"),
        _ => {}
    }
    if key == "flexible" && [SOME, MOST].contains(&clients) {
        let fact = if clients == MOST { "flexible_share" } else { "flexible_some" };
        let share = cost.collided as f64 / cost.clean.max(1) as f64;
        facts.add(fact, share * 100.0, "%", meaning("collided"));
    }
}

/// The latency by number of clients.
fn by_clients(found: &mut Findings, measured: &[Cost]) -> Result<Figure, LabError> {
    let mut table = Table::new(
        "clients",
        &[
            ("clients", "clients that submit a command each, within the moments of summary.csv"),
            ("variant", "the variant"),
            ("recovery", "the recovery from a collision; empty: there are no collisions"),
            ("quorum", "the quorum system"),
            ("mean_ms", "mean latency, in ms"),
            ("p99_ms", "99th percentile of the latency, in ms"),
            ("messages", "messages per command"),
            (
                "collided",
                "the share of rounds in which no command had a fast quorum in the first slot, among those that began without a vote there; empty: no fast ballots",
            ),
        ],
    );
    let mut time = Panel::new("", Axis::new("clients").log(), Axis::new("mean latency (ms)"));
    let mut sent = Panel::new("", Axis::new("clients").log(), Axis::new("messages per command"));
    let mut rate =
        Panel::new("", Axis::new("clients").log(), Axis::new("rounds that collide (share)").range(0.0, 1.05));
    for (crowd, costs) in crowded().into_iter().zip(measured.chunks(CROWDS.len())) {
        let (_, variant, recovery, quorum) = crowd;
        let (mut means, mut messages, mut rates) = (Vec::new(), Vec::new(), Vec::new());
        for (clients, cost) in CROWDS.into_iter().zip(costs) {
            let Summary { mean, p99, .. } = cost.latencies;
            tell(&mut found.facts, crowd, clients, cost);
            let name = recovery.map(|recovery| recovery.to_string());
            let collided = recovery.map(|_| cost.collided as f64 / cost.clean.max(1) as f64);
            let (quorum, messages_each) = (quorum.to_string(), cost.messages);
            table.push(row![clients, variant.name(), name, quorum, mean, p99, messages_each, collided]);
            rates.extend(collided.map(|collided| (f64::from(clients), collided)));
            means.extend(mean.map(|mean| (f64::from(clients), mean)));
            messages.push((f64::from(clients), cost.messages));
        }
        let style = style(crowd);
        time.line(style.clone(), means);
        sent.line(style.clone(), messages);
        if recovery.is_some() {
            rate.line(style, rates);
        }
    }
    found.facts.add("most", MOST, "", "the most clients of clients.csv");
    found.facts.add("some_clients", SOME, "", "the clients that flexible_some is of");
    found.tables.push(table);
    Ok(Figure {
        name: "clients",
        title: "Latency, messages and collisions against the number of clients".into(),
        caption: "With one client, Fast Paxos is faster. More clients at a time take the gain away, by collisions and because each command that loses a slot is voted for again in a later one: majority fast quorums lose it, too, where no round collides. \
                  Recovery proposes all commands that wait in one batch, so with many clients classic recovery takes fewer messages per command ({classic_messages}) than Multi-Paxos ({multi_messages}), whose leader proposes each command as it comes. In Multi-Paxos the leader orders the \
                  commands, so none collides and the messages stay the same; its mean goes from {multi_alone} with one client to {multi} with {most}, because commands are executed in the \
                  order of their slots and so wait for earlier ones. Basic Paxos and Simple Paxos have one proposer here, and agree. Right: the share of rounds in which no command has a fast quorum in the first slot. Held constant: {servers} servers, every client submits one command at a \
                  random moment within {moments}, delays of {shortest_delay} plus {delay_on_top} on average."
            .into(),
        svg: draw(&[time, sent, rate], 3, 300)?,
    })
}
