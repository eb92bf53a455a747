//! `paxos-bench check`: explores the runs of a small cluster with the model checker stateright. The nodes are the ones
//! that users run. The network may delay, reorder, duplicate and lose messages. A proposer that is refused begins a higher
//! ballot, up to a round that the options say.

mod explored;
mod local;
mod options;
mod run;
mod system;
mod table;
#[cfg(test)]
mod tests;

pub use explored::{Explorable, Explored};
pub use options::{Check, Checkable, HELP, Scene};
pub use run::Found;

use crate::options::arguments::Progress;
use crate::theory::Recovery;
use basic_paxos::BasicPaxos;
use fast_paxos::FastPaxos;
use multi_paxos::MultiPaxos;
use paxos_core::{
    Ballot, Change, Config, Leadership, Learning, Message, NodeId, NodeSet, QuorumError, Slot, Timeouts,
};
use stateright::{Checker, Model};
use std::io;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};
use std::thread;
use std::time::{Duration, Instant};
use system::{AGREEMENT, Checked, EVERYTHING, SOMETHING, SUCCEEDED, System};
use table::{Renamings, Table};

/// At most this many acceptors are taken for alike: of more, there are too many orders to compare.
const ALIKE: u16 = 5;

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
    /// Acceptors are not alike.
    #[error(
        "{0} ends differently when acceptors take each other's places: explore all states with --no-symmetry"
    )]
    Uneven(String),
    /// A file cannot be written.
    #[error("the steps cannot be written to {}: {source}; name another file with --trace-out", file.display())]
    Trace {
        /// The file.
        file: PathBuf,
        /// The reason.
        source: io::Error,
    },
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
        Checkable::Basic => explore(options, system::<BasicPaxos<u64, u64>>(options)?, progress),
        Checkable::Multi => explore(options, system::<MultiPaxos<u64, u64>>(options)?, progress),
        Checkable::Fast => {
            let mut system = system::<FastPaxos<u64, u64>>(options)?;
            system.options.recovery = match options.recovery.unwrap_or(Recovery::Coordinated) {
                Recovery::Classic => fast_paxos::Recovery::Classic,
                Recovery::Coordinated => fast_paxos::Recovery::Coordinated,
                Recovery::Uncoordinated => fast_paxos::Recovery::Uncoordinated,
            };
            explore(options, system, progress)
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
    // Acceptors that are nothing else are alike. Those that recover by themselves all read the votes of one quorum, the same
    // for all.
    let alike = !replaces && !options.no_symmetry && options.recovery != Some(Recovery::Uncoordinated);
    let same = if alike { 2..2 + options.acceptors.min(ALIKE) } else { 0..0 };
    let processes = first + clients;
    let table = Table::new(Renamings::of(processes, same.clone()));
    Ok(System {
        config: Arc::new(config),
        options: P::Options::default(),
        commands: if rivals { vec![(0, 10), (1, 11)] } else { (0..clients).map(ask).collect() },
        change: replaces.then(|| Change::replace(NodeId(last), NodeId(options.acceptors))),
        early: if succeeds { vec![transfer] } else { Vec::new() },
        processes,
        clients,
        rounds: options.rounds,
        crashes: options.crashes,
        forgetful: options.forgetful,
        writes: options.writes,
        repeats: options.repeats,
        same,
        table: RwLock::new(table),
        covered: AtomicU64::new(0),
    })
}

fn explore<P: Checked>(
    options: &Check,
    system: System<P>,
    progress: Progress<'_>,
) -> Result<Explored, CheckError> {
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
            "{} states, {} of single processes, {} steps, depth {}",
            checker.unique_state_count(),
            checker.model().table().len(),
            checker.state_count(),
            checker.max_depth()
        ));
        thread::sleep(Duration::from_millis(50));
    }
    let checker = checker.join();
    // Before a run is looked up, which counts states again.
    let covered = checker.model().covered.load(Ordering::Relaxed);
    let system = checker.model();
    if let Err(step) = system.table().even() {
        return Err(CheckError::Uneven(step.to_owned()));
    }
    let found = checker.discovery(AGREEMENT).map(|run| Found::new(system, run));
    let cut = options.steps > 0 && checker.state_count() as u64 >= options.steps
        || options.seconds > 0 && start.elapsed() >= Duration::from_secs(options.seconds);
    Ok(Explored {
        variant: options.variant,
        scenario: options.scenario,
        cluster,
        symmetry: !system.same.is_empty(),
        states: checker.unique_state_count(),
        covered,
        steps: checker.state_count(),
        depth: checker.max_depth(),
        seconds: start.elapsed().as_secs_f64(),
        complete: !cut && checker.discovery(AGREEMENT).is_none(),
        agreement: checker.discovery(AGREEMENT).is_none(),
        decision: checker.discovery(SOMETHING).is_some(),
        everything: checker.discovery(EVERYTHING).is_some(),
        succeeded: (options.scenario == Scene::Replacement).then(|| checker.discovery(SUCCEEDED).is_some()),
        single: system.table().len(),
        counterexample: found.as_ref().map(|found| found.told.clone()).unwrap_or_default(),
        found,
    })
}
