//! The run: one window after another.

use super::act::Done;
use super::clients::{Clients, Findings, Habits};
use super::cluster::Cluster;
use super::members::Setup;
use super::report::{Failure, Summary, left, line};
use super::{Fault, Nemesis, NemesisError, plan};
use crate::linearize::write_history;
use crate::server::{Reads, Waits, make_dir, stop_signal};
use core::time::Duration;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use tempfile::TempDir;
use tokio::time::Instant;

/// The number of spares of a cluster. When fewer than two are left, a new cluster is founded.
const SPARES: usize = 6;

/// How long any step may take before it counts as a failure. No correct step takes as long, even on a busy machine.
const BOUND: Duration = Duration::from_secs(90);

/// The directory of a run.
enum Home {
    Given(PathBuf),
    Temporary(TempDir),
}

impl Home {
    fn new(options: &Nemesis) -> Result<Self, NemesisError> {
        if let Some(data) = &options.data {
            make_dir(data)?;
            return Ok(Self::Given(data.clone()));
        }
        let made = tempfile::Builder::new().prefix("paxos-nemesis-").tempdir();
        Ok(Self::Temporary(made.map_err(NemesisError::io("cannot make a temporary directory"))?))
    }

    fn path(&self) -> &Path {
        match self {
            Self::Given(path) => path,
            Self::Temporary(dir) => dir.path(),
        }
    }

    /// Keeps the directory when this process ends.
    fn keep(self) {
        if let Self::Temporary(dir) = self {
            _ = dir.keep();
        }
    }
}

/// Runs the windows. Calls `tell` with a line for each.
///
/// # Errors
/// [`NemesisError`] if the run cannot start. A window that fails is no error here: see [`Summary::failure`].
pub fn nemesis(options: &Nemesis, tell: &mut dyn FnMut(&str)) -> Result<Summary, NemesisError> {
    let faults = options.check()?;
    let home = Home::new(options)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(NemesisError::io("cannot start the runtime"))?;
    let summary = runtime.block_on(run(options, &faults, home.path(), tell));
    if !summary.as_ref().is_ok_and(Summary::holds) {
        home.keep();
    }
    summary
}

async fn run(
    options: &Nemesis,
    faults: &[Fault],
    home: &Path,
    tell: &mut dyn FnMut(&str),
) -> Result<Summary, NemesisError> {
    let stopping = stop_signal(false).map_err(NemesisError::io("cannot await signals"))?;
    let stop = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&stop);
    tokio::spawn(async move {
        stopping.await;
        told.store(true, SeqCst);
    });
    let (begun, time) = (Instant::now(), options.time());
    let mut summary =
        Summary { variant: options.variant.to_string(), seed: options.seed, ..Summary::default() };
    let mut cluster: Option<Cluster> = None;
    let needs_spares = faults.iter().any(|fault| fault.changes_members());
    for window in options.first_window.. {
        let ended = window - options.first_window;
        let is_over = match (options.windows, time) {
            (Some(windows), _) => ended >= windows,
            (None, time) => time.is_some_and(|time| begun.elapsed() >= time),
        };
        if is_over || stop.load(SeqCst) {
            break;
        }
        // A cluster without enough spares to replace a member is not used any more.
        let is_used_up = |old: &Cluster| needs_spares && Fault::Replace.may(old.standing()).is_err();
        let old = cluster.take().filter(|old| !is_used_up(old));
        let mut running = if let Some(old) = old {
            old
        } else {
            let dir = home.join(format!("cluster-{}", summary.clusters));
            make_dir(&dir)?;
            summary.clusters += 1;
            let founded = Cluster::found(setup(options, dir.clone())?, options.seed, BOUND).await;
            founded.map_err(|source| NemesisError::Start { dir, source: source.into() })?
        };
        let mut done = Vec::new();
        let outcome = running.window(options, window, faults, &mut done).await;
        summary.add(window, &done, &outcome.findings);
        let remaining = options.windows.map(|windows| windows - ended - 1);
        let left = left(remaining, time.map(|time| time.saturating_sub(begun.elapsed())));
        tell(&line(options, window, &done, &outcome, &left));
        let judged = &outcome.findings.report;
        if !judged.undecided.is_empty() || !judged.conflicts.is_empty() || outcome.failure.is_some() {
            let history = home.join(format!("window-{window}.jsonl"));
            let wrong = NemesisError::io(format!("cannot write {}", history.display()));
            write_history(&history, &outcome.findings.history).map_err(wrong)?;
            let mut what = outcome.failure.map(|error| error.to_string());
            if !judged.conflicts.is_empty() {
                what = Some([what.unwrap_or_default(), judged.table()].join("\n"));
            }
            if let Some(what) = what {
                let (data, again) = (running.members.dir().to_owned(), options.again(window));
                let faults = done.iter().map(|done| done.fault).collect();
                let seed = options.seed;
                summary.failure = Some(Failure { seed, window, what, faults, history, data, again });
                break;
            }
        }
        cluster = Some(running);
    }
    Ok(summary)
}

fn setup(options: &Nemesis, dir: PathBuf) -> Result<Setup, NemesisError> {
    let program = std::env::current_exe().map_err(NemesisError::io("cannot find this program"))?;
    let lease_ms = if options.reads == Reads::Lease { 250 } else { 0 };
    let reads = crate::server::reads_name(options.reads.into());
    Ok(Setup {
        program,
        dir,
        variant: options.variant,
        nodes: options.nodes.into(),
        spares: SPARES,
        waits: Waits { lease_ms, give_up_ms: 5000, ..Waits::default() },
        arguments: ["--reads", reads].map(Into::into).into(),
    })
}

/// The result of a window.
pub(super) struct Outcome {
    pub(super) findings: Findings,
    /// Why it failed, other than by its history.
    pub(super) failure: Option<NemesisError>,
}

impl Cluster {
    /// Runs one window: clients work under faults, then the history is checked and the keys are deleted.
    async fn window(
        &mut self,
        options: &Nemesis,
        window: u64,
        faults: &[Fault],
        done: &mut Vec<Done>,
    ) -> Outcome {
        let processes = u64::from(options.nodes) + 1;
        let habits = Habits {
            writers: processes + 1,
            // Two at each process, and a third at the first one.
            readers: 2 * processes + 1,
            patience: Duration::from_millis(1500),
            glance: Duration::from_millis(500),
            prefix: format!("{window}:"),
            seed: options.seed ^ (window + 1) << 20,
        };
        let mut clients = Clients::start(Arc::clone(&self.addresses), habits);
        let ended = self.harm(options, window, faults, done).await;
        let finished = match ended {
            Ok(()) => clients.finish(self.bound).await,
            Err(error) => Err(error),
        };
        match finished {
            Ok(findings) => {
                let forgotten = if findings.is_linearizable() {
                    let address = self.addresses.all().into_iter().next().unwrap_or_default();
                    Clients::forget(&findings, &address, self.bound).await
                } else {
                    Ok(())
                };
                Outcome { findings, failure: forgotten.err() }
            }
            Err(error) => Outcome { findings: clients.findings().await, failure: Some(error) },
        }
    }

    /// Causes the faults of a window, one episode after another. Returns when each member has answered a write.
    async fn harm(
        &mut self,
        options: &Nemesis,
        window: u64,
        faults: &[Fault],
        done: &mut Vec<Done>,
    ) -> Result<(), NemesisError> {
        let (begun, length) = (Instant::now(), Duration::from_secs(options.window));
        for episode in plan::draw(options.seed, window, faults, length) {
            if begun.elapsed() >= length {
                break;
            }
            self.suffer(&episode, done).await?;
        }
        self.recover().await.map(drop)
    }
}
