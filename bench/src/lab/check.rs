//! `paxos-bench check`: every run of a small cluster, by the model checker stateright. The nodes are those that users get. The network
//! may delay, reorder, double and lose whatever is said; a proposer may begin a ballot whenever it likes.

mod system;
#[cfg(test)]
mod tests;

use crate::arguments::whole;
use crate::load::Form;
use crate::theory::Recovery;
use basic_paxos::BasicPaxos;
use clap::{Args, ValueEnum};
use fast_paxos::FastPaxos;
use multi_paxos::MultiPaxos;
use paxos_core::{Ballot, Config, Leadership, Learning, Message, NodeId, QuorumError, Slot, Timeouts};
use serde::Serialize;
use stateright::{Checker, Model};
use std::fmt::Write;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use system::{AGREEMENT, Checked, EVERYTHING, SOMETHING, System};

/// What the help ends with.
pub const HELP: &str = "\
A state is what all processes know, what is on their disks, and every message that was ever said. From each state, each message may
arrive, once more or for the first time; messages that never arrive are lost. With --crashes, a process may crash when a message has
arrived, before anything that follows from it is written, and restart from its disk. With --writes, so many writes of a process may be
under way while it takes in more messages; a crash loses them.

Three properties are checked. Agreement: no two values are chosen in a slot, and nobody takes another one for chosen. A decision is
reachable, and every command can be decided: some run leads there, so that the first property does not hold because nothing happens.

  paxos-bench check --variant basic --scenario rivals
  paxos-bench check --variant multi --scenario succession --crashes 1 --writes 1
  paxos-bench check --variant fast --scenario collision --acceptors 4 --recovery uncoordinated
  paxos-bench check --variant multi --scenario rivals --forgetful --crashes 1      finds what a lost disk does

Exit codes: 0 all that was explored holds, 1 a property does not, 2 the command line is wrong.";

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

/// What the processes want.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Scene {
    /// Two proposers have a command each, and no leader
    Rivals,
    /// n0 leads, and n1 takes over at any time, while clients ask
    Succession,
    /// n0 leads, and two clients or more ask at the same time
    Collision,
}

/// Which cluster to explore, and how far.
#[derive(Clone, Debug, Args)]
pub struct Check {
    /// The variant
    #[arg(long, value_enum, default_value = "multi")]
    pub variant: Checkable,
    /// What the processes want
    #[arg(long, value_enum, default_value = "succession")]
    pub scenario: Scene,
    /// How many acceptors
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=9))]
    pub acceptors: u16,
    /// How many clients ask, each for one command [default: 2 in a collision, else 1; rivals ask themselves]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=4))]
    pub clients: Option<u16>,
    /// What Fast Paxos answers a collision with (fast only) [default: coordinated]
    #[arg(long, value_enum)]
    pub recovery: Option<Recovery>,
    /// The highest round in which a proposer begins a ballot [default: 1 for rivals, else 2]
    #[arg(long, value_name = "N")]
    pub rounds: Option<u64>,
    /// How many crashes there may be in a run
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub crashes: u8,
    /// How many writes of a process may be under way while it goes on; 0: each is durable at once
    #[arg(long, default_value_t = 0, value_name = "N")]
    pub writes: usize,
    /// A process that crashes loses its disk: nothing survives that
    #[arg(long)]
    pub forgetful: bool,
    /// After so many steps to stop, each from a state to another or the same one; 0: when all states are explored
    #[arg(long, default_value = "1000000", value_name = "N", value_parser = whole)]
    pub steps: u64,
    /// After so many seconds to stop; 0: when all are explored
    #[arg(long, default_value = "0", value_name = "S", value_parser = whole)]
    pub seconds: u64,
    /// How many threads explore [default: as many as there are cores]
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
    /// How to print the results
    #[arg(long, value_enum, default_value = "table")]
    pub format: Form,
}

/// A cluster that cannot be checked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// The acceptors cannot form quorums.
    #[error(transparent)]
    Quorums(#[from] QuorumError),
    /// A disk is lost in a crash.
    #[error("--forgetful says what a crash does: allow one with --crashes 1")]
    NoCrash,
    /// Only Fast Paxos has collisions.
    #[error("only Fast Paxos recovers from collisions: `--recovery` has no effect without `--variant fast`")]
    NoRecovery,
    /// Rivals are proposers.
    #[error("rivals are the two proposers, each with a command of its own: `--clients` has no effect")]
    NoClients,
}

/// What came of it.
#[derive(Clone, Debug, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a finding of its own")]
pub struct Explored {
    /// The variant.
    pub variant: Checkable,
    /// What the processes want.
    pub scenario: Scene,
    /// How many states were found.
    pub states: usize,
    /// How many steps between states were looked at.
    pub steps: usize,
    /// The most steps from the start to a state.
    pub depth: usize,
    /// How long it took.
    pub seconds: f64,
    /// Whether there are no others.
    pub complete: bool,
    /// Whether agreement holds in all of them.
    pub agreement: bool,
    /// Whether a decision is in one of them.
    pub decision: bool,
    /// Whether every command is decided in one of them.
    pub everything: bool,
    /// A shortest run to a state without agreement, step by step.
    pub counterexample: Vec<String>,
}

impl Explored {
    /// Whether something is wrong: no agreement, or, if all was explored, nothing that can be decided.
    pub fn fails(&self) -> bool {
        !self.agreement || self.complete && !self.decision
    }

    /// For people.
    pub fn table(&self) -> String {
        let (holds, fails) = ("holds", "DOES NOT HOLD");
        let mut text = String::new();
        let all = match (self.complete, self.agreement) {
            (true, _) => "that is all",
            (false, true) => "there are more",
            (false, false) => "no more were looked for",
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
        let found = match (self.everything, self.complete) {
            (true, _) => holds,
            // No failure: a command that lost its slot may need a higher round than is allowed.
            (false, true) => "does not hold within the rounds allowed; allow more with --rounds",
            (false, false) => "was not found yet",
        };
        let _ = writeln!(text, "{EVERYTHING}: {found}");
        for (nth, step) in (1..).zip(&self.counterexample) {
            let _ = writeln!(text, "{nth:>4}. {step}");
        }
        text
    }
}

/// Explores.
///
/// # Errors
/// [`CheckError`] if there is no such cluster.
pub fn check(options: &Check, progress: impl FnMut(String)) -> Result<Explored, CheckError> {
    if options.forgetful && options.crashes == 0 {
        return Err(CheckError::NoCrash);
    }
    if options.recovery.is_some() && options.variant != Checkable::Fast {
        return Err(CheckError::NoRecovery);
    }
    if options.scenario == Scene::Rivals && options.clients.is_some() {
        return Err(CheckError::NoClients);
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

/// Two proposers, then acceptors, then clients.
fn system<P: Checked>(options: &Check) -> Result<System<P>, CheckError> {
    let mut config = Config::separate(2, options.acceptors, 0)?;
    config.timeouts = Timeouts::NEVER;
    config.learning = Learning::Distinguished;
    let rivals = options.scenario == Scene::Rivals;
    if rivals {
        config.leadership = Leadership::SelfAppointed { backoff: None };
    }
    let first = 2 + options.acceptors;
    let asking = if options.scenario == Scene::Collision { 2 } else { 1 };
    let clients = if rivals { 0 } else { options.clients.unwrap_or(asking) };
    let ask = |k| (first + k, 10 + u64::from(k));
    let ballot = Ballot::classic(1, NodeId(0));
    let take_over = (0, 1, Message::TakeOver { ballot, chosen: Slot(0) });
    Ok(System {
        config: Arc::new(config),
        options: P::Options::default(),
        commands: if rivals { vec![(0, 10), (1, 11)] } else { (0..clients).map(ask).collect() },
        early: if options.scenario == Scene::Succession { vec![take_over] } else { Vec::new() },
        processes: first + clients,
        rounds: options.rounds.unwrap_or(if rivals { 1 } else { 2 }),
        crashes: options.crashes,
        forgetful: options.forgetful,
        writes: options.writes,
    })
}

fn explore<P: Checked>(options: &Check, system: System<P>, mut progress: impl FnMut(String)) -> Explored {
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
        states: checker.unique_state_count(),
        steps: checker.state_count(),
        depth: checker.max_depth(),
        seconds: start.elapsed().as_secs_f64(),
        complete: !cut && checker.discovery(AGREEMENT).is_none(),
        agreement: checker.discovery(AGREEMENT).is_none(),
        decision: checker.discovery(SOMETHING).is_some(),
        everything: checker.discovery(EVERYTHING).is_some(),
        counterexample,
    }
}
