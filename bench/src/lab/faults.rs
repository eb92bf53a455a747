//! Runs many commands from several clients, with and without faults, and checks every invariant after every event.

use crate::lab::cluster::Shape;
use crate::lab::counts::CountError;
use crate::lab::quorums::QuorumChoice;
use crate::lab::report::FaultRow;
use crate::theory::{Layout, Recovery};
use crate::variants::{Digest, Payload, WithProtocol};
use paxos_core::{Kind, Leadership, NodeId, Protocol, Time, Timeouts};
use paxos_transport::sim::{Delay, Fault, Faults, Links, Sim, Trace, World};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Duration;

/// The conditions of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Scenario {
    /// Several clients at the same time and varying delays. Nothing is lost.
    Contention,
    /// The leader crashes during the run and restarts.
    Crash,
    /// Random faults: 10 % of the messages are lost, 5 % duplicated and 4 % very late; delays vary; there is a crash
    /// with a restart, a pause, and a partition that heals.
    Chaos,
    /// No leader: every proposer with a command campaigns, with back-off.
    Duel,
}

impl Scenario {
    /// The name of the scenario in tables and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Contention => "contention",
            Self::Crash => "crash",
            Self::Chaos => "chaos",
            Self::Duel => "duel",
        }
    }
}

/// A run to execute.
#[derive(Clone, Copy, Debug)]
pub struct Trial<'a> {
    /// The cluster.
    pub shape: Shape,
    /// The recovery from collisions in fast ballots.
    pub recovery: Recovery,
    /// The conditions of the run.
    pub scenario: Scenario,
    /// The number of clients.
    pub clients: u16,
    /// How many commands each client submits, up to four at a time.
    pub commands: u64,
    /// After how many slots each process takes a snapshot and forgets the slots that it covers; 0: never.
    pub snapshot_every: u64,
    /// The seed of all random choices.
    pub seed: u64,
    /// Where to write the protocol steps.
    pub trace_out: Option<&'a Path>,
    /// How to draw the run, if at all.
    pub draw: Option<Drawing>,
}

/// How to draw a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Drawing {
    /// A drawing in text.
    Ascii,
    /// A picture as an SVG file.
    Svg,
    /// A Mermaid diagram for Markdown pages.
    Mermaid,
}

impl Drawing {
    /// Draws a run.
    pub fn of(self, trace: &Trace) -> String {
        match self {
            Self::Ascii => trace.draw(),
            Self::Svg => trace.to_svg(),
            Self::Mermaid => trace.to_mermaid(),
        }
    }
}

/// The result of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The row in the table.
    pub row: FaultRow,
    /// The drawing, if requested.
    pub drawing: Option<String>,
}

impl Trial<'_> {
    /// The command that repeats the run. The seed is to be appended.
    pub fn replay(&self) -> String {
        let shape = self.shape;
        let mut words = vec![
            format!("--variant {}", shape.variant),
            format!("--scenario {}", self.scenario.name()),
            format!("--acceptors {}", shape.acceptors),
            format!("--roles {}", shape.layout),
            format!("--learning {}", shape.learning),
            format!("--clients {}", self.clients),
            format!("--commands {}", self.commands),
        ];
        if shape.layout == Layout::Separate {
            words.push(format!("--learners {}", shape.learners));
        }
        if self.snapshot_every > 0 {
            words.push(format!("--snapshot-every {}", self.snapshot_every));
        }
        if shape.thrifty {
            words.push("--thrifty".into());
        }
        if shape.quorum != QuorumChoice::Majority {
            words.push(format!("--quorum {}", shape.quorum.quoted()));
        }
        if shape.variant.traits().fast {
            words.push(format!("--collision {}", self.recovery));
        }
        format!("paxos-bench simulate {} --seed", words.join(" "))
    }

    /// Executes the run.
    ///
    /// # Errors
    /// If the cluster cannot be built, or if the trace cannot be written.
    pub fn run(self) -> Result<Outcome, TrialError> {
        self.shape.variant.with(self.recovery, true, Run(self))
    }
}

/// Why a run could not be executed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrialError {
    /// The cluster cannot be built.
    #[error(transparent)]
    Count(#[from] CountError),
    /// The trace cannot be written.
    #[error("cannot write {path}: {source}; name a file in a directory that exists and can be written to")]
    Trace {
        /// The file.
        path: String,
        /// The cause.
        source: std::io::Error,
    },
}

struct Run<'a>(Trial<'a>);

impl WithProtocol for Run<'_> {
    type Out = Result<Outcome, TrialError>;

    fn run<P: Protocol<Value = Payload, Reply = u64>>(self, options: P::Options) -> Self::Out {
        let Self(trial) = self;
        let unwritten = |path: &Path, source| TrialError::Trace { path: path.display().to_string(), source };
        let create = |path| File::create(path).map_err(|source| unwritten(path, source));
        let out = trial.trace_out.map(|path| create(path).map(|file| (path, file))).transpose()?;
        let mut world = world::<P>(&trial, options)?;
        let clients = world.add_clients(trial.clients);
        let mut sim = Sim::new(world, |_| Digest::default());
        for (nth, client) in clients.iter().enumerate() {
            let values = (0..trial.commands).map(|k| nth as u64 * 1_000_000 + k);
            sim.submit_in_turn(*client, 4, values);
        }
        let outcome = sim.run_until(Sim::all_answered);
        let ended = sim.now();
        // Three more seconds let every replica catch up, so that the replicas can be compared.
        let settled = outcome.and_then(|stop| sim.run_for(Duration::from_secs(3)).map(|_| stop));
        let mut row = row(&trial, &sim, ended);
        match settled {
            Err(violation) => row.violations.push(violation.to_string()),
            Ok(stop) if !sim.all_answered() => {
                row.violations.push(format!("not every command was decided: {stop}"));
            }
            Ok(_) => row.violations.extend(disagreement(&sim)),
        }
        if let (Some((path, file)), Some(steps)) = (out, sim.steps()) {
            let mut file = BufWriter::new(file);
            steps.write(&mut file).and_then(|()| file.flush()).map_err(|source| unwritten(path, source))?;
        }
        let drawing = trial.draw.zip(sim.trace()).map(|(drawing, trace)| drawing.of(trace));
        Ok(Outcome { row, drawing })
    }
}

/// Describes replicas that did not catch up, or that executed the same slots and differ in their state.
pub(crate) fn disagreement<P>(sim: &Sim<P, Digest>) -> Option<String>
where
    P: Protocol<Value = Payload, Reply = u64>,
{
    let learners: Vec<NodeId> = sim.world().config.all_learners().iter().collect();
    if let Some(busy) = learners.iter().find(|id| sim.node(**id).is_some() && sim.machine(**id).is_none()) {
        return Some(format!("{busy} is still taking over a snapshot"));
    }
    let states: Vec<_> = learners
        .iter()
        .filter_map(|id| Some((sim.node(*id)?.chosen().applied(), sim.machine(*id)?.value())))
        .collect();
    let newest = states.iter().map(|(applied, _)| *applied).max()?;
    let behind = states.iter().filter(|(applied, _)| *applied < newest).count();
    if behind > 0 {
        return Some(format!("{behind} of {} replicas did not catch up: {states:?}", states.len()));
    }
    states.windows(2).any(|w| w[0].1 != w[1].1).then(|| format!("replicas differ: {states:?}"))
}

fn world<P: Protocol>(trial: &Trial<'_>, options: P::Options) -> Result<World<P>, TrialError> {
    let ms = Duration::from_millis;
    let mut config = trial.shape.config().map_err(CountError::from)?;
    config.timeouts = Timeouts::default();
    // Snapshots of the lab's state machine are small. With small pieces, a transfer takes several.
    (config.limits.snapshot, config.limits.chunk) = (trial.snapshot_every, 100);
    let appointed = matches!(trial.scenario, Scenario::Duel) || trial.shape.variant.traits().leaderless;
    if appointed {
        config.leadership = Leadership::SelfAppointed { backoff: Some((ms(20), ms(320))) };
    }
    let mut world = World::<P>::new(config, options, trial.seed);
    world.replay = trial.replay();
    world.trace = trial.draw.is_some();
    world.steps = trial.trace_out.is_some();
    world.limit.time = Duration::from_secs(120);
    world.limit.events = 5_000_000;
    world.links = Links::new(Delay::Uniform { low: ms(1), high: ms(10) });
    let end = Duration::from_secs(2);
    match trial.scenario {
        Scenario::Contention | Scenario::Duel => {}
        Scenario::Crash => {
            let leader = world.config.proposers.smallest().unwrap_or_default();
            let at = |d| Time(0).after(d);
            world.faults.plan =
                vec![(at(ms(60)), Fault::Crash(leader)), (at(ms(900)), Fault::Restart(leader))];
        }
        Scenario::Chaos => {
            world.links = Links::lossy(ms(1), ms(20), 0.1, 0.05);
            world.links.delay = Delay::Tailed { low: ms(1), high: ms(20), late: 40, latest: ms(700) };
            world.links.reliable_from = Some(Time(0).after(end));
            world.faults = Faults::random(trial.seed, world.config.servers().iter(), end);
        }
    }
    Ok(world)
}

fn row<P>(trial: &Trial<'_>, sim: &Sim<P, Digest>, ended: Time) -> FaultRow
where
    P: Protocol<Value = Payload, Reply = u64>,
{
    let latencies: Vec<f64> =
        sim.commands().iter().filter_map(|c| Some(c.latency()?.as_secs_f64() * 1e3)).collect();
    let counted = || sim.ids().iter().filter_map(|id| Some(sim.node(*id)?.status().counters));
    FaultRow {
        variant: trial.shape.variant.to_string(),
        scenario: trial.scenario.name().into(),
        seed: trial.seed,
        acceptors: usize::from(trial.shape.acceptors),
        clients: usize::from(trial.clients),
        commands: u64::from(trial.clients) * trial.commands,
        decided: latencies.len() as u64,
        messages: sim.counts().total(),
        prepares: sim.counts().of(Kind::Prepare),
        elections: counted().map(|counters| counters.won).sum(),
        retransmissions: counted().map(|counters| counters.retransmissions).sum(),
        latency_mean_ms: latencies.iter().sum::<f64>() / latencies.len().max(1) as f64,
        latency_max_ms: latencies.iter().copied().fold(0.0, f64::max),
        virtual_ms: ended.since(Time(0)).as_secs_f64() * 1e3,
        violations: Vec::new(),
        replay: format!("{} {}", trial.replay(), trial.seed),
    }
}
