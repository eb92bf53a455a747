//! A member as a process: from the command line to a server, and to its end.

mod certificates;
mod error;
mod limits;
mod log;
mod moved;
mod pages;
mod start;

pub use error::ServeError;
pub use log::init_log;

use super::file::durable;
use super::options::Serve;
use super::{ClusterFile, Member, Peer, Server, Settings};
use crate::kv::{Command, Replies};
use crate::variants::WithStore;
use core::future::Future;
use core::pin::pin;
use core::time::Duration;
use paxos_core::{NodeId, Protocol};
use paxos_transport::Portable;
use start::{Started, start};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use tokio::io::AsyncReadExt;
use tokio::runtime::{Builder, Runtime};
use tokio::time::{sleep, timeout};

/// Runs a member until it is told to stop.
///
/// # Errors
/// [`ServeError`]: it cannot run, or not any more.
pub fn serve(options: &Serve) -> Result<(), ServeError> {
    init_log(&options.clients.log, &NodeId(options.id).to_string())?;
    let file = ClusterFile::read(&options.cluster)?;
    if file.place(options.id).is_none() {
        return Err(ServeError::Stranger(options.id));
    }
    let clients = limits::clients(options.clients.maxclients);
    let runtime = runtime(options.clients.threads)?;
    options.variant.with_store(Running { options, file, clients, runtime })
}

/// A runtime of so many threads. One thread needs no scheduler that hands tasks to others.
fn runtime(threads: Option<u16>) -> io::Result<Runtime> {
    let threads = threads.map_or_else(cores, usize::from);
    let mut builder = match threads {
        1 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    builder.worker_threads(threads).enable_all().build()
}

/// How many threads can run at a time.
pub(crate) fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

struct Running<'a> {
    options: &'a Serve,
    file: ClusterFile,
    /// How many clients may be connected.
    clients: usize,
    runtime: Runtime,
}

impl WithStore for Running<'_> {
    type Out = Result<(), ServeError>;

    fn run<P>(self, variant: P::Options) -> Self::Out
    where
        P: Portable + Protocol<Value = Command, Reply = Replies>,
    {
        let Self { options, file, clients, runtime } = self;
        let done = runtime.block_on(run::<P>(options, &file, clients, variant));
        // Clients that still wait do not hold it up.
        runtime.shutdown_background();
        done
    }
}

async fn run<P>(
    options: &Serve,
    file: &ClusterFile,
    clients: usize,
    variant: P::Options,
) -> Result<(), ServeError>
where
    P: Portable + Protocol<Value = Command, Reply = Replies>,
{
    let mut stopping = pin!(stop_signal(options.until_stdin_ends)?);
    let started = tokio::select! {
        started = start::<P>(options, file, variant) => started?,
        // A name server may not answer, and reading a large store takes a while. What was begun ends with the process.
        () = &mut stopping => {
            tracing::info!("stops before it has started");
            return Ok(());
        }
    };
    // The pages are served until this function ends.
    let Started { member, handle, port, resp, tls, pages, metrics: _metrics } = started;
    let settings =
        Settings { carrier: Some(handle.clone()), tls, clients, ..settings(options, file, resp.clone()) };
    let listener = port.listen().map_err(|source| ServeError::Listen { address: resp.clone(), source })?;
    let server = Server::start(Arc::clone(&member), listener, settings);
    let watch = server.watch(handle);
    pages.run(move |path| watch.page(path));
    let peer = file.place(options.id).map_or("", |place| &place.peer);
    ready(options, &resp, peer).map_err(ServeError::Output)?;

    tokio::select! {
        ended = member.stopped() => {
            server.stop().await;
            return Ok(ended?);
        }
        () = stopping => {}
    }
    tracing::info!("stops");
    hand_over(&member).await;
    server.stop().await;
    member.shutdown().await?;
    tracing::info!("has stopped");
    Ok(())
}

/// How long a leader that stops waits for another to lead.
const HAND_OVER: Duration = Duration::from_millis(500);

/// The others need no election if the leader names the next one before it goes.
async fn hand_over(member: &Arc<dyn Member>) {
    let others = member.members().proposers.iter().filter(|other| *other != member.id());
    let handed = async {
        for other in others {
            if !member.status().leads || member.transfer(other).await.is_err() {
                return;
            }
            for _ in 0..10 {
                sleep(HAND_OVER / 20).await;
                if !member.status().leads {
                    return;
                }
            }
        }
    };
    // If it takes too long, there will be an election.
    drop(timeout(HAND_OVER, handed).await);
}

/// Makes a directory, and those above it. A power loss does not undo it.
pub(crate) fn make_dir(path: &Path) -> Result<(), ServeError> {
    let wrong = |source| ServeError::Directory { path: path.display().to_string(), source };
    durable::make_dir(path).map_err(wrong)
}

/// One line for people and programs.
fn ready(options: &Serve, resp: &str, peer: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let pid = std::process::id();
    writeln!(out, "ready id={} variant={} resp={resp} peer={peer} pid={pid}", options.id, options.variant)?;
    out.flush()
}

fn settings(options: &Serve, file: &ClusterFile, resp: String) -> Settings {
    let spare = |id| file.spares.iter().any(|spare| spare.id == id);
    let peers = file.places().map(|place| Peer {
        id: NodeId(place.id),
        peer: place.peer.clone(),
        resp: if place.id == options.id { resp.clone() } else { place.resp.clone() },
        spare: spare(place.id),
    });
    Settings {
        variant: options.variant.name(),
        reads: options.clients.reads.into(),
        password: options.clients.requirepass.clone(),
        patience: file.patience(),
        batches: options.clients.batches.into(),
        peers: peers.collect(),
        resp,
        ..Settings::default()
    }
}

/// Ready when the process is told to stop.
pub(crate) fn stop_signal(at_end_of_stdin: bool) -> io::Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    #[cfg(unix)]
    let mut interrupt = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())?;
    let stdin = async move {
        if !at_end_of_stdin {
            core::future::pending::<()>().await;
        }
        let mut rest = Vec::new();
        // However it ends, it has ended.
        drop(tokio::io::stdin().read_to_end(&mut rest).await);
    };
    Ok(async move {
        #[cfg(unix)]
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            () = stdin => {}
        }
        #[cfg(not(unix))]
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            () = stdin => {}
        }
    })
}
