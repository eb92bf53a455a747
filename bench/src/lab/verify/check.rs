//! `paxos-bench check`: explores the runs of a small cluster with the model checker stateright. The nodes are the ones
//! that users run. The network may delay, reorder, duplicate and lose messages. A proposer that is refused begins a higher
//! ballot, up to a round that the options say.

mod state;
mod system;
#[cfg(test)]
mod tests;

use crate::load::Form;
use crate::options::arguments::{Progress, whole};
use crate::theory::Recovery;
use basic_paxos::BasicPaxos;
use clap::{Args, ValueEnum};
use fast_paxos::FastPaxos;
use multi_paxos::MultiPaxos;
use paxos_core::{
    Ballot, Change, Config, Leadership, Learning, Message, NodeId, NodeSet, QuorumError, Slot, Timeouts,
};
use serde::Serialize;
use stateright::{Checker, Model};
use std::fmt::Write;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use system::{AGREEMENT, Checked, EVERYTHING, SOMETHING, SUCCEEDED, System};

/// The end of the help text.
pub const HELP: &str = "\
A state is what all processes know, what is on their disks, and every message that was ever sent. From each state, each message may
arrive, for the first time or again; messages that never arrive are lost. With --crashes, a process may crash when a message has
arrived, before it writes anything that follows from the message, and restart from its disk. With --writes, that many writes of a
process may be in progress while it handles more messages; a crash loses them. A proposer whose ballot is refused begins a higher one,
until it is beyond round --rounds, where the search does not continue. With --learners, processes that only learn hear what is chosen.

Three properties are checked. Agreement: no two values are chosen in a slot, and no process takes another value for chosen. A decision
is reachable, and every command can be decided: some run leads there, so agreement does not hold merely because nothing happens. Where
an acceptor is replaced, the new members can decide as well.

  paxos-bench check --variant basic --scenario rivals
  paxos-bench check --variant multi --scenario succession --crashes 1 --writes 1
  paxos-bench check --variant fast --scenario collision --acceptors 4 --recovery uncoordinated
  paxos-bench check --variant multi --scenario replacement
  paxos-bench check --variant multi --scenario rivals --forgetful --crashes 1      shows what a lost disk does

Exit codes: 0 every property holds in all explored states, 1 a property does not hold, 2 the command line is wrong.";

/// The variants that can be checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Checkable {
    /// Two phases for every command
    Basic,
    /// Phase 1 once, then phase 2 only
    Multi,
    /// Clients send to the acceptors directly
    Fast,
}

/// The situation that the processes are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scene {
    /// Two proposers have one command each, and there is no leader
    Rivals,
    /// n0 leads, and n1 takes over at any time while clients send commands
    Succession,
    /// n0 leads, and two or more clients send commands at the same time
    Collision,
    /// n0 leads and replaces the last acceptor by a new one, a client sends a command, and n1 takes over at any time; each
    /// server has all roles
    Replacement,
}

/// Which cluster to explore, and how far.
#[derive(Clone, Debug, Args)]
pub struct Check {
    /// The variant
    #[arg(long, value_enum, default_value = "multi")]
    pub variant: Checkable,
    /// The situation that the processes are in
    #[arg(long, value_enum, default_value = "succession")]
    pub scenario: Scene,
    /// The number of acceptors
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=9))]
    pub acceptors: u16,
    /// The number of clients, each with one command [default: 2 in a collision, else 1; rivals have their own commands]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=4))]
    pub clients: Option<u16>,
    /// How Fast Paxos recovers from a collision (fast only) [default: coordinated]
    #[arg(long, value_enum)]
    pub recovery: Option<Recovery>,
    /// The number of processes that only learn
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = clap::value_parser!(u16).range(0..=4))]
    pub learners: u16,
    /// The highest round in which a proposer begins a ballot
    #[arg(long, default_value_t = 2, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub rounds: u64,
    /// The most crashes in a run
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub crashes: u8,
    /// The most writes of a process that may be in progress while it continues; 0: each is durable at once
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub writes: usize,
    /// A process that crashes loses its disk, which no variant tolerates
    #[arg(long)]
    pub forgetful: bool,
    /// Stop after this many steps, each from a state to another or the same one; 0: when all states are explored
    #[arg(long, default_value = "1000000", value_name = "N", value_parser = whole)]
    pub steps: u64,
    /// Stop after this many seconds; 0: when all states are explored
    #[arg(long, default_value = "0", value_name = "S", value_parser = whole)]
    pub seconds: u64,
    /// The number of threads that explore [default: the number of cores]
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
    /// How to print the results
    #[arg(long, value_enum, default_value = "table")]
    pub format: Form,
}

/// Why a cluster cannot be checked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// The acceptors cannot form quorums.
    #[error(transparent)]
    Quorums(#[from] QuorumError),
    /// Disks are lost in crashes, and no crash is allowed.
    #[error("--forgetful has no effect without a crash: allow one with --crashes 1")]
    NoCrash,
    /// Only Fast Paxos has collisions.
    #[error("only Fast Paxos recovers from collisions: `--recovery` has no effect without `--variant fast`")]
    NoRecovery,
    /// Servers with all roles learn, so there are no processes that only learn.
    #[error(
        "where an acceptor is replaced, each server has all roles and learns: `--learners` has no effect"
    )]
    NoLearners,
    /// A single acceptor leads, too, and no other process could ask for its replacement.
    #[error("an acceptor can be replaced if there are two at least: say `--acceptors 3`")]
    Alone,
    /// Rivals are proposers, so there are no clients.
    #[error("rivals are the two proposers, each with a command of its own: `--clients` has no effect")]
    NoClients,
}

/// The cluster that was explored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explorable {
    /// The version of the program.
    pub version: &'static str,
    /// The number of acceptors.
    pub acceptors: u16,
    /// The number of processes that only learn.
    pub learners: u16,
    /// The number of clients.
    pub clients: u16,
    /// How Fast Paxos recovers from a collision; none of other variants.
    pub recovery: Option<String>,
    /// The highest round in which a proposer begins a ballot.
    pub rounds: u64,
    /// The most crashes in a run.
    pub crashes: u8,
    /// The most writes of a process that may be in progress while it continues.
    pub writes: usize,
    /// Whether a process that crashes loses its disk.
    pub forgetful: bool,
}

impl Explorable {
    fn of<P: Checked>(options: &Check, system: &System<P>) -> Self {
        let fast = options.variant == Checkable::Fast;
        Self {
            version: env!("CARGO_PKG_VERSION"),
            acceptors: options.acceptors,
            learners: options.learners,
            clients: system.clients,
            recovery: fast.then(|| options.recovery.unwrap_or(Recovery::Coordinated).to_string()),
            rounds: system.rounds,
            crashes: system.crashes,
            writes: system.writes,
            forgetful: system.forgetful,
        }
    }
}

/// The result of an exploration.
#[derive(Clone, Debug, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a finding of its own")]
pub struct Explored {
    /// The variant.
    pub variant: Checkable,
    /// The situation that the processes are in.
    pub scenario: Scene,
    /// The cluster.
    #[serde(flatten)]
    pub cluster: Explorable,
    /// The number of states that were found.
    pub states: usize,
    /// The number of steps between states that were explored.
    pub steps: usize,
    /// The most steps from the start to a state.
    pub depth: usize,
    /// How long the exploration took, in seconds.
    pub seconds: f64,
    /// Whether all states up to that round were explored.
    pub complete: bool,
    /// Whether agreement holds in all states.
    pub agreement: bool,
    /// Whether a value is chosen in some state.
    pub decision: bool,
    /// Whether every command is chosen in some state.
    pub everything: bool,
    /// Whether the new members choose a command in some state; none where the members stay.
    pub succeeded: Option<bool>,
    /// A shortest run to a state without agreement, step by step.
    pub counterexample: Vec<String>,
}

impl Explored {
    /// Whether something is wrong: no agreement, or no decision although all states were explored.
    pub fn fails(&self) -> bool {
        !self.agreement || self.complete && !self.decision
    }

    /// The result as text for people.
    pub fn table(&self) -> String {
        let (holds, fails) = ("holds", "DOES NOT HOLD");
        let mut text = String::new();
        let all = match (self.complete, self.agreement) {
            (true, _) => format!("all explored up to round {}", self.cluster.rounds),
            (false, true) => "not all explored".to_owned(),
            (false, false) => "the search stopped at a violation".to_owned(),
        };
        let _ = writeln!(
            text,
            "{} states, {all}; {} steps; at most {} from the start; {:.1} s",
            self.states, self.steps, self.depth, self.seconds
        );
        let reachable = |found| match (found, self.complete) {
            (true, _) => holds,
            (false, true) => fails,
            (false, false) => "was not found yet",
        };
        let _ = writeln!(text, "{AGREEMENT}: {}", if self.agreement { holds } else { fails });
        let _ = writeln!(text, "{SOMETHING}: {}", reachable(self.decision));
        // These are no failures: a command that lost its slot, or new members, may need a higher round than is allowed.
        let in_time = |found| match (found, self.complete) {
            (false, true) => "does not hold within the rounds allowed; allow more with --rounds",
            (found, _) => reachable(found),
        };
        let _ = writeln!(text, "{EVERYTHING}: {}", in_time(self.everything));
        if let Some(succeeded) = self.succeeded {
            let _ = writeln!(text, "{SUCCEEDED}: {}", in_time(succeeded));
        }
        for (nth, step) in (1..).zip(&self.counterexample) {
            let _ = writeln!(text, "{nth:>4}. {step}");
        }
        text
    }
}

/// Explores the cluster that the options describe.
///
/// # Errors
/// [`CheckError`] if the cluster cannot be checked.
pub fn check(options: &Check, progress: Progress<'_>) -> Result<Explored, CheckError> {
    if options.forgetful && options.crashes == 0 {
        return Err(CheckError::NoCrash);
    }
    if options.recovery.is_some() && options.variant != Checkable::Fast {
        return Err(CheckError::NoRecovery);
    }
    if options.scenario == Scene::Rivals && options.clients.is_some() {
        return Err(CheckError::NoClients);
    }
    if options.scenario == Scene::Replacement && options.learners > 0 {
        return Err(CheckError::NoLearners);
    }
    if options.scenario == Scene::Replacement && options.acceptors == 1 {
        return Err(CheckError::Alone);
    }
    match options.variant {
        Checkable::Basic => Ok(explore(options, system::<BasicPaxos<u64, u64>>(options)?, progress)),
        Checkable::Multi => Ok(explore(options, system::<MultiPaxos<u64, u64>>(options)?, progress)),
        Checkable::Fast => {
            let mut system = system::<FastPaxos<u64, u64>>(options)?;
            system.options.recovery = match options.recovery.unwrap_or(Recovery::Coordinated) {
                Recovery::Classic => fast_paxos::Recovery::Classic,
                Recovery::Coordinated => fast_paxos::Recovery::Coordinated,
                Recovery::Uncoordinated => fast_paxos::Recovery::Uncoordinated,
            };
            Ok(explore(options, system, progress))
        }
    }
}

/// The cluster to explore. Its first ids are two proposers; acceptors follow, then learners, then clients. Where an acceptor is
/// replaced, servers with all roles are the first; the new one follows, then clients.
fn system<P: Checked>(options: &Check) -> Result<System<P>, CheckError> {
    let replaces = options.scenario == Scene::Replacement;
    let (mut config, first) = if replaces {
        (Config::collapsed(options.acceptors)?, options.acceptors + 1)
    } else {
        let config = Config::separate(2, options.acceptors, options.learners)?;
        (config, 2 + options.acceptors + options.learners)
    };
    config.timeouts = Timeouts::NEVER;
    config.learning = Learning::Distinguished;
    let rivals = options.scenario == Scene::Rivals;
    if rivals {
        config.leadership = Leadership::SelfAppointed { backoff: None };
    }
    if replaces {
        config.spares = NodeSet::only(NodeId(options.acceptors));
        // The new members begin as soon as they can, so that less has to happen before.
        config.limits.alpha = 1;
        // A request that arrives again while nothing may be proposed waits a second time, so a limit keeps the states few.
        config.limits.queue = 2;
    }
    let asking = if options.scenario == Scene::Collision { 2 } else { 1 };
    let clients = if rivals { 0 } else { options.clients.unwrap_or(asking) };
    let ask = |k| (first + k, 10 + u64::from(k));
    let ballot = Ballot::classic(1, NodeId(0));
    let transfer = (0, 1, Message::Transfer { ballot, chosen: Slot(0) });
    let succeeds = matches!(options.scenario, Scene::Succession | Scene::Replacement);
    let last = options.acceptors.saturating_sub(1);
    Ok(System {
        config: Arc::new(config),
        options: P::Options::default(),
        commands: if rivals { vec![(0, 10), (1, 11)] } else { (0..clients).map(ask).collect() },
        change: replaces.then(|| Change::replace(NodeId(last), NodeId(options.acceptors))),
        early: if succeeds { vec![transfer] } else { Vec::new() },
        processes: first + clients,
        clients,
        rounds: options.rounds,
        crashes: options.crashes,
        forgetful: options.forgetful,
        writes: options.writes,
    })
}

fn explore<P: Checked>(options: &Check, system: System<P>, progress: Progress<'_>) -> Explored {
    let cluster = Explorable::of(options, &system);
    let threads =
        options.threads.or_else(|| thread::available_parallelism().ok()).map_or(1, NonZeroUsize::get);
    let mut checker = system.checker().threads(threads);
    if options.steps > 0 {
        checker = checker.target_state_count(usize::try_from(options.steps).unwrap_or(usize::MAX));
    }
    if options.seconds > 0 {
        checker = checker.timeout(Duration::from_secs(options.seconds));
    }
    #[expect(clippy::disallowed_methods, reason = "it tells how long it took")]
    let start = Instant::now();
    let checker = checker.spawn_bfs();
    while !checker.is_done() {
        progress(format!(
            "{} states, {} steps, depth {}",
            checker.unique_state_count(),
            checker.state_count(),
            checker.max_depth()
        ));
        thread::sleep(Duration::from_millis(50));
    }
    let checker = checker.join();
    let broken = checker.discovery(AGREEMENT);
    let steps = broken.into_iter().flat_map(|path| {
        path.into_vec()
            .into_iter()
            .filter_map(|(state, step)| Some(System::<P>::tell(&state, step?)))
            .collect::<Vec<_>>()
    });
    let cut = options.steps > 0 && checker.state_count() as u64 >= options.steps
        || options.seconds > 0 && start.elapsed() >= Duration::from_secs(options.seconds);
    let counterexample: Vec<String> = steps.collect();
    Explored {
        variant: options.variant,
        scenario: options.scenario,
        cluster,
        states: checker.unique_state_count(),
        steps: checker.state_count(),
        depth: checker.max_depth(),
        seconds: start.elapsed().as_secs_f64(),
        complete: !cut && checker.discovery(AGREEMENT).is_none(),
        agreement: checker.discovery(AGREEMENT).is_none(),
        decision: checker.discovery(SOMETHING).is_some(),
        everything: checker.discovery(EVERYTHING).is_some(),
        succeeded: (options.scenario == Scene::Replacement).then(|| checker.discovery(SUCCEEDED).is_some()),
        counterexample,
    }
}
