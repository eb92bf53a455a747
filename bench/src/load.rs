//! `paxos-bench load`: a load generator for any server that speaks the Redis protocol.
//!
//! In a closed loop, a client sends its next request when the last is answered, so a slow server gets fewer requests
//! and its slowness is underreported. In an open loop (`--rate`), requests are due on a schedule, and latency counts
//! from the due time, however late they are sent: a slow server cannot hide its delays. What is still due `--timeout` after the
//! end is counted as not sent. Percentiles that these and the operations without an answer would raise are marked.

mod client;
mod draw;
mod fill;
mod history;
mod link;
mod options;
mod tally;

pub use history::Line;
pub(crate) use link::Wire;
pub(crate) use options::positive;
pub use options::{Form, Load, Skew, Workload};
pub use tally::{Report, Row};

use crate::options::arguments::{Misfit, Progress, TlsArgumentError};
use client::{Shared, Worker};
use core::time::Duration;
use draw::{Draw, Zipf};
use history::History;
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use tally::Tally;
use tokio::net::lookup_host;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

/// Why a load failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// An option that has no effect.
    #[error(transparent)]
    Misfit(#[from] Misfit),
    /// Certificates.
    #[error(transparent)]
    Tls(#[from] TlsArgumentError),
    /// The host name in an address of `--addr` cannot be resolved.
    #[error("--addr {address} cannot be found: {source}; correct the name")]
    Address {
        /// The address.
        address: String,
        /// The system's error.
        source: io::Error,
    },
    /// The history cannot be written.
    #[error("cannot write {path}: {source}; name a file in a directory that exists, on a disk with room")]
    History {
        /// The file.
        path: String,
        /// The system's error.
        source: io::Error,
    },
    /// The keys could not be set.
    #[error("cannot set the keys: {0}; start the servers, name them with --addr, or give --no-fill")]
    Fill(io::Error),
    /// Another error of the system.
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl LoadError {
    /// Whether only the command line or a file is wrong.
    pub fn is_input(&self) -> bool {
        matches!(self, Self::Misfit(_) | Self::Tls(_) | Self::Address { .. } | Self::History { .. })
    }
}

/// Generates a load, and reports progress from time to time.
///
/// # Errors
/// [`LoadError`]. Servers that fail during the load are part of the result.
pub fn load(options: &Load, progress: Progress<'_>) -> Result<Report, LoadError> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(run(options, Wire::Redis, progress))
}

/// Generates a load on servers that speak `wire`. Only the Redis protocol supports more than updates.
pub(crate) async fn run(options: &Load, wire: Wire, progress: Progress<'_>) -> Result<Report, LoadError> {
    assert!(wire == Wire::Redis || options.workload == Workload::Write, "etcd gets updates only");
    options.check()?;
    let tls = options.tls.connector()?;
    for address in &options.addr {
        let wrong = |source| LoadError::Address { address: address.clone(), source };
        drop(lookup_host(address).await.map_err(wrong)?);
    }
    let failed = |source| LoadError::History {
        path: options.history_out.as_ref().map(|path| path.display().to_string()).unwrap_or_default(),
        source,
    };
    let history = options.history_out.as_deref().map(History::create).transpose().map_err(failed)?;
    let zipf = Arc::new(Zipf::new(options.keys));
    let keys = Arc::new(AtomicU64::new(options.keys));
    let mut shared = Shared {
        tally: Tally::default(),
        history,
        epoch: Instant::now(),
        began: Instant::now(),
        until: Instant::now(),
        left: AtomicU64::new(options.count.unwrap_or(u64::MAX)),
        wire,
        tls,
        options: options.clone(),
    };
    // A register history starts with whatever the servers hold.
    if !options.no_fill && options.workload != Workload::Register {
        progress(format!("setting {} keys", options.keys));
        let filler = Arc::new(shared);
        let draw = Draw::new(options, options.clients, Arc::clone(&zipf), Arc::clone(&keys));
        let mut worker = Worker::new(Arc::clone(&filler), draw, options.clients);
        worker.fill().await.map_err(LoadError::Fill)?;
        drop(worker);
        shared = Arc::into_inner(filler).ok_or_else(|| io::Error::other("a client is still running"))?;
    }
    let began = Instant::now();
    shared.began = began;
    shared.until = began + Duration::from_secs_f64(options.seconds);
    if shared.history.is_none() {
        shared.epoch = began;
    }
    let shared = Arc::new(shared);
    let mut workers = JoinSet::new();
    for nth in 0..options.clients {
        let draw = Draw::new(options, nth, Arc::clone(&zipf), Arc::clone(&keys));
        workers.spawn(Worker::new(Arc::clone(&shared), draw, nth).run());
    }
    let mut before = 0;
    let seconds = loop {
        tokio::select! {
            ended = workers.join_next() => if ended.is_none() { break began.elapsed().as_secs_f64() },
            () = sleep(Duration::from_millis(500)) => {
                let count = shared.tally.count();
                let elapsed = began.elapsed().as_secs_f64();
                progress(format!("{elapsed:.0} s: {count} answered, {} a second", (count - before) * 2));
                before = count;
            }
        }
    };
    let shared = Arc::into_inner(shared).ok_or_else(|| io::Error::other("a client is still running"))?;
    shared.history.map_or(Ok(()), History::finish).map_err(failed)?;
    Ok(shared.tally.report(seconds))
}
