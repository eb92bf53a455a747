//! From Basic Paxos to Fast Paxos, one idea at a time: the gain of each, and the cost of a sync at each step. Variants that
//! are no step on this way follow, with all ideas that they can have.

use super::disk::Waits;
use super::work::{self, Arrivals, Served, Work};
use crate::lab::cluster::Shape;
use crate::lab::experiments::chart::{Axis, Figure, Panel, bars, draw, palette, stacked};
use crate::lab::experiments::data::Table;
use crate::lab::experiments::{Experiment, Findings, Lab, LabError, Setting};
use crate::row;
use crate::theory::{Learning, Recovery};
use crate::variants::Variant;
use paxos_core::{Announce, Config};
use paxos_transport::sim::{Delay, Disk, Service};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The experiment.
pub(in crate::lab::experiments::all) const EXPERIMENT: Experiment = Experiment {
    name: "ablation",
    question: "What does each idea between Basic Paxos and Fast Paxos gain, in messages, delays and commands per second?",
    source: "Lamport, Paxos Made Simple (2001) and Fast Paxos (2006); van Renesse, Altinbuken, Paxos Made Moderately Complex (2015); Santos, \
             Schiper, Tuning Paxos for High-Throughput with Batching and Pipelining (2012).",
    sites: 0,
    run,
};

const SERVERS: u16 = 5;
const CLIENTS: u16 = 64;
/// The number of commands that each client has in progress.
const IN_FLIGHT: usize = 4;
const BATCH: usize = 16;
/// The mean time of a sync.
const SYNC: Duration = Duration::from_millis(5);

/// A step. Each adds one idea to the step before. The last one leaves out the ideas that need a leader.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Step {
    /// Each command takes two phases, and all servers hear votes.
    Basic,
    /// Only the leader hears votes. It tells the others.
    Simple,
    /// Phase 1 runs once.
    Multi,
    /// The leader asks only a quorum.
    Thrifty,
    /// The leader announces what is chosen in its next phase 2a.
    Piggyback,
    /// A message has many commands.
    Batch,
    /// Many batches are in progress.
    Pipeline,
    /// Clients ask the acceptors.
    Fast,
    /// Another variant, with batches and a pipeline.
    Other(Variant),
}

impl Step {
    const WAY: [Self; 8] = [
        Self::Basic,
        Self::Simple,
        Self::Multi,
        Self::Thrifty,
        Self::Piggyback,
        Self::Batch,
        Self::Pipeline,
        Self::Fast,
    ];

    /// The steps on the way, and the variants that are none of them.
    fn all() -> Vec<Self> {
        let is_other = |variant: &Variant| Self::WAY.iter().all(|step| step.variant() != *variant);
        let others = Variant::ALL.iter().copied().filter(is_other).map(Self::Other);
        Self::WAY.into_iter().chain(others).collect()
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Other(variant) => variant.name(),
            Self::Basic => "basic",
            Self::Simple => "simple",
            Self::Multi => "multi",
            Self::Thrifty => "thrifty",
            Self::Piggyback => "piggyback",
            Self::Batch => "batch",
            Self::Pipeline => "pipeline",
            Self::Fast => "fast",
        }
    }

    const fn variant(self) -> Variant {
        match self {
            Self::Basic => Variant::Basic,
            Self::Simple => Variant::Simple,
            Self::Multi | Self::Thrifty | Self::Piggyback | Self::Batch | Self::Pipeline => Variant::Multi,
            Self::Fast => Variant::Fast,
            Self::Other(variant) => variant,
        }
    }

    fn config(self, waits: Waits) -> Result<Config, LabError> {
        let learning = if self == Self::Basic { Learning::Everyone } else { Learning::Distinguished };
        let leads = self < Self::Fast;
        let thrifty = leads && self >= Self::Thrifty;
        let quorum = waits.quorums(SERVERS);
        let mut config =
            Shape { learning, thrifty, quorum, ..Shape::collapsed(self.variant(), SERVERS) }.config()?;
        if leads && self >= Self::Piggyback {
            config.announce = Announce::WithNext;
        }
        config.limits.batch = if self >= Self::Batch { BATCH } else { 1 };
        // Without a pipeline, the next batch waits until the commands of the last one are chosen.
        config.limits.window =
            if self >= Self::Pipeline { config.limits.window } else { config.limits.batch };
        Ok(config)
    }

    fn serve(
        self,
        waits: Waits,
        set: impl FnOnce(&mut Work),
        commands: u64,
        seed: u64,
    ) -> Result<Served, LabError> {
        let mut work = Work::new(self.config(waits)?, commands, seed);
        set(&mut work);
        self.variant().with(Recovery::Coordinated, true, work)
    }
}

/// The measurements of a step.
#[derive(Serialize, Deserialize)]
struct Gain {
    messages: f64,
    delays: f64,
    rate: f64,
    /// Messages per command under load.
    loaded: f64,
    /// Latency in milliseconds with constant syncs, with exponential syncs, and with these if the leader waits for its
    /// own.
    synced: [Option<f64>; 3],
}

fn measure(step: Step, setting: &Setting) -> Result<Gain, LabError> {
    let (few, many) = (setting.either(100, 1_000), setting.either(4_000, 40_000));
    let seed = setting.seed;
    let alone = step.serve(Waits::Quorum, |_| (), few, seed)?;
    let loaded = |work: &mut Work| {
        work.links = work::links();
        work.service = Service::each(work::MESSAGE);
        (work.clients, work.arrivals) = (CLIENTS, Arrivals::InTurn(IN_FLIGHT));
    };
    let Served { rate, messages: loaded, .. } = step.serve(Waits::Quorum, loaded, many, seed)?;
    let synced = |sync: Delay, waits: Waits| -> Result<Option<f64>, LabError> {
        let set = |work: &mut Work| work.disk = Disk::with_sync(sync);
        Ok(step.serve(waits, set, few, seed)?.latencies.mean)
    };
    let constant = synced(Delay::Constant(SYNC), Waits::Quorum)?;
    let exponential = Delay::Exponential { min: Duration::ZERO, mean: SYNC };
    // Fast quorums do not need the leader, so there is nothing to compare with.
    let own = if step.variant().traits().fast { None } else { synced(exponential, Waits::Own)? };
    let synced = [constant, synced(exponential, Waits::Quorum)?, own];
    let delays = alone.latencies.mean.unwrap_or_default();
    Ok(Gain { messages: alone.messages, delays, rate, loaded, synced })
}

fn run(setting: &Setting, lab: &mut Lab<'_>) -> Result<Findings, LabError> {
    let mut found = Findings::default();
    found.held("servers", SERVERS, "");
    work::costs(&mut found);
    found.held("clients", CLIENTS, "");
    found.held("commands of a client in progress", IN_FLIGHT, "");
    found.constant("messages, delays and syncs", "one client, one command at a time, {alone} per message");
    found.facts.set("alone", work::ALONE.as_secs_f64() * 1e3, "ms");
    found.held("batch", BATCH, "");
    found.facts.set("sync", SYNC.as_secs_f64() * 1e3, "ms");
    found.constant("sync", "{sync}, constant or exponential with that mean");
    let mut table = Table::new(
        "ablation",
        &[
            ("step", "the idea added to the step before; fast: instead of thrifty and piggyback"),
            ("variant", "the variant"),
            (
                "messages",
                "messages per command, one command at a time, so no batch has more than one; basic: every server hears votes, else the leader",
            ),
            ("delays", "message delays from request to answer, one command at a time"),
            ("rate", "commands per second under load"),
            ("loaded_messages", "messages per command under load"),
            ("gain", "rate divided by that of the step before"),
            ("sync_ms", "latency with constant syncs, in ms"),
            ("exponential_ms", "mean latency with exponential syncs, in ms"),
            (
                "own_ms",
                "the same if the leader waits for its own sync too, in ms; empty: fast quorums need no leader",
            ),
        ],
    );
    let name = |step: &Step| format!("step to {}", step.name());
    let steps = Step::all();
    let measured = lab.each(&steps, name, |step| measure(*step, setting))?.all()?;
    let all: Vec<(Step, Gain)> = steps.into_iter().zip(measured).collect();
    let mut before: Option<&Gain> = None;
    for (step, measured) in &all {
        let name = step.name();
        let gain = before.map(|before| measured.rate / before.rate);
        let [constant, exponential, own] = measured.synced;
        table.push(row![
            name,
            step.variant().name(),
            measured.messages,
            measured.delays,
            measured.rate,
            measured.loaded,
            gain,
            constant,
            exponential,
            own
        ]);
        let facts = &mut found.facts;
        let mut add = |key: &str, value: Option<f64>, unit: &str| {
            facts.add(&format!("{key}_{name}"), value, unit, format!("{key} of ablation.csv, {name}"));
        };
        add("messages", Some(measured.messages), "");
        add("delays", Some(measured.delays), "");
        add("rate", Some(measured.rate), "");
        add("loaded_messages", Some(measured.loaded), "");
        add("sync_ms", constant, "ms");
        add("exponential_ms", exponential, "ms");
        add("own_ms", own, "ms");
        let waited = constant.map(|latency| (latency - measured.delays) / (SYNC.as_secs_f64() * 1e3));
        facts.add(
            &format!("syncs_{name}"),
            waited,
            "",
            format!("(sync_ms − delays × alone) / sync of ablation.csv, {name}"),
        );
        before = Some(measured);
    }
    found.tables.push(table);
    found.figures = vec![by_step(&all)?, syncs(&all)?];
    found.lessons = vec![
        "For a single command, votes for the leader alone save the most messages (from {messages_basic} to {messages_simple}), and phase 1 once saves messages and two delays (to {messages_multi}, and from {delays_simple} to {delays_multi}). \
         Thrifty and piggyback save messages only, down to {messages_piggyback}. Batches and a pipeline bring throughput: from {rate_piggyback} commands per second to {rate_batch} and {rate_pipeline}. Fast Paxos saves one more delay."
            .into(),
        "Under load a batch shares the messages: {loaded_messages_piggyback} per command become {loaded_messages_batch} with batches and {loaded_messages_pipeline} with a pipeline as well. One command at a time, batches have one command each, so they save nothing there."
            .into(),
        "Fast Paxos has the fewest delays ({delays_fast}) but not the highest throughput: {rate_fast} commands per second from {clients} clients whose commands collide."
            .into(),
        "With a constant sync of {sync} a command takes {sync_ms_multi} in Multi-Paxos, which waits for {syncs_multi} sync, and {sync_ms_basic} in Basic Paxos, which waits for {syncs_basic}: for \
         the proposer's ballot, for promises and for votes."
            .into(),
        "With exponential syncs Multi-Paxos takes {exponential_ms_multi}, and {own_ms_multi} if its leader waits for its own disk. Asking only a quorum loses this gain: \
         {exponential_ms_thrifty}, because the leader waits for all that it asks."
            .into(),
    ];
    Ok(found)
}

/// Makes a panel with a bar for each step, in the colour of its variant.
fn panel(title: &str, axis: Axis, all: &[(Step, Gain)], of: impl Fn(&Gain) -> f64) -> Panel {
    let names: Vec<String> = all.iter().map(|(step, _)| step.name().to_owned()).collect();
    let parts: Vec<_> = Variant::ALL
        .iter()
        .map(|variant| {
            let style = palette::style(*variant).bar();
            let value = |(step, gain): &(Step, Gain)| if step.variant() == *variant { of(gain) } else { 0.0 };
            (style, all.iter().map(value).collect())
        })
        .collect();
    stacked(title, &names, axis, &parts)
}

fn by_step(all: &[(Step, Gain)]) -> Result<Figure, LabError> {
    let linear = |axis: &str| Axis::new(axis);
    // From half of the least to twice the most, so that small rates can be read, too.
    let rates = all.iter().map(|(_, measured)| measured.rate / 1e3);
    let (least, most) = rates.fold((f64::MAX, 0.0_f64), |(low, high), rate| (low.min(rate), high.max(rate)));
    let rate = Axis::new("1,000 commands / s").log().range(least / 2.0, most * 2.0);
    let sync = format!("a constant sync of {} ms", SYNC.as_millis());
    let panels = [
        panel("messages", linear("messages per command"), all, |measured| measured.messages),
        panel("delays", linear("delays from request to answer"), all, |measured| measured.delays),
        panel("throughput", rate, all, |measured| measured.rate / 1e3),
        panel("messages under load", linear("messages per command"), all, |measured| measured.loaded),
        panel(&sync, linear("latency (ms)"), all, |measured| measured.synced[0].unwrap_or_default()),
    ];
    Ok(Figure {
        name: "steps",
        title: "From Basic to Fast Paxos, step by step".into(),
        caption: "From top to bottom each step adds an idea; Fast Paxos leaves out thrifty and piggyback. In Basic Paxos every server hears every vote, which makes {messages_basic} messages; in the other steps only the leader \
                  hears votes, as in the figures of the experiment counts, where Basic Paxos takes {messages_simple} in this way. The ideas for leaders first save messages and then \
                  share them among commands; delays fall only where a phase or a hop is removed. Batches save messages only under load: one command at a time is a batch of one. The bars of throughput are on a log scale, where their ends can be compared and their lengths cannot. Held constant: {servers} servers; for the throughput and the messages under load, {clients} clients with \
                  {commands_of_a_client_in_progress} commands in progress and {cost_of_a_message} at each end of a message; for the rest, one command at a time and {alone} per message."
            .into(),
        svg: draw(&panels, 2, 270)?,
    })
}

fn syncs(all: &[(Step, Gain)]) -> Result<Figure, LabError> {
    let names: Vec<String> = all.iter().map(|(step, _)| step.name().to_owned()).collect();
    let names_of = ["constant", "exponential", "exponential, leader waits for its disk"];
    let series: Vec<_> = names_of
        .into_iter()
        .enumerate()
        .map(|(at, name)| {
            let style = palette::series(at, name).bar();
            (style, all.iter().map(|(_, gain)| gain.synced[at]).collect())
        })
        .collect();
    let chart = bars("", &names, Axis::new("mean latency (ms)"), &series);
    Ok(Figure {
        name: "syncs",
        title: format!("Latency with disks that sync in {} ms", SYNC.as_millis()),
        caption: "Colours are distributions of the sync time here. A leader that waits for its own disk suffers from the variance, and so does one that asks only a quorum. \
                  Held constant: {servers} servers, {alone} per message, one command at a time, a mean sync of {sync}."
            .into(),
        svg: draw(&[chart], 1, 320)?,
    })
}
