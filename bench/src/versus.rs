//! `paxos-bench versus`: compares this cluster with etcd, Redis and the floor, in one run with the same load.
//!
//! The speed of a machine changes from minute to minute. So the systems take turns in rounds, and each ratio compares
//! two measurements of the same round. All servers run all the time; those that are not being measured are nearly idle.
//!
//! ```text
//! options    the command line                  home     the directory in which all run
//! processes  started, stopped, last words      ready    when a server answers, and which one leads
//! systems    what takes part, what it promises
//! spread     medians over rounds               report   the result        table    as text
//! etcd       its client                        floor    the least that has to be done
//! ```

pub(crate) mod etcd;
pub mod floor;
mod home;
mod options;
mod processes;
mod ready;
mod report;
mod spread;
mod systems;
mod table;

pub use options::{Against, HELP, Versus};
pub use report::{Measured, Missing, Point, Ratio, Report, SystemPoint};
pub use spread::Spread;
pub use systems::{Promise, Started};

use crate::options::arguments::{Misfit, Progress};
use core::time::Duration;
use home::Home;
use processes::Processes;
use std::io;
use systems::{Ask, System};
use tokio::time::{Instant, sleep};

/// The pause between two measurements, so that the last writes of one system do not slow down the next.
const SETTLE: Duration = Duration::from_millis(300);

/// Why nothing was compared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VersusError {
    /// An option that has no effect.
    #[error(transparent)]
    Misfit(#[from] Misfit),
    /// More bytes under way than the machine should handle.
    #[error("--clients {clients} with --value-size {size} has more than 64 MiB under way: lower one of them")]
    TooMuch {
        /// The number of clients.
        clients: u32,
        /// The length of a value in bytes.
        size: u32,
    },
    /// The directory cannot be written.
    #[error(
        "cannot write to the directory {path}: {source}; name one with --data that exists and that you may write to"
    )]
    Data {
        /// The directory.
        path: String,
        /// The system's error.
        source: io::Error,
    },
    /// A server does not start.
    #[error("{name} did not start: {why}")]
    Start {
        /// The system.
        name: &'static str,
        /// The reason, and what to do.
        why: String,
    },
    /// A server stopped unexpectedly.
    #[error("{name} stopped unexpectedly ({status}): read its last log lines, and run this again\n{said}")]
    Died {
        /// The system.
        name: &'static str,
        /// The exit status.
        status: std::process::ExitStatus,
        /// The last lines of its log.
        said: String,
    },
    /// A system answered no write.
    #[error(
        "{name} answered no write in {seconds} s with --clients {clients}: {why}; give more --seconds, or fewer \
         --clients"
    )]
    Silent {
        /// The system.
        name: &'static str,
        /// The number of clients.
        clients: u32,
        /// The duration in seconds.
        seconds: f64,
        /// The first error that occurred.
        why: String,
    },
    /// The load failed.
    #[error(transparent)]
    Load(#[from] crate::load::LoadError),
    /// The run was stopped from outside.
    #[error("stopped before the last round, so there is no result; all servers are stopped")]
    Interrupted,
    /// Another error of the system.
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl VersusError {
    /// Whether only the command line is wrong.
    pub fn is_input(&self) -> bool {
        matches!(self, Self::Misfit(_) | Self::TooMuch { .. } | Self::Data { .. })
    }
}

/// Compares the systems, and reports progress from time to time. It leaves no server running, even after an error.
///
/// # Errors
/// [`VersusError`]. A missing etcd or Redis is part of the result and not an error.
pub fn versus(options: &Versus, progress: Progress<'_>) -> Result<Report, VersusError> {
    options.check()?;
    let home = Home::create(options.data.as_deref())?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(run(options, &home, progress))
}

async fn run(options: &Versus, home: &Home, progress: Progress<'_>) -> Result<Report, VersusError> {
    let stopping = stop_signal()?;
    let mut processes = Processes::new(home);
    let result = tokio::select! {
        result = compare(options, &mut processes, progress) => result,
        () = stopping => Err(VersusError::Interrupted),
    };
    progress("stopping the servers".into());
    processes.stop().await;
    result
}

/// Completes when this process is told to end, also by a closed terminal: the servers do not notice that.
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    let stopping = crate::server::stop_signal(false)?;
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let (mut hangup, mut quit) = (signal(SignalKind::hangup())?, signal(SignalKind::quit())?);
        Ok(async move {
            tokio::select! {
                () = stopping => {}
                _ = hangup.recv() => {}
                _ = quit.recv() => {}
            }
        })
    }
    #[cfg(not(unix))]
    Ok(stopping)
}

async fn compare(
    options: &Versus,
    processes: &mut Processes<'_>,
    progress: Progress<'_>,
) -> Result<Report, VersusError> {
    let (systems, missing) = systems::start(options, processes, progress).await?;
    let one = Duration::from_secs_f64(options.seconds) + SETTLE;
    let mut left = one * (options.clients.len() * systems.len()) as u32 * options.rounds;
    let mut measured = Vec::new();
    for round in 0..options.rounds {
        for clients in options.clients.iter().copied() {
            for nth in 0..systems.len() {
                // Each round begins with another system.
                let system = &systems[(nth + round as usize) % systems.len()];
                let what = format!(
                    "round {} of {}: {}, clients {clients}",
                    round + 1,
                    options.rounds,
                    system.started.name
                );
                let began = Instant::now();
                let ask = Ask { clients, round, value_size: options.value_size, seconds: options.seconds };
                let mut tell = |said: &str| {
                    let seconds = left.saturating_sub(began.elapsed()).as_secs();
                    progress(format!("{what}{said}; {seconds} s left"));
                };
                tell("");
                measured.push(measure(system, ask, &mut |said| tell(&format!(", {said}"))).await?);
                processes.all_run()?;
                sleep(SETTLE).await;
                left = left.saturating_sub(one);
            }
        }
    }
    let started = systems.into_iter().map(|system| system.started).collect();
    Ok(Report::new(options, processes.home(), started, missing, measured))
}

async fn measure(system: &System, ask: Ask, progress: Progress<'_>) -> Result<Measured, VersusError> {
    let report = system.load(ask, progress).await?;
    let name = system.started.name;
    let Ask { clients, round, seconds, .. } = ask;
    let measured = Measured::new(name, clients, round + 1, &report);
    if measured.answered == 0 {
        let why = report.error.unwrap_or_else(|| "it gave no reason".into());
        return Err(VersusError::Silent { name, clients, seconds, why });
    }
    Ok(measured)
}
