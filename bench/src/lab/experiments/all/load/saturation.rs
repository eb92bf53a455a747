//! Load: latency against the offered load, up to the knee and beyond, and the load of the busiest process.

use super::work::{self, Arrivals, MESSAGE, Served, Work};
use crate::lab::cluster::Shape;
use crate::lab::experiments::chart::palette::{self, GREY};
use crate::lab::experiments::chart::{Axis, Dash, Figure, Marker, Panel, Style, draw, stacked};
use crate::lab::experiments::data::Table;
use crate::lab::experiments::sample::Summary;
use crate::lab::experiments::{Experiment, Findings, Lab, LabError, Measured, Setting};
use crate::lab::quorums::{QuorumChoice, System};
use crate::row;
use crate::theory::{Layout, Recovery, Run};
use crate::variants::Variant;
use paxos_core::{Phase, QuorumError};
use paxos_transport::sim::Service;
use std::time::Duration;

/// The experiment.
pub(in crate::lab::experiments::all) const EXPERIMENT: Experiment = Experiment {
    name: "saturation",
    question: "How many commands can each variant serve, how does latency grow with the load, and is the busiest process the limit?",
    source: "Ailijiang, Charapko, Demirbas, Dissecting the Performance of Strongly-Consistent Replication Protocols (2019): the load of \
             the busiest process bounds throughput. Grids: Whittaker et al., Scaling Replicated State Machines with Compartmentalization (2021).",
    sites: 0,
    run,
};

const SERVERS: u16 = 5;
const CLIENTS: u16 = 64;
/// The offered loads, as shares of the capacity by the formula.
const OFFERED: [f64; 11] = [0.1, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0, 1.2, 1.5];
/// The offered load near the knee that a sentence is about.
const MOST: f64 = OFFERED[7];
/// The batches in the sentences.
const BATCHES: [usize; 2] = [16, 256];
/// A grid of two rows and three columns. A whole column is a phase 2 quorum.
static GRID: System = System::Grid(2, 3, false);

/// A cluster to put under load.
#[derive(Clone, Copy, Debug)]
struct Case {
    name: &'static str,
    shape: Shape,
    batch: usize,
}

impl Case {
    fn new(name: &'static str, variant: Variant, batch: usize) -> Self {
        Self { name, shape: Shape::collapsed(variant, SERVERS), batch }
    }

    fn thrifty(name: &'static str, servers: u16, quorum: QuorumChoice) -> Self {
        let shape = Shape { thrifty: true, quorum, ..Shape::collapsed(Variant::Multi, servers) };
        Self { name, shape, batch: 1 }
    }

    fn separate(name: &'static str, learners: u16) -> Self {
        let shape = Shape { layout: Layout::Separate, learners, ..Shape::collapsed(Variant::Multi, SERVERS) };
        Self { name, shape, batch: 1 }
    }

    fn work(&self, commands: u64, seed: u64) -> Result<Work, QuorumError> {
        let mut config = self.shape.config()?;
        config.limits.batch = self.batch;
        Ok(Work::new(config, commands, seed))
    }

    /// The messages per command that the leader sends and receives: the request and the answer, and, shared by a batch,
    /// phase 2a, the votes, and what it tells the learners. A fast ballot needs no phase 2a.
    fn formula(&self) -> Result<f64, QuorumError> {
        let config = self.shape.config()?;
        let me = config.proposers.smallest().unwrap_or_default();
        let others = |set: paxos_core::NodeSet| set.iter().filter(|id| *id != me).count() as f64;
        let asked = if self.shape.thrifty {
            others(config.quorums.minimal_quorum(Phase::TwoClassic, me))
        } else {
            others(config.acceptors())
        };
        let told = others(config.learners);
        let traits = self.shape.variant.traits();
        let phase_one = if traits.runs.contains(&Run::Basic) { 2.0 * asked } else { 0.0 };
        let phase_two = if traits.fast { asked } else { 2.0 * asked };
        let shared = phase_one + phase_two + told;
        Ok(2.0 + shared / self.batch as f64)
    }

    /// The capacity at this load, in commands per second.
    fn capacity(&self) -> Result<f64, QuorumError> {
        Ok(1.0 / (self.formula()? * MESSAGE.as_secs_f64()))
    }
}

fn run(setting: &Setting, lab: &mut Lab<'_>) -> Result<Findings, LabError> {
    let mut found = Findings::default();
    found.held("servers", SERVERS, "");
    found.held("servers in the grid", GRID.acceptors(), "");
    found.constant("separate roles", "one proposer, {servers} acceptors");
    work::costs(&mut found);
    found.held("clients", CLIENTS, "");
    found.constant("arrivals", "open, with exponential gaps");
    let (alone, offered) = (alone(), offered());
    let (counted, swept) = (count(&alone, lab)?, submit(&offered, setting, lab)?);
    let load = load(&mut found, &alone, &counted.all()?)?;
    let (latency, served) = sweep(&mut found, setting, offered, &swept.all()?)?;
    found.figures = vec![latency, served, load];
    found.lessons = vec![
        "On {servers} servers Multi-Paxos serves at most {multi_served} commands per second, Fast Paxos {fast_served} and Basic Paxos {basic_served}; Multi-Paxos serves {middle_served} with batches of {middle_batch} and {large_served} with batches of {large_batch}. \
         The busiest process is the limit of Multi-Paxos: for its messages the formula allows {multi_capacity}."
            .into(),
        format!(
            "In {{cases}} layouts and batches, the messages that the leader sends and receives for one command {}.",
            if found.facts.is_zero("off") { "are as many as the formula says" } else { "differ from the formula by at most {off}" }
        ),
        "A batch divides the leader's messages to servers by its size: from {load_one} messages per command to {load_middle} with {middle_batch} and {load_large} \
         with {large_batch}. Each client's request and answer remain."
            .into(),
        "The queue matters long before the knee: Multi-Paxos answers half of its commands within {multi_half} at half of the load that the formula allows, and within \
         {multi_most} at {most_share}."
            .into(),
        "If commands do not collide, Fast Paxos puts less load on its leader ({fast_formula} messages per command, not {multi_formula}). Under load they collide: it \
         serves {fast_served} commands per second, and the busiest process handles {fast_load} messages for each command even at {least_share} of the load that the formula allows."
            .into(),
        "Asking only a quorum saves the leader more than any choice of quorums: {thrifty_formula} messages per command with majorities, \
         {flexible_formula} with phase 2 quorums of two, and {grid_formula} in a grid of six, whose leader has one more server to tell."
            .into(),
    ];
    Ok(found)
}

/// The clusters whose messages are counted without contention.
fn alone() -> Vec<Case> {
    let batches = [1, 2, 4, BATCHES[0], 64, BATCHES[1]];
    let mut cases: Vec<Case> = batches.map(|batch| Case::new("multi", Variant::Multi, batch)).into();
    let others = Variant::ALL.iter().copied().filter(|variant| *variant != Variant::Multi);
    cases.extend(others.map(|variant| Case::new(variant.name(), variant, 1)));
    cases.extend([
        Case::thrifty("multi, thrifty", SERVERS, QuorumChoice::Majority),
        Case::thrifty("multi, thrifty, |Q2| = 2", SERVERS, QuorumChoice::Flexible(4, 2)),
        Case::thrifty("multi, thrifty, grid of 2 × 3", GRID.acceptors(), QuorumChoice::Other(&GRID)),
        Case::separate("multi, separate, 1 learner", 1),
        Case::separate("multi, separate, 3 learners", 3),
        Case::separate("multi, separate, 9 learners", 9),
    ]);
    cases
}

/// The messages per command at the busiest process, without contention.
fn count(cases: &[Case], lab: &mut Lab<'_>) -> Result<Measured<f64>, LabError> {
    let name = |case: &Case| format!("messages at the leader, {}, batches of {}", case.name, case.batch);
    lab.each(cases, name, |case| {
        let (rounds, clients) = (4, case.batch as u16);
        let work =
            Work { clients, arrivals: Arrivals::Together, ..case.work(rounds * u64::from(clients), 1)? };
        Ok(case.shape.variant.with(Recovery::Coordinated, true, work)?.load)
    })
}

/// The messages at the busiest process without contention, compared with the formula.
fn load(found: &mut Findings, cases: &[Case], measured: &[f64]) -> Result<Figure, LabError> {
    let mut table = Table::new(
        "load",
        &[
            ("case", "the variant, with its layout and quorums"),
            ("servers", "acceptors"),
            ("batch", "commands that arrive together, and the most in one message"),
            ("measured", "messages per command that the busiest process sends and receives"),
            ("formula", "2 + the leader's messages to and from servers, divided by the batch"),
            (
                "capacity",
                "commands per second that the formula allows, at the cost of a message in summary.csv",
            ),
        ],
    );
    let (mut off, mut names, mut counted, mut formulas) = (0.0_f64, Vec::new(), Vec::new(), Vec::new());
    for (case, measured) in cases.iter().zip(measured.iter().copied()) {
        let formula = case.formula()?;
        off = off.max((measured - formula).abs());
        table.push(row![case.name, case.shape.acceptors, case.batch, measured, formula, case.capacity()?]);
        names.push(if case.name == "multi" {
            format!("batch {}", case.batch)
        } else {
            case.name.replace("multi, ", "")
        });
        counted.push(measured);
        formulas.push(formula);
        for (key, batch) in [("one", 1), ("middle", BATCHES[0]), ("large", BATCHES[1])] {
            if (case.name, case.batch) == ("multi", batch) {
                let meaning = format!("measured of load.csv, multi, batch {batch}");
                found.facts.add(&format!("load_{key}"), measured, "", meaning);
            }
        }
        for (name, key) in [
            ("multi", "multi"),
            ("fast", "fast"),
            ("multi, thrifty", "thrifty"),
            ("multi, thrifty, |Q2| = 2", "flexible"),
            ("multi, thrifty, grid of 2 × 3", "grid"),
        ] {
            if case.name == name && case.batch == 1 {
                let meaning = format!("formula of load.csv, {name}, batch 1");
                found.facts.add(&format!("{key}_formula"), formula, "", meaning);
            }
        }
    }
    found.facts.add("middle_batch", BATCHES[0], "", "the batch that load_middle is of");
    found.facts.add("large_batch", BATCHES[1], "", "the batch that load_large is of");
    found.facts.add("cases", cases.len(), "", "rows of load.csv");
    found.facts.add("off", off, "", "the farthest that measured is from formula in load.csv");
    found.tables.push(table);
    let of_variant = |variant: &Variant| {
        let style = palette::style(*variant).bar();
        let mine = cases.iter().zip(&counted);
        (style, mine.map(|(case, n)| if case.shape.variant == *variant { *n } else { 0.0 }).collect())
    };
    let parts: Vec<(Style, Vec<f64>)> = Variant::ALL.iter().map(of_variant).collect();
    let mut panel = stacked("", &names, Axis::new("messages per command"), &parts);
    let rows = formulas.iter().rev().zip(0..).map(|(formula, at)| (*formula, f64::from(at) + 0.5));
    panel.line(Style::new("formula", GREY).points().marker(Marker::Ring), rows);
    Ok(Figure {
        name: "load",
        title: "Messages at the busiest process for one command".into(),
        caption: "Bars are measured, rings calculated{differ}. The leader is the busiest process everywhere. Colours are variants: all bars of Multi-Paxos \
                  are blue. The first bars fall as 1/batch, down to {load_large}: little more than the request and the answer. Each learner adds one message to send. \
                  Held constant: {servers} acceptors (grid: {servers_in_the_grid}), no contention, only the leader hears votes."
            .replace("{differ}", if found.facts.is_zero("off") { ", and they agree" } else { "; they differ by at most {off}" }),
        svg: draw(&[panel], 1, 420)?,
    })
}

/// A cluster, the panels that show it, and how its line looks.
type Line = (Case, &'static [usize], Style);

/// The panels: variants and batches, and quorums of Multi-Paxos.
const PANELS: [&str; 2] = ["variants and batches", "quorums of multi"];

/// The clusters under load: every variant without batches, Multi-Paxos with batches, and Multi-Paxos with quorums of
/// each kind. Multi-Paxos is in both panels, for comparison.
fn offered() -> Vec<Line> {
    let (majority, flexible) = (QuorumChoice::Majority, QuorumChoice::Flexible(4, 2));
    let grid = QuorumChoice::Other(&GRID);
    let line = |variant: &Variant| -> Line {
        let panels: &[usize] = if *variant == Variant::Multi { &[0, 1] } else { &[0] };
        (Case::new(variant.name(), *variant, 1), panels, palette::style(*variant))
    };
    let batched = |name, batch, dash, marker| -> Line {
        let case = Case::new(name, Variant::Multi, batch);
        (case, &[0], palette::style(Variant::Multi).named(name).dash(dash).marker(marker))
    };
    let asking = |nth, case: Case| -> Line { (case, &[1], palette::series(nth, case.name)) };
    let mut lines: Vec<Line> = Variant::ALL.iter().map(line).collect();
    lines.extend([
        batched("multi, batch 16", BATCHES[0], Dash::Long, Marker::Square),
        batched("multi, batch 256", BATCHES[1], Dash::Double, Marker::Triangle),
        asking(1, Case::thrifty("thrifty", SERVERS, majority)),
        asking(2, Case::thrifty("thrifty, |Q2| = 2", SERVERS, flexible)),
        asking(3, Case::thrifty("thrifty, grid of 2 × 3", GRID.acceptors(), grid)),
    ]);
    lines
}

const fn number_of_commands(setting: &Setting) -> u64 {
    if setting.quick { 1_000 } else { 10_000 }
}

/// What the clusters serve at each load.
fn submit(lines: &[Line], setting: &Setting, lab: &mut Lab<'_>) -> Result<Measured<Served>, LabError> {
    let cases: Vec<(Case, f64)> =
        lines.iter().flat_map(|(case, ..)| OFFERED.map(|share| (*case, share))).collect();
    let name = |(case, share): &(Case, f64)| format!("{}, {share} of its capacity", case.name);
    lab.each(&cases, name, |(case, share)| {
        let work = Work {
            links: work::links(),
            service: Service::each(MESSAGE),
            arrivals: Arrivals::Open(Duration::from_secs_f64(1.0 / (share * case.capacity()?))),
            clients: CLIENTS,
            ..case.work(number_of_commands(setting), setting.seed)?
        };
        case.shape.variant.with(Recovery::Coordinated, true, work)
    })
}

/// Latency and throughput against the offered load.
fn sweep(
    found: &mut Findings,
    setting: &Setting,
    lines: Vec<Line>,
    swept: &[Served],
) -> Result<(Figure, Figure), LabError> {
    let mut table = Table::new(
        "saturation",
        &[
            ("case", "the variant, with its batches and quorums"),
            ("share", "the offered load as a share of the capacity by the formula"),
            ("offered", "commands submitted per second"),
            ("served", "commands answered per second, from the first arrival until all are answered"),
            ("mean_ms", "mean latency, in ms"),
            ("p50_ms", "median latency, in ms"),
            ("p99_ms", "99th percentile of the latency, in ms"),
            ("load", "messages per command that the busiest process sends and receives"),
        ],
    );
    let axis = || Axis::new("offered load (1,000 / s)").log();
    let panels = |label: &str| PANELS.map(|title| Panel::new(title, axis(), Axis::new(label).log()));
    let (mut latency, mut served) = (panels("median latency (ms)"), panels("served (1,000 / s)"));
    for ((case, shown, style), swept) in lines.into_iter().zip(swept.chunks(OFFERED.len())) {
        let (mut times, mut rates, mut most) = (Vec::new(), Vec::new(), 0.0_f64);
        for (share, Served { latencies, rate, load, .. }) in OFFERED.into_iter().zip(swept) {
            let (Summary { mean, p50, p99, .. }, rate, load) = (*latencies, *rate, *load);
            let offered = share * case.capacity()?;
            table.push(row![case.name, share, offered, rate, mean, p50, p99, load]);
            most = most.max(rate);
            times.extend(p50.map(|p50| (offered / 1e3, p50)));
            rates.push((offered / 1e3, rate / 1e3));
            let meaning = |column: &str| format!("{column} of saturation.csv, {}, share {share}", case.name);
            match (case.name, (share * 100.0) as u32) {
                ("multi", 50) => found.facts.add("multi_half", p50, "ms", meaning("p50_ms")),
                ("multi", 95) => found.facts.add("multi_most", p50, "ms", meaning("p50_ms")),
                ("fast", 10) => found.facts.add("fast_load", load, "", meaning("load")),
                _ => {}
            }
        }
        let named = [
            ("basic", "basic"),
            ("multi", "multi"),
            ("fast", "fast"),
            ("multi, batch 16", "middle"),
            ("multi, batch 256", "large"),
        ];
        if let Some((_, key)) = named.into_iter().find(|(name, _)| *name == case.name) {
            let facts = &mut found.facts;
            facts.add(
                &format!("{key}_served"),
                most,
                "",
                format!("the most served in saturation.csv, {}", case.name),
            );
            let meaning = format!("capacity of load.csv, {}", case.name);
            facts.add(&format!("{key}_capacity"), case.capacity()?, "", meaning);
        }
        for (panels, points) in [(&mut latency, times), (&mut served, rates)] {
            for panel in shown {
                panels[*panel].line(style.clone(), points.clone());
            }
        }
    }
    let commands = number_of_commands(setting);
    found.facts.add("commands", commands, "", "commands of each row of saturation.csv");
    found.facts.add("most_share", MOST * 100.0, "%", "the share of saturation.csv that multi_most is of");
    found.facts.add(
        "least_share",
        OFFERED[0] * 100.0,
        "%",
        "the share of saturation.csv that fast_load is of",
    );
    found.tables.push(table);
    let constant = "Held constant: {servers} servers (grid: {servers_in_the_grid}), {clients} clients, open arrivals, {commands} commands per point, {cost_of_a_message} of work for each message sent or received, delays of {delay_of_a_message}.";
    Ok((
        Figure {
            name: "latency",
            title: "Median latency against the offered load".into(),
            caption: format!(
                "Each line has points from a tenth to one and a half times the capacity by the formula. Latency grows with the queue of the busiest process; past the knee it depends on the length of the run. Batches of {{middle_batch}} or {{large_batch}} move the knee most. Colours on the right are quorums. {constant}"
            ),
            svg: draw(&latency, 2, 320)?,
        },
        Figure {
            name: "served",
            title: "Commands served against the offered load".into(),
            caption: format!(
                "Up to the knee all commands are served, past it no more than the busiest process can handle. Fast Paxos serves less past its knee, because commands collide. Colours on the right are quorums. {constant}"
            ),
            svg: draw(&served, 2, 320)?,
        },
    ))
}
