//! The start of a member: what is checked, looked up and read before clients are served.

use super::certificates::Certificates;
use super::moved::{self, Moved};
use super::pages::Pages;
use super::{ServeError, limits, make_dir};
use crate::kv::{Command, Replies, Store};
use crate::server::clock::wall_nanos;
use crate::server::tls::{Certified, ClientPort};
use crate::server::{ClientTls, ClusterFile, Member, Serve, Tls};
use paxos_core::{NodeId, Protocol, Time};
use paxos_transport::metrics::MetricsServer;
use paxos_transport::{BindError, Port, Portable, Prepared, Replicated, TcpHandle, TraceOut};
use std::fs::OpenOptions;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use tokio::net::{TcpListener, lookup_host};
use tokio::task::spawn_blocking;

/// A member that runs, and what it needs to serve clients.
pub(super) struct Started {
    pub(super) member: Arc<dyn Member>,
    pub(super) handle: TcpHandle,
    /// The port for clients, and its address.
    pub(super) port: Port,
    pub(super) resp: String,
    pub(super) tls: Option<Arc<ClientPort>>,
    pub(super) pages: Arc<Pages>,
    /// What serves the pages, until it is dropped.
    pub(super) metrics: Option<MetricsServer>,
}

/// Checks everything that can be checked before anything is created, opens the store, and starts the member.
pub(super) async fn start<P>(
    options: &Serve,
    file: &ClusterFile,
    variant: P::Options,
) -> Result<Started, ServeError>
where
    P: Portable + Protocol<Value = Command, Reply = Replies>,
{
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
    let metrics = match &options.metrics {
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
    let (member, handle) = open(options, file, builder.prepare().await?).await?;
    if let Some(certificates) = certificates {
        let carrier = handle.clone();
        tokio::spawn(certificates.keep(move |new| carrier.renew(new)));
    }
    let tls = for_clients.map(|(certificates, port)| {
        let renewed = Arc::clone(&port);
        tokio::spawn(certificates.keep(move |new| renewed.renew(new)));
        port
    });
    Ok(Started { member, handle, port, resp, tls, pages, metrics })
}

/// Opens the store, which may take as long as reading it does, and starts the member.
async fn open<P>(
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
        Err(error) => tracing::warn!(
            %error,
            "cannot keep the addresses of all members in --data, so it is not noticed if one of them moves"
        ),
    }
}

/// A trace goes on where a former incarnation of the member ended.
fn trace(path: &Path) -> Result<TraceOut, ServeError> {
    let file = OpenOptions::new().create(true).append(true).open(path);
    let file = file.map_err(|source| ServeError::Trace { path: path.display().to_string(), source })?;
    Ok(TraceOut::new(file, || Time(wall_nanos())))
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
