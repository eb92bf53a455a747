//! A member as a process: from the command line to a server, and to its end.

mod certificates;
mod error;
mod limits;
mod log;
mod moved;
mod pages;

pub use error::ServeError;
pub use log::init_log;

use super::file::durable;
use super::options::Serve;
use super::tls::{Certified, ClientPort};
use super::{ClientTls, ClusterFile, Member, Peer, Server, Settings, Tls};
use crate::kv::{Command, Replies, Store};
use crate::variants::WithStore;
use certificates::Certificates;
use core::future::Future;
use core::pin::pin;
use core::time::Duration;
use moved::Moved;
use pages::Pages;
use paxos_core::{NodeId, Protocol, Time};
use paxos_transport::metrics::MetricsServer;
use paxos_transport::{BindError, Port, Portable, Prepared, Replicated, TcpHandle, TraceOut};
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, lookup_host};
use tokio::runtime::{Builder, Runtime};
use tokio::task::spawn_blocking;
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
    let stopping = stop_signal(options.until_stdin_ends)?;
    let place = file.place(options.id).ok_or(ServeError::Stranger(options.id))?;
    let id = NodeId(options.id);
    let config = file.config(options.id, options.variant.traits().leaderless)?;
    let address = options.resp.clone().unwrap_or_else(|| place.resp.clone());
    if address.is_empty() {
        return Err(ServeError::NoResp);
    }
    let resp = resolve("the address for clients", &address).await?;
    let peer = resolve("the address for members", &place.peer).await?;
    check_bind(options.insecure_bind, file, resp, peer)?;
    file.allows(options.clients.reads)?;
    let (certificates, tls) = certificates("tls", file.tls.as_ref(), options.id, Tls::read)?.unzip();
    if let Some(tls) = &tls {
        tls.check(id).map_err(BindError::from)?;
    }
    let for_clients = certificates_of_port(file, options.id)?;
    let failed = |source| ServeError::Listen { address: resp.to_string(), source };
    let port = Port::take(resp).map_err(failed)?;
    let resp = port.local_address().map_err(failed)?.to_string();
    let pages = Arc::new(Pages::default());
    // They are served until this function ends.
    let _metrics = match &options.metrics {
        Some(address) => Some(serve_pages(address, options.insecure_bind, Arc::clone(&pages)).await?),
        None => None,
    };
    let mut builder = Replicated::<P, Store>::builder(&file.name, id, config)
        // Variants of one type do not meet either.
        .variant(format!("{}, commands of format {}", options.variant.name(), crate::kv::FORMAT))
        .options(variant)
        .peers(file.places().map(|place| (NodeId(place.id), &place.peer)))
        .listen(peer.to_string())
        .limits(limits::connections(file));
    builder =
        if options.existing { builder.existing_store(&options.data) } else { builder.store(&options.data) };
    if let Some(tls) = tls {
        builder = builder.tls(tls);
    }

    let mut stopping = pin!(stopping);
    let starting = start(options, file, builder.prepare().await?);
    let (member, handle) = tokio::select! {
        started = starting => started?,
        // Reading a large store takes a while. What was begun ends with the process.
        () = &mut stopping => {
            tracing::info!("stops before its store has been read");
            return Ok(());
        }
    };
    if let Some(certificates) = certificates {
        let carrier = handle.clone();
        tokio::spawn(certificates.keep(move |new| carrier.renew(new)));
    }
    let for_clients = for_clients.map(|(certificates, port)| {
        let renewed = Arc::clone(&port);
        tokio::spawn(certificates.keep(move |new| renewed.renew(new)));
        port
    });
    let settings = Settings {
        carrier: Some(handle.clone()),
        tls: for_clients,
        clients,
        ..settings(options, file, resp.clone())
    };
    let server = Server::start(Arc::clone(&member), port.listen().map_err(failed)?, settings);
    let watch = server.watch(handle);
    pages.run(move |path| watch.page(path));
    ready(options, &resp, &place.peer).map_err(ServeError::Output)?;

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

/// Opens the store, which may take as long as reading it does, and starts the member.
async fn start<P>(
    options: &Serve,
    file: &ClusterFile,
    mut prepared: Prepared<P, Store>,
) -> Result<(Arc<dyn Member>, TcpHandle), ServeError>
where
    P: Portable + Protocol<Value = Command, Reply = Replies>,
{
    if let Some(path) = &options.trace_out {
        prepared = prepared.trace(trace(path)?);
    }
    if !options.existing {
        make_dir(&options.data)?;
    }
    let bound = prepared.open().await?;
    let handle = bound.handle();
    let (dir, file) = (options.data.clone(), file.clone());
    // It waits for the disk, so a runtime of one thread would not hear that the process is to stop.
    spawn_blocking(move || tell_moved(&dir, &file)).await.map_err(io::Error::other)?;
    let member = bound.start(Store::default()).await?;
    Ok((Arc::new(member), handle))
}

/// Serves `/metrics`, `/healthz` and `/readyz`, before anything is started.
async fn serve_pages(address: &str, insecure: bool, pages: Arc<Pages>) -> Result<MetricsServer, ServeError> {
    let what = "the address for metrics";
    let at = resolve(what, address).await?;
    if !insecure && !at.ip().is_loopback() {
        let remedy = "put a proxy with TLS in front of a loopback address";
        return Err(ServeError::Insecure { what, address: at.to_string(), remedy });
    }
    let failed = |source| ServeError::Listen { address: at.to_string(), source };
    let listener = TcpListener::bind(at).await.map_err(failed)?;
    let server = MetricsServer::start(listener, move |path| pages.page(path))?;
    tracing::info!("serves /metrics, /healthz and /readyz at {}", server.local_address());
    Ok(server)
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

/// Whoever moved a process knows; whoever mistyped an address does not.
fn tell_moved(dir: &Path, file: &ClusterFile) {
    match moved::since(dir, file) {
        Ok(moved) => {
            for Moved { id, what, before, now } in moved {
                tracing::warn!(
                    "`{what}` of process {id} is {now} in the cluster's file, and was {before} when this member last ran; \
                     correct the file, unless that process has moved"
                );
            }
        }
        Err(error) => tracing::warn!(%error, "it is not known who has moved: remove `addresses` in --data"),
    }
}

/// A trace goes on where a former incarnation of the member ended.
fn trace(path: &Path) -> Result<TraceOut, ServeError> {
    let file = OpenOptions::new().create(true).append(true).open(path);
    let file = file.map_err(|source| ServeError::Trace { path: path.display().to_string(), source })?;
    Ok(TraceOut::new(file, || Time(super::clock::wall_nanos())))
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

async fn resolve(what: &'static str, address: &str) -> Result<SocketAddr, ServeError> {
    let wrong = |source| ServeError::Address { what, address: address.to_owned(), source };
    let none = || wrong(io::Error::other("the name has no address"));
    lookup_host(address).await.map_err(wrong)?.next().ok_or_else(none)
}

/// Reads the files of a section that is there.
fn certificates<S, T>(
    section: &'static str,
    files: Option<&S>,
    id: u16,
    read: fn(&S, u16) -> io::Result<T>,
) -> Result<Option<(Certificates<T>, T)>, ServeError>
where
    S: Clone + Send + 'static,
    T: Clone + PartialEq + 'static,
{
    let first = files.cloned().map(|files| Certificates::read(section, move || read(&files, id)));
    first.transpose().map_err(ServeError::Tls)
}

/// The files of the port for clients, and what uses them.
type ForClients = (Certificates<Certified>, Arc<ClientPort>);

/// TLS of the port for clients, if the file has it.
fn certificates_of_port(file: &ClusterFile, id: u16) -> Result<Option<ForClients>, ServeError> {
    let read = certificates("client_tls", file.client_tls.as_ref(), id, ClientTls::read)?;
    let port = read.map(|(certificates, first)| Ok((certificates, Arc::new(ClientPort::new(&first)?))));
    port.transpose().map_err(ServeError::ClientTls)
}

/// Nothing that others can reach is open by accident.
fn check_bind(
    insecure: bool,
    file: &ClusterFile,
    resp: SocketAddr,
    peer: SocketAddr,
) -> Result<(), ServeError> {
    let open = |address: SocketAddr| !insecure && !address.ip().is_loopback();
    if open(resp) && file.client_tls.is_none() {
        return Err(ServeError::Insecure {
            what: "the address for clients",
            address: resp.to_string(),
            remedy: "add [client_tls] to the cluster's file",
        });
    }
    if open(peer) && file.tls.is_none() {
        return Err(ServeError::Insecure {
            what: "the address for members",
            address: peer.to_string(),
            remedy: "add [tls] to the cluster's file",
        });
    }
    Ok(())
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
