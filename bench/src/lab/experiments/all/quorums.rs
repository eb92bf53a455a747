//! Quorum systems by number: their cost, the failures they survive, and which of them are on the Pareto front.

mod law;

use crate::lab::cluster::Shape;
use crate::lab::experiments::chart::palette::{self, GREY};
use crate::lab::experiments::chart::{Axis, Figure, Mark, Marker, Panel, Style, draw};
use crate::lab::experiments::data::{Table, span};
use crate::lab::experiments::sample::{Sample, Summary};
use crate::lab::experiments::{Experiment, Findings, Lab, LabError, Measured, Setting};
use crate::lab::quorums::QuorumChoice;
use crate::lab::report::Format;
use crate::lab::survey::{Survey, SystemRow, survey_over};
use crate::row;
use crate::theory::Recovery;
use crate::variants::{Digest, Payload, Variant, WithProtocol};
use paxos_core::{Protocol, Time};
use paxos_transport::sim::{Delay, Links, Service, Sim, World};
use std::time::Duration;

/// The experiment.
pub(super) const EXPERIMENT: Experiment = Experiment {
    name: "quorums",
    question: "Which sizes of quorums are worth choosing, and what do smaller phase 2 quorums gain?",
    source: "Howard, Malkhi, Spiegelman, Flexible Paxos (2016), throughput and latency against |Q2|; Howard, Charapko, Mortier, \
             Fast Flexible Paxos (2021); Naor and Wool (1998), load.",
    sites: ACCEPTORS[1] as usize,
    run,
};

const ACCEPTORS: [u16; 2] = [5, 7];
const REPLICAS: u16 = 8;
/// The smaller of the two phase 2 quorums in the sentence.
const SMALL_Q2: usize = 2;
const CLIENTS: u16 = 16;
/// The commands that each client has in progress.
const IN_FLIGHT: u16 = 4;
/// The shortest and the longest delay of a message, in microseconds.
const DELAY_US: (u64, u64) = (400, 600);
/// How long a process is busy with each message.
const SERVICE: Duration = Duration::from_micros(20);

/// Clients that submit commands all the time to thrifty replicas.
struct Load {
    q2: usize,
    commands: u64,
    seed: u64,
}

impl WithProtocol for Load {
    type Out = Result<(f64, Summary), LabError>;

    /// The commands answered per second, and their latencies in milliseconds.
    fn run<P: Protocol<Value = Payload, Reply = u64>>(self, options: P::Options) -> Self::Out {
        let quorum = QuorumChoice::Flexible(usize::from(REPLICAS) + 1 - self.q2, self.q2);
        let shape = Shape { thrifty: true, quorum, ..Shape::collapsed(Variant::Multi, REPLICAS) };
        let mut config = shape.config()?;
        // Each command has messages of its own, so that the cost of a message shows.
        config.limits.batch = 1;
        let mut world = World::<P>::new(config, options, self.seed);
        world.check = false;
        world.links = Links::new(Delay::Uniform {
            low: Duration::from_micros(DELAY_US.0),
            high: Duration::from_micros(DELAY_US.1),
        });
        world.service = Service::receiving(SERVICE);
        let clients = world.add_clients(CLIENTS);
        let mut sim = Sim::new(world, |_| Digest::default());
        let start = sim.now();
        for (client, nth) in clients.iter().zip(0..) {
            sim.submit_in_turn(
                *client,
                IN_FLIGHT.into(),
                (0..self.commands / u64::from(CLIENTS)).map(|k| nth * 1_000_000 + k),
            );
        }
        sim.run_until(Sim::all_answered)?;
        if !sim.all_answered() {
            return Err(LabError::Unfinished(format!("{shape:?}: a command was not decided")));
        }
        let last = sim.commands().iter().filter_map(|c| Some(c.answer.as_ref()?.at)).max().unwrap_or(Time(0));
        let latencies: Vec<f64> =
            sim.commands().iter().filter_map(|c| Some(c.latency()?.as_secs_f64() * 1e3)).collect();
        Ok((latencies.len() as f64 / last.since(start).as_secs_f64(), Sample::new(latencies).summary()))
    }
}

fn run(setting: &Setting, lab: &mut Lab<'_>) -> Result<Findings, LabError> {
    let mut found = Findings::default();
    let placed = if setting.is_usual_world() {
        "as many AWS regions, first five on three continents".to_owned()
    } else {
        format!("the first sites of {}", setting.world.name())
    };
    let facts = &mut found.facts;
    facts.set("small", ACCEPTORS[0], "");
    facts.set("large", ACCEPTORS[1], "");
    facts.set("replicas", REPLICAS, "");
    facts.set("in_progress", CLIENTS * IN_FLIGHT, "");
    facts.set("delay", span(DELAY_US.0 as f64 / 1e3, DELAY_US.1 as f64 / 1e3), "ms");
    facts.set("service", SERVICE.as_micros() as u64, "µs");
    found.held("sites of the acceptors", placed, "");
    found.constant("leader", "where the mean latency is lowest");
    let (surveyed, loaded) = (surveyed(setting, lab)?, loaded(setting, lab)?);
    let systems: Vec<SystemRow> = surveyed.all()?.into_iter().flatten().collect();
    list(&mut found, &systems);
    found.failed = systems.iter().filter(|system| system.differs()).count() as u64;
    found.facts.add(
        "differing",
        found.failed,
        "",
        "rows of systems.csv with a latency or a share that is not as predicted",
    );
    let sizes = sizes(&mut found, &loaded.all()?)?;
    let law = law::figure(&mut found)?;
    found.figures = vec![latencies(&systems)?, trade(&systems)?, law, sizes];
    let gains = found.facts.number("fast_flexible") < found.facts.number("fast_majority");
    found.lessons = vec![
        "For {small} acceptors the sizes (Q1, Q2c, Q2f) worth choosing are {front_small}: every other legal choice is no better than one of these in anything. {replicas} thrifty replicas serve {rate_least} commands per second with phase 2 quorums of {least_q2} \
         and {rate_most} with phase 2 quorums of {most_q2}, because the leader's messages grow with the quorum."
            .into(),
        "Of {legal} legal choices of (Q1, Q2c, Q2f) for {small} and {large} acceptors, {front} are on the Pareto front: for every other choice, one of these is at least as \
         good in latency, failures survived, load and collisions, and better in one of them."
            .into(),
        if gains {
            "With {small} acceptors, majority fast quorums reduce the mean latency of Fast Paxos from {fast_majority} to {fast_flexible}, the load of its busiest acceptor from \
             {load_majority} to {load_flexible} of the commands, and the chance of a collision from {collision_majority} to {collision_flexible}."
        } else {
            "With {small} acceptors, majority fast quorums do not reduce the mean latency of Fast Paxos here ({fast_majority} and {fast_flexible}). They reduce the load of its busiest acceptor from \
             {load_majority} to {load_flexible} of the commands, and the chance of a collision from {collision_majority} to {collision_flexible}."
        }
        .to_owned() + " But then a new leader must reach all acceptors, so every failed acceptor must be repaired before the leader fails.",
        "With {law_n} acceptors, fast quorums shrink from {lamport_q2f} to {example_q2f} and the chance of a collision from {lamport_collision} to {example_collision} if phase 1 asks \
         {example_q1} acceptors instead of {lamport_q1}: Fast Flexible Paxos allows what Fast Paxos (2006) does not."
            .into(),
    ];
    if found.failed > 0 {
        found.lessons.push("{differing} systems are not as predicted.".into());
    }
    Ok(found)
}

/// All legal systems, by number of acceptors.
fn surveyed(setting: &Setting, lab: &mut Lab<'_>) -> Result<Measured<Vec<SystemRow>>, LabError> {
    let name = |n: &u16| format!("all quorum systems of {n} acceptors");
    lab.each(&ACCEPTORS, name, |n| {
        let options = Survey {
            acceptors: vec![*n],
            quorum: None,
            all: true,
            sites: Vec::new(),
            // The setting has the round trips.
            rtt_file: None,
            leader: None,
            collisions: setting.either(500, 10_000),
            seed: setting.seed,
            format: Format::Table,
        };
        Ok(survey_over(&options, &setting.world, &mut |_| ())?)
    })
}

/// Throughput and latency, by the size of phase 2 quorums.
fn loaded(setting: &Setting, lab: &mut Lab<'_>) -> Result<Measured<(f64, Summary)>, LabError> {
    let sizes: Vec<usize> = (1..=usize::from(REPLICAS)).collect();
    let name = |q2: &usize| format!("8 replicas with phase 2 quorums of {q2}");
    lab.each(&sizes, name, |q2| {
        let load = Load { q2: *q2, commands: setting.either(4_000, 40_000), seed: setting.seed };
        Variant::Multi.with(Recovery::Coordinated, false, load)
    })
}

fn list(found: &mut Findings, systems: &[SystemRow]) {
    let mut table = Table::new(
        "systems",
        &[
            ("acceptors", "the number of acceptors"),
            ("quorum", "the system: Q1, Q2c and Q2f"),
            ("survives_q1", "how many acceptors may fail with a phase 1 quorum left"),
            ("survives_q2c", "the same for classic phase 2 quorums"),
            ("survives_q2f", "the same for fast quorums"),
            ("load_q2c", "the share of phase 2 quorums that the busiest acceptor is in"),
            ("load_q2f", "the share of fast quorums that the busiest acceptor is in"),
            ("classic_ms", "mean latency of Multi-Paxos, in ms, simulated"),
            ("fast_ms", "mean latency of Fast Paxos, in ms, simulated"),
            ("collision", "the chance that two simultaneous commands collide"),
            ("collided", "the share of simulated pairs that collided"),
            ("front", "1 if it is on the Pareto front of its number of acceptors, else 0"),
        ],
    );
    for s in systems {
        let collided = s.collisions.zip(s.undecided).map(|(all, undecided)| undecided as f64 / all as f64);
        table.push(row![
            s.acceptors,
            s.quorum.as_str(),
            s.survives_q1,
            s.survives_q2c,
            s.survives_q2f,
            s.load_q2c,
            s.load_q2f,
            s.classic_ms,
            s.fast_ms,
            s.predicted_collision,
            collided,
            u64::from(s.front)
        ]);
    }
    let of =
        |name: &str| systems.iter().find(|s| s.acceptors == usize::from(ACCEPTORS[0]) && s.quorum == name);
    let facts = &mut found.facts;
    facts.add("legal", systems.len(), "", "rows of systems.csv");
    let few = systems.iter().filter(|s| s.front && s.acceptors == usize::from(ACCEPTORS[0]));
    let few: Vec<&str> = few.map(|s| s.quorum.trim_start_matches("fast-flexible:")).collect();
    facts.add("front_small", few.join("; "), "", "the rows on the front with the small number of acceptors");
    facts.add("front", systems.iter().filter(|s| s.front).count(), "", "rows of these on the front");
    let (majority, flexible) = (of("fast-flexible:3,3,4"), of("fast-flexible:5,1,3"));
    facts.add(
        "fast_majority",
        majority.and_then(|s| s.fast_ms),
        "ms",
        "fast_ms of systems.csv, the small number of acceptors, fast-flexible:3,3,4",
    );
    facts.add("fast_flexible", flexible.and_then(|s| s.fast_ms), "ms", "the same, fast-flexible:5,1,3");
    for (key, system) in [("majority", majority), ("flexible", flexible)] {
        let row = format!("of systems.csv in the row of fast_{key}");
        facts.add(&format!("load_{key}"), system.and_then(|s| s.load_q2f), "", format!("load_q2f {row}"));
        let collision = system.and_then(|s| s.predicted_collision);
        facts.add(&format!("collision_{key}"), collision, "", format!("collision {row}"));
    }
    found.tables.push(table);
}

/// The place of a system in a panel, and the names of both axes.
type Place = (fn(&SystemRow) -> Option<(f64, f64)>, [&'static str; 2]);

/// Makes a panel for each number of acceptors, with a point for each system.
fn panels(systems: &[SystemRow], (place, axes): Place) -> Vec<Panel> {
    let mut panels = Vec::new();
    let far = |of: fn((f64, f64)) -> f64| systems.iter().filter_map(place).map(of).fold(0.0, f64::max);
    let ends = (far(|(x, _)| x) * 1.25, far(|(_, y)| y) * 1.1);
    for n in ACCEPTORS {
        let x = Axis::new(axes[0]).range(0.0, ends.0);
        let y = Axis::new(axes[1]).range(0.0, ends.1);
        let mut panel = Panel::new(format!("{n} acceptors"), x, y);
        let here = systems.iter().filter(|s| s.acceptors == usize::from(n));
        for (name, hue, marker, front) in [
            ("another is at least as good", GREY, Marker::Ring, false),
            ("on the Pareto front", palette::SERIES[0], Marker::Circle, true),
        ] {
            let chosen: Vec<&SystemRow> = here.clone().filter(|s| s.front == front).collect();
            let points = || chosen.iter().filter_map(|s| place(s));
            panel.line(Style::new(name, hue).marker(marker).points(), points());
            if front {
                panel.marks.extend(labels(&chosen, place, ends));
            }
        }
        panels.push(panel);
    }
    panels
}

/// The labels of these systems. Systems that are close to each other share one, which would else cover the other.
fn labels(
    systems: &[&SystemRow],
    place: fn(&SystemRow) -> Option<(f64, f64)>,
    (width, height): (f64, f64),
) -> Vec<Mark> {
    let mut labels: Vec<((f64, f64), String)> = Vec::new();
    for system in systems {
        let Some((x, y)) = place(system) else { continue };
        let sizes = system.quorum.trim_start_matches("fast-flexible:");
        let near = |((a, b), _): &&mut ((f64, f64), String)| {
            (a - x).abs() < 0.1 * width && (b - y).abs() < 0.06 * height
        };
        match labels.iter_mut().find(near) {
            Some((place, label)) if y > place.1 => {
                label.insert_str(0, &format!("{sizes}\n"));
                place.1 = y;
            }
            Some((_, label)) => label.extend(["\n", sizes]),
            None => labels.push(((x, y), sizes.to_owned())),
        }
    }
    let left = labels.iter().map(|((x, _), _)| *x).fold(f64::MAX, f64::min);
    // The leftmost label is on the left, away from those of its neighbours, if the axis leaves room below it.
    let mark = |((x, y), label)| Mark::Words((x, y), label, x > left || y < 0.1 * height);
    labels.into_iter().map(mark).collect()
}

fn latencies(systems: &[SystemRow]) -> Result<Figure, LabError> {
    let place: Place = (
        |s| Some((s.fast_ms?, s.classic_ms)),
        ["Fast Paxos: mean latency (ms)", "Multi-Paxos: mean latency (ms)"],
    );
    Ok(Figure {
        name: "front",
        title: "Every legal choice of quorums by the latency of Fast Paxos and Multi-Paxos".into(),
        caption: "Each point is a legal (Q1, Q2c, Q2f), and many have the same place; farther left and below is faster. The {front} filled points are on the \
                  Pareto front over latency, failures survived, load and collisions, labelled with their sizes; where two are close, their labels stand in the order of the points. Fast ballots, of Fast Paxos, are faster with a larger Q1; classic ones, of Multi-Paxos, with a smaller Q2c. Every server hears the votes, with both. Held \
                  constant: the learning, acceptors and clients in as many regions, the best leader, no collision."
            .into(),
        svg: draw(&panels(systems, place), 2, 340)?,
    })
}

fn trade(systems: &[SystemRow]) -> Result<Figure, LabError> {
    let place: Place = (
        |s| Some((s.load_q2f?, s.survives_q1? as f64)),
        ["load: share of the fast quorums of Fast Paxos", "failures that phase 1 survives"],
    );
    Ok(Figure {
        name: "trade",
        title: "Every legal choice of quorums by the load of Fast Paxos and the failures survived".into(),
        caption: "The same choices; the filled points are the same. Right to left, the busiest acceptor is in fewer fast quorums, so it has less to do and commands collide less often \
                  (systems.csv has the chance). From top to bottom, phase 1 survives fewer failed acceptors: that is the price. Held constant: as above."
            .into(),
        svg: draw(&panels(systems, place), 2, 300)?,
    })
}

fn sizes(found: &mut Findings, loaded: &[(f64, Summary)]) -> Result<Figure, LabError> {
    let mut table = Table::new(
        "sizes",
        &[
            ("q2", "the size of phase 2 quorums; those of phase 1 are as small as they may be"),
            ("rate", "commands answered per second"),
            ("mean_ms", "their mean latency, in ms"),
            ("p99_ms", "the 99th percentile of the latency, in ms"),
        ],
    );
    let axis = || Axis::new(format!("|Q2| of {REPLICAS} replicas")).range(0.5, 8.5);
    let mut rate = Panel::new("", axis(), Axis::new("commands / s (1,000)"));
    let mut time = Panel::new("", axis(), Axis::new("mean latency (ms)"));
    let (mut rates, mut times) = (Vec::new(), Vec::new());
    for (q2, (served, Summary { mean, p99, .. })) in (1_usize..).zip(loaded.iter().copied()) {
        table.push(row![q2, served, mean, p99]);
        rates.push((q2 as f64, served / 1e3));
        times.extend(mean.map(|mean| (q2 as f64, mean)));
        for (key, size) in [("least", SMALL_Q2), ("most", REPLICAS.into())] {
            if q2 == size {
                found.facts.add(
                    &format!("{key}_q2"),
                    q2,
                    "",
                    format!("the q2 of sizes.csv that rate_{key} is of"),
                );
                found.facts.add(&format!("rate_{key}"), served, "", format!("rate of sizes.csv, q2 = {q2}"));
            }
        }
    }
    let style = palette::style(Variant::Multi).named("multi, thrifty");
    rate.line(style.clone(), rates);
    time.line(style, times);
    found.tables.push(table);
    Ok(Figure {
        name: "sizes",
        title: "Throughput and latency of Multi-Paxos against the size of phase 2 quorums".into(),
        caption: "The shape is that of Flexible Paxos (2016): the fewer replicas a leader asks, the more commands it serves, and the sooner. Held \
                  constant: {replicas} thrifty replicas of Multi-Paxos, {in_progress} commands in progress, one command per message, delays of \
                  {delay}, {service} of work for each message received (sending costs nothing here)."
            .into(),
        svg: draw(&[rate, time], 2, 280)?,
    })
}
