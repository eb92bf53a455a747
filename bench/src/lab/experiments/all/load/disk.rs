//! Disks: the cost of a sync if its time varies, if one disk is slow, and if a leader has to wait for its own disk.

mod variants;

use super::work::{Arrivals, Work};
use crate::lab::cluster::Shape;
use crate::lab::experiments::chart::palette::{GREY, SERIES};
use crate::lab::experiments::chart::{Axis, Dash, Figure, Marker, Panel, Style, draw};
use crate::lab::experiments::data::Table;
use crate::lab::experiments::sample::{Sample, Summary};
use crate::lab::experiments::{Experiment, Findings, Lab, LabError, Measured, Setting};
use crate::lab::quorums::{Expression, QuorumChoice, System};
use crate::row;
use crate::theory::Recovery;
use crate::variants::Variant;
use paxos_core::NodeId;
use paxos_transport::sim::{Chance, Delay, Disk};
use std::sync::OnceLock;
use std::time::Duration;

/// The experiment.
pub(in crate::lab::experiments::all) const EXPERIMENT: Experiment = Experiment {
    name: "disk",
    question: "What does a sync cost when its time varies or one disk is slow, and must a leader wait for its own disk?",
    source: "Lamport, Paxos Made Simple (2001): an acceptor writes before it answers; a quorum of acceptors is enough. Ongaro, Consensus: \
             Bridging Theory and Practice (2014), section 10.2.1: a leader may write while its followers do.",
    sites: 0,
    run,
};

/// The delay of a message, in milliseconds.
const ONE_WAY: f64 = 1.0;
/// The mean time of a sync, in milliseconds.
const SYNC: f64 = 5.0;

/// The numbers of servers.
const FEW: u16 = 3;
const MORE: u16 = 5;

/// The syncs that a command waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waits {
    /// Those of any quorum. The leader is an acceptor like the others.
    Quorum,
    /// Those of a quorum that contains the leader.
    Own,
}

impl Waits {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Quorum => "any quorum",
            Self::Own => "its own too",
        }
    }

    /// Each has its colour.
    fn style(self, name: String) -> Style {
        Style::new(name, SERIES[usize::from(self == Self::Own)])
    }

    /// Majorities. If the leader n0 must be in it, a phase 2 quorum is n0 and as many others as make a majority.
    pub(super) fn quorums(self, servers: u16) -> QuorumChoice {
        // There is one system for 1 or 2 servers, one for 3 or 4, and so on. They live as long as the process.
        static OWN: [OnceLock<System>; 4] = [const { OnceLock::new() }; 4];
        if self == Self::Quorum {
            return QuorumChoice::Majority;
        }
        let majority = usize::from(servers / 2 + 1);
        let places = |from: u16| (from..servers).map(Expression::Place).collect::<Vec<_>>();
        let others = Expression::KOf(majority - 1, places(1));
        let rules = vec![
            Expression::KOf(majority, places(0)),
            Expression::KOf(2, vec![Expression::Place(0), others]),
        ];
        QuorumChoice::Other(OWN[usize::from(servers / 2)].get_or_init(|| System::Rule(rules)))
    }

    /// The time of a command in milliseconds if the disks take `syncs`, the leader's first. The leader's vote counts
    /// when its disk is done, any other vote a round trip later, and the client is one way from the leader.
    fn calculated(self, syncs: &[f64]) -> f64 {
        let votes: Vec<f64> = syncs
            .iter()
            .enumerate()
            .map(|(at, sync)| if at > 0 { 2.0 * ONE_WAY + sync } else { *sync })
            .collect();
        let majority = syncs.len() / 2 + 1;
        let decided = match self {
            Self::Quorum => Sample::new(votes).nth(majority - 1),
            Self::Own => Sample::new(votes[1..].to_vec()).nth(majority - 2).max(votes[0]),
        };
        2.0 * ONE_WAY + decided
    }
}

/// Consecutive commands.
struct Commands {
    variant: Variant,
    servers: u16,
    waits: Waits,
    sync: Delay,
    slow: Option<(u16, Duration)>,
    count: u64,
    seed: u64,
}

impl Commands {
    fn measure(&self) -> Result<Summary, LabError> {
        let quorum = self.waits.quorums(self.servers);
        let config = Shape { quorum, ..Shape::collapsed(self.variant, self.servers) }.config()?;
        let slow = self.slow.map(|(node, sync)| (NodeId(node), Delay::Constant(sync)));
        let (disk, syncs) = (Disk::with_sync(self.sync), slow.into_iter().collect());
        // The next command is submitted when all disks are idle again.
        let work =
            Work { disk, syncs, arrivals: Arrivals::Together, ..Work::new(config, self.count, self.seed) };
        Ok(self.variant.with(Recovery::Coordinated, true, work)?.latencies)
    }

    /// Calculates the latencies directly, with separate random draws.
    fn calculate(&self) -> Sample {
        let mut chance = Chance::new(self.seed, 60);
        let mut draw = |node: u16| match self.slow {
            Some((slow, sync)) if slow == node => sync.as_secs_f64() * 1e3,
            _ => self.sync.draw(&mut chance).as_secs_f64() * 1e3,
        };
        let times = (0..20_000).map(|_| {
            let syncs: Vec<f64> = (0..self.servers).map(&mut draw).collect();
            self.waits.calculated(&syncs)
        });
        Sample::new(times.collect())
    }
}

/// Sync times with a mean of 5 ms and this spread (standard deviation divided by mean).
fn spread(share: f64) -> Delay {
    let ms = |ms: f64| Duration::from_secs_f64(ms / 1e3);
    Delay::Exponential { min: ms(SYNC * (1.0 - share)), mean: ms(SYNC * share) }
}

fn run(setting: &Setting, lab: &mut Lab<'_>) -> Result<Findings, LabError> {
    let mut found = Findings::default();
    found.constant("commands", "one at a time; the variant is multi where no other is named");
    found.held("delay of a message", ONE_WAY, "ms");
    found.facts.set("sync", SYNC, "ms");
    found.constant("sync", "{sync} on average, one for all waiting writes");
    found.facts.set("few", FEW, "");
    found.facts.set("more", MORE, "");
    found.constant("leader", "n0 throughout: it does not hand over although its disk is slow");
    let (by_spread, by_sync) = (by_spread(setting, lab)?, by_sync(setting, lab)?);
    let by_variant = variants::by_variant(setting, lab)?;
    let spreads = spreads(&mut found, setting, &by_spread.all()?)?;
    let slow = slow(&mut found, &by_sync.all()?)?;
    let variants = variants::variants(&mut found, &by_variant.all()?)?;
    found.figures = vec![spreads, slow, variants];
    found.lessons = vec![
        "With equal disks a command takes {constant} on {few} servers, whichever disks it waits for: four message delays and one sync. With exponential syncs it takes \
         {any_few} if any two of three disks suffice, and {own_few} if the leader's must be one of them."
            .into(),
        "A quorum hides the slowest disks: with exponential syncs the slowest hundredth of the commands takes {late_any_few} or more on {few} servers and {late_any_more} on {more}, of which any majority suffices, but \
         {late_own_few} and {late_own_more} if the leader waits for its own disk."
            .into(),
        "A cluster of {few} with one slow disk is as fast as its second fastest disk: if the leader's disk takes {slowest}, a command takes {slow_any} if any two disks suffice, and \
         {slow_own} if the leader waits for its own. A follower's slow disk costs nothing in either case ({slow_follower})."
            .into(),
        "The simulator agrees with a direct calculation from the order of votes within {off} of the mean.".into(),
    ];
    Ok(found)
}

/// The spreads of sync times.
const SPREADS: [f64; 6] = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0];

/// The latencies in the simulator, and their mean by direct calculation.
type Both = (Summary, Option<f64>);

/// The clusters with disks that vary, and how their lines look.
const VARYING: [(u16, Waits, Dash, Marker); 4] = [
    (FEW, Waits::Quorum, Dash::Solid, Marker::Circle),
    (FEW, Waits::Own, Dash::Long, Marker::Triangle),
    (MORE, Waits::Quorum, Dash::Mixed, Marker::Ring),
    (MORE, Waits::Own, Dash::Double, Marker::Cross),
];

/// The latencies by cluster and spread of sync times.
fn by_spread(setting: &Setting, lab: &mut Lab<'_>) -> Result<Measured<Both>, LabError> {
    let cases: Vec<(u16, Waits, f64)> = VARYING
        .into_iter()
        .flat_map(|(servers, waits, ..)| SPREADS.map(|share| (servers, waits, share)))
        .collect();
    let name = |(servers, waits, share): &(u16, Waits, f64)| {
        format!("{servers} servers, {}, spread {share}", waits.name())
    };
    let (count, seed) = (setting.either(400, 8_000), setting.seed);
    lab.each(&cases, name, |(servers, waits, share)| {
        let (servers, waits, sync) = (*servers, *waits, spread(*share));
        let work = Commands { variant: Variant::Multi, servers, waits, sync, slow: None, count, seed };
        Ok((work.measure()?, work.calculate().mean()))
    })
}

fn spread_axis() -> Axis {
    Axis::new("spread of sync times (standard deviation / mean)")
}

/// Latency by the spread of sync times.
fn spreads(found: &mut Findings, setting: &Setting, both: &[Both]) -> Result<Figure, LabError> {
    let commands: u64 = setting.either(400, 8_000);
    let mut table = Table::new(
        "spread",
        &[
            ("servers", "the number of servers"),
            ("waits", "the syncs that a command waits for: any quorum's, or the leader's as well"),
            (
                "spread",
                "standard deviation of the sync time divided by its mean; 0: constant, 1: exponential",
            ),
            ("mean_ms", "mean latency, in ms"),
            ("p50_ms", "median latency, in ms"),
            ("p99_ms", "99th percentile of the latency, in ms"),
            ("calculated_ms", "mean latency by direct calculation from the order of votes, in ms"),
        ],
    );
    let axes = || (spread_axis(), Axis::new("latency (ms)"));
    let ((mean_x, mean_y), (late_x, late_y)) = (axes(), axes());
    let mut mean = Panel::new("mean", mean_x, mean_y.range(0.0, 10.0));
    let mut late = Panel::new("99th percentile", late_x, late_y);
    let mut off = 0.0_f64;
    for ((servers, waits, dash, marker), both) in VARYING.into_iter().zip(both.chunks(SPREADS.len())) {
        let (mut means, mut lates, mut formulas) = (Vec::new(), Vec::new(), Vec::new());
        for (share, (times, formula)) in SPREADS.into_iter().zip(both.iter().copied()) {
            let (Some(average), Some(calculated)) = (times.mean, formula) else { continue };
            off = off.max((average / calculated - 1.0).abs());
            let p99 = times.p99;
            table.push(row![servers, waits.name(), share, average, times.p50, p99, calculated]);
            means.push((share, average));
            lates.extend(p99.map(|p99| (share, p99)));
            formulas.push((share, calculated));
            let meaning =
                format!("mean_ms of spread.csv, {servers} servers, {}, spread {share}", waits.name());
            let key = if waits == Waits::Own { "own" } else { "any" };
            if share >= 1.0 {
                let late =
                    format!("p99_ms of spread.csv, {servers} servers, {}, spread {share}", waits.name());
                let number = if servers == FEW { "few" } else { "more" };
                found.facts.add(&format!("late_{key}_{number}"), p99, "ms", late);
                found.facts.add(&format!("{key}_{number}"), average, "ms", meaning);
            } else if share <= 0.0 && (servers, waits) == (FEW, Waits::Quorum) {
                found.facts.add("constant", average, "ms", meaning);
            }
        }
        let style = waits.style(format!("{servers} servers, {}", waits.name())).dash(dash).marker(marker);
        mean.line(style.clone(), means);
        mean.line(Style::new("calculated", GREY).points().marker(Marker::Halo), formulas);
        late.line(style, lates);
    }
    found.facts.add("off", off * 100.0, "%", "the farthest that mean_ms is from calculated_ms in spread.csv");
    found.facts.add("commands", commands, "", "commands of each row of spread.csv");
    found.tables.push(table);
    Ok(Figure {
        name: "spread",
        title: "Latency against the spread of sync times".into(),
        caption: "The spread is the standard deviation of the sync time divided by its mean: left the time is constant, right it is exponential. Where any quorum suffices (as shipped), the slowest disks do not matter. A leader that must also wait for its own disk cannot avoid a slow one. \
                  Wide rings: by direct calculation. Colours are the syncs that a command waits for, dashes and markers also the number of servers. Held constant: Multi-Paxos, a mean sync of {sync}, messages of {delay_of_a_message}, \
                  one command at a time, {commands} commands per point."
            .into(),
        svg: draw(&[mean, late], 2, 320)?,
    })
}

/// The sync times of the slow disk, in milliseconds.
const SYNCS: [u64; 5] = [5, 10, 20, 50, SLOWEST];
const SLOWEST: u64 = 100;

/// The process with the slow disk, what commands wait for, and how the line looks.
type Slow = (&'static str, u16, Waits, Dash, Marker);
const SLOW: [Slow; 4] = [
    ("leader", 0, Waits::Quorum, Dash::Solid, Marker::Circle),
    ("leader", 0, Waits::Own, Dash::Long, Marker::Triangle),
    ("follower", 1, Waits::Quorum, Dash::Mixed, Marker::Ring),
    ("follower", 1, Waits::Own, Dash::Double, Marker::Cross),
];

/// The mean latencies by the process with the slow disk, and its sync time.
fn by_sync(setting: &Setting, lab: &mut Lab<'_>) -> Result<Measured<Both>, LabError> {
    let cases: Vec<(Slow, u64)> = SLOW.into_iter().flat_map(|slow| SYNCS.map(|sync| (slow, sync))).collect();
    let name = |((whose, _, waits, ..), sync): &(Slow, u64)| {
        format!("a slow disk of {sync} ms at a {whose}, {}", waits.name())
    };
    let (count, seed) = (setting.either(50, 500), setting.seed);
    lab.each(&cases, name, |((_, node, waits, ..), sync)| {
        let slow = Some((*node, Duration::from_millis(*sync)));
        let (variant, servers, waits, sync) = (Variant::Multi, FEW, *waits, spread(0.0));
        let work = Commands { variant, servers, waits, sync, slow, count, seed };
        Ok((work.measure()?, work.calculate().mean()))
    })
}

/// Latency by the sync time of one slow disk.
fn slow(found: &mut Findings, both: &[Both]) -> Result<Figure, LabError> {
    let mut table = Table::new(
        "slow",
        &[
            ("slow", "whose disk is slow"),
            ("waits", "the syncs that a command waits for: any quorum's, or the leader's as well"),
            (
                "sync_ms",
                "the sync time of the slow disk, in ms; that of the two others is sync of summary.csv",
            ),
            ("mean_ms", "mean latency, in ms"),
            ("calculated_ms", "by direct calculation, in ms"),
        ],
    );
    let mut panel =
        Panel::new("", Axis::new("sync of the slow disk (ms)").log(), Axis::new("mean latency (ms)").log());
    for ((whose, _, waits, dash, marker), both) in SLOW.into_iter().zip(both.chunks(SYNCS.len())) {
        let mut points = Vec::new();
        for (sync, (Summary { mean, .. }, calculated)) in SYNCS.into_iter().zip(both.iter().copied()) {
            table.push(row![whose, waits.name(), sync, mean, calculated]);
            points.extend(mean.map(|mean| (sync as f64, mean)));
            if sync == SLOWEST {
                let key = match (whose, waits) {
                    ("leader", Waits::Quorum) => "slow_any",
                    ("leader", Waits::Own) => "slow_own",
                    (_, Waits::Quorum) => "slow_follower",
                    (_, Waits::Own) => "slow_follower_own",
                };
                let meaning = format!("mean_ms of slow.csv, {whose}, {}, slowest", waits.name());
                found.facts.add(key, mean, "ms", meaning);
            }
        }
        let style = waits.style(format!("slow {whose}, {}", waits.name())).dash(dash).marker(marker);
        panel.line(style, points);
    }
    found.facts.add("slowest", SLOWEST, "ms", "the greatest sync_ms of slow.csv");
    found.tables.push(table);
    Ok(Figure {
        name: "slow",
        title: "Latency with one slow disk of three".into(),
        caption: "Three of the lines coincide: the cluster is as fast as its second fastest disk, unless the slow disk is the leader's and the \
                  leader waits for it. Colours are what is waited for; dashes and markers are also whose disk is slow. Held constant: {few} servers with Multi-Paxos, the two other disks sync in {sync}, messages of {delay_of_a_message}."
            .into(),
        svg: draw(&[panel], 1, 340)?,
    })
}
