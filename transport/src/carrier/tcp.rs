//! A network of sockets: TCP between processes, with or without mutual TLS.
//!
//! Each process dials every peer whose address it knows, and sends on the connections that it dialled; it receives on
//! those that others dialled. So two connections join two processes. Neither side has to choose between two
//! simultaneous connections, and each connection has one task that writes and one that reads.
//!
//! Sending never waits: a message goes to a bounded queue, or is dropped and counted. Each failed attempt to reach a
//! peer empties its queue. `docs/transport.md` describes all of this.

mod accept;
mod frame;
mod handshake;
mod link;
mod options;
mod stats;
mod tls;

pub use frame::WIRE_VERSION;
pub use options::{BindError, TcpLimits, TcpOptions};
pub use stats::{CarrierStats, PeerStats, Reason};
pub use tls::{TlsError, TlsOptions};

use super::{Port, Transport, TransportError};
use crate::Portable;
use accept::Arrived;
use async_trait::async_trait;
use bytes::Bytes;
use core::fmt;
use core::future::Future;
use link::Peer;
use paxos_core::{Envelope, Event, Former, Incarnation, Message, NodeId, Protocol};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use tls::Tls;
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::task::{AbortHandle, JoinSet};
use tracing::Instrument;

/// The state that the carrier, its handles and its tasks share.
struct Shared {
    options: TcpOptions,
    tls: RwLock<Option<Arc<Tls>>>,
    /// The address that it actually listens at.
    local: SocketAddr,
    /// `None` when the carrier is gone.
    listener: Mutex<Option<TcpListener>>,
    peers: RwLock<BTreeMap<NodeId, Arc<Peer>>>,
    /// For each peer, the task that reads its messages, and the number of its connection.
    readers: Mutex<BTreeMap<NodeId, (u64, AbortHandle)>>,
    /// This process's store, as its host last reported it.
    store: Mutex<Option<(Incarnation, Former)>>,
    /// `None` when the carrier is gone.
    tasks: Mutex<Option<JoinSet<()>>>,
    /// A task has panicked.
    panicked: Arc<Notify>,
    /// Room for messages that the host has not taken, in bytes.
    inbox: Arc<Semaphore>,
    room: usize,
    counts: stats::Counts,
}

/// Tells the carrier if it is dropped because a task panics.
struct Panics(Arc<Notify>);

impl Drop for Panics {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.notify_one();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// The current certificates, if TLS is used.
    fn tls(&self) -> Option<Arc<Tls>> {
        self.tls.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Starts a task that ends with the carrier; `None` if the carrier is gone.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> Option<AbortHandle> {
        let mut tasks = lock(&self.tasks);
        let tasks = tasks.as_mut()?;
        while tasks.try_join_next().is_some() {}
        let span = tracing::error_span!("process", id = %self.options.identity.node);
        let panics = Panics(Arc::clone(&self.panicked));
        let task = async move {
            task.await;
            drop(panics);
        };
        Some(tasks.spawn(task.instrument(span)))
    }

    /// Whether there is room for a connection from `from`.
    fn has_room_for(&self, from: NodeId) -> bool {
        let mut readers = lock(&self.readers);
        readers.retain(|_, (_, task)| !task.is_finished());
        readers.contains_key(&from) || readers.len() < self.options.limits.connections
    }

    /// Makes `task` the only reader of messages from `from`: a peer that connects again has given up its former
    /// connection. Connections are numbered in order of arrival. A connection that took longer to greet than a later
    /// one is not installed, so that a newer state of a peer's store is never followed by an older one.
    fn install(&self, from: NodeId, number: u64, task: impl Future<Output = ()> + Send + 'static) {
        let mut readers = lock(&self.readers);
        if readers.get(&from).is_some_and(|(later, _)| *later > number) {
            return;
        }
        if let Some(task) = self.spawn(task)
            && let Some((_, former)) = readers.insert(from, (number, task))
        {
            former.abort();
        }
    }

    fn store(&self) -> Option<(Incarnation, Former)> {
        lock(&self.store).clone()
    }

    /// Tells peers that connect from now on which store this process has. If it was unknown before, this greets the
    /// connected peers again so that they learn it.
    fn introduce(&self, store: Incarnation, former: &Former) {
        let known = lock(&self.store).replace((store, former.clone()));
        if known.is_none() {
            let peers = self.peers.read().unwrap_or_else(PoisonError::into_inner);
            peers.values().for_each(|peer| peer.greet_again());
        }
    }

    /// Sets a peer's address: `told` by the operator, or reported by the peer itself, which counts only if none was
    /// told.
    fn set_peer(self: &Arc<Self>, id: NodeId, address: String, told: bool) {
        if id == self.options.identity.node {
            return;
        }
        let mut peers = self.peers.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(peer) = peers.get(&id) {
            peer.move_to(address, told);
        } else if told || peers.len() < self.options.limits.connections {
            tracing::debug!(peer = %id, %address, told, "knows a new peer");
            let (peer, waiting) = Peer::new(id, address, told);
            peers.insert(id, Arc::clone(&peer));
            self.spawn(link::keep(Arc::clone(self), peer, waiting));
        }
    }
}

/// A carrier whose port is taken and whose certificates can be used, and that is not there for its peers yet.
pub(crate) struct Prepared {
    options: TcpOptions,
    tls: Option<Arc<Tls>>,
    port: Port,
}

impl Prepared {
    pub(crate) fn new(options: TcpOptions) -> Result<Self, BindError> {
        options.limits.check()?;
        let tls = match &options.tls {
            Some(certificates) => Some(Arc::new(Tls::new(certificates, options.identity.node)?)),
            None => None,
        };
        let port = Port::take(options.listen);
        let port = port.map_err(|source| BindError::Listen { address: options.listen, source })?;
        Ok(Self { options, tls, port })
    }

    /// Starts to listen, and begins to connect to the peers.
    pub(crate) fn start<P: Portable>(self) -> Result<TcpCarrier<P>, BindError> {
        let Self { options, tls, port } = self;
        let failed = |source| BindError::Listen { address: options.listen, source };
        let listener = port.listen().map_err(failed)?;
        let local = listener.local_addr().map_err(failed)?;
        let room = options.limits.inbox_bytes.clamp(1, Semaphore::MAX_PERMITS.min(u32::MAX as usize));
        let peers = options.peers.clone();
        let shared = Arc::new(Shared {
            options,
            tls: RwLock::new(tls),
            local,
            listener: Mutex::new(Some(listener)),
            peers: RwLock::default(),
            readers: Mutex::default(),
            store: Mutex::default(),
            tasks: Mutex::new(Some(JoinSet::new())),
            panicked: Arc::default(),
            inbox: Arc::new(Semaphore::new(room)),
            room,
            counts: stats::Counts::default(),
        });
        for (id, address) in peers {
            shared.set_peer(id, address, true);
        }
        let (sender, inbox) = mpsc::unbounded_channel();
        shared.spawn(accept::listen(Arc::clone(&shared), sender));
        Ok(TcpCarrier { shared, inbox, arrived: Vec::new(), latest: BTreeMap::new(), scratch: Vec::new() })
    }
}

/// One process's end of a network of TCP connections. It carries messages of any variant.
pub struct TcpCarrier<P: Protocol> {
    shared: Arc<Shared>,
    inbox: mpsc::UnboundedReceiver<Arrived<P>>,
    arrived: Vec<Arrived<P>>,
    /// The number of the latest connection on which each peer was heard. Later arrivals on an earlier connection are
    /// dropped, so that a peer's store never seems to go back.
    latest: BTreeMap<NodeId, u64>,
    /// The buffer in which messages are encoded.
    scratch: Vec<u8>,
}

impl<P: Portable> TcpCarrier<P> {
    /// Starts to listen, and begins to connect to the peers.
    ///
    /// # Errors
    /// If it cannot listen at the address, or TLS cannot be used as configured.
    ///
    /// # Panics
    /// Outside of a tokio runtime with timers and I/O.
    #[expect(clippy::unused_async, reason = "a future runs within a runtime, which the socket needs")]
    pub async fn bind(options: TcpOptions) -> Result<Self, BindError> {
        Prepared::new(options)?.start()
    }

    fn post(&mut self, Envelope { to, message }: Envelope<P>) {
        let me = self.shared.options.identity.node;
        let peers = self.shared.peers.read().unwrap_or_else(PoisonError::into_inner);
        let mut encoded = None;
        for id in to.iter().filter(|id| *id != me) {
            let Some(peer) = peers.get(&id) else {
                self.shared.counts.dropped_unreachable.add(1);
                continue;
            };
            // Encode the message once for all receivers, and not at all if there is none.
            if encoded.is_none() {
                encoded = encode(&message, &mut self.scratch)
                    .filter(|bytes| bytes.len() <= link::longest(self.shared.options.limits.frame_bytes));
            }
            let Some(bytes) = &encoded else {
                self.shared.counts.dropped_too_large.add(1);
                let what = format!("a {} for {id} is too long for a frame", message.kind().name());
                self.shared.counts.complain(stats::Who::Node(me), Reason::TooLarge, &what);
                return;
            };
            peer.post(bytes.clone(), &self.shared);
        }
    }
}

impl<P: Protocol> TcpCarrier<P> {
    /// Returns a handle, which may outlive the carrier.
    pub fn handle(&self) -> TcpHandle {
        TcpHandle { shared: Arc::clone(&self.shared) }
    }

    /// The address that it listens at, with the port that the system chose if it was 0.
    pub fn local_address(&self) -> SocketAddr {
        self.shared.local
    }
}

/// Encodes a message into its own memory, so that a queued message holds no more than its bytes.
fn encode<P: Portable>(message: &Message<P>, scratch: &mut Vec<u8>) -> Option<Bytes> {
    scratch.clear();
    scratch.shrink_to(1 << 20);
    postcard::to_io(message, &mut *scratch).ok().map(|written| Bytes::copy_from_slice(written))
}

#[async_trait]
impl<P: Portable> Transport<P> for TcpCarrier<P> {
    async fn send(&mut self, batch: &mut Vec<Envelope<P>>) -> Result<(), TransportError> {
        for envelope in batch.drain(..) {
            self.post(envelope);
        }
        Ok(())
    }

    async fn recv(&mut self, inbox: &mut Vec<Event<P>>) -> Result<(), TransportError> {
        // What is left in `arrived` when this future is dropped is handled by the next call.
        if self.arrived.is_empty() {
            let broken = |what: &'static str| Err(TransportError::Io(std::io::Error::other(what)));
            tokio::select! {
                biased;
                () = self.shared.panicked.notified() => return broken("a task of the carrier panicked"),
                n = self.inbox.recv_many(&mut self.arrived, 256) => if n == 0 {
                    return broken("the listening task has ended");
                },
            }
        }
        for Arrived { from, number, store, messages, .. } in self.arrived.drain(..) {
            let latest = self.latest.entry(from).or_default();
            if number < *latest {
                continue;
            }
            *latest = number;
            inbox.extend(store.map(|(store, former)| Event::Met { from, store, former }));
            inbox.extend(messages.into_iter().map(|message| Event::Message { from, message }));
        }
        Ok(())
    }

    fn introduce(&mut self, store: Incarnation, former: &Former) {
        self.shared.introduce(store, former);
    }

    fn longest_message(&self) -> Option<usize> {
        Some(link::longest(self.shared.options.limits.frame_bytes))
    }
}

impl<P: Protocol> Drop for TcpCarrier<P> {
    /// Closes all connections, and frees the port before it returns.
    fn drop(&mut self) {
        let listener = lock(&self.shared.listener).take();
        drop(listener);
        // Dropping the set ends the tasks as soon as the runtime gets to them.
        let tasks = lock(&self.shared.tasks).take();
        drop(tasks);
    }
}

impl<P: Protocol> fmt::Debug for TcpCarrier<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpCarrier").field("local", &self.shared.local).finish_non_exhaustive()
    }
}

/// Observes a [`TcpCarrier`], and tells it the addresses of peers. Clones are handles to the same carrier.
#[derive(Clone)]
pub struct TcpHandle {
    shared: Arc<Shared>,
}

impl TcpHandle {
    /// The address that it listens at, with the port that the system chose if it was 0.
    pub fn local_address(&self) -> SocketAddr {
        self.shared.local
    }

    /// Tells the carrier that the process `id`, which may be new or have moved, listens at `address` (`host:port`).
    pub fn set_peer(&self, id: NodeId, address: impl Into<String>) {
        self.shared.set_peer(id, address.into(), true);
    }

    /// Stops sending to `id` until its address is set again. Messages from it are still received.
    pub fn remove_peer(&self, id: NodeId) {
        if let Some(peer) = self.shared.peers.write().unwrap_or_else(PoisonError::into_inner).remove(&id) {
            peer.forget();
        }
    }

    /// Uses these certificates for all new connections. Existing connections stay up.
    ///
    /// # Errors
    /// [`TlsError`] if they cannot be used, or if the carrier was started without TLS. Then nothing changes.
    pub fn renew(&self, certificates: &TlsOptions) -> Result<(), TlsError> {
        let new = Tls::new(certificates, self.shared.options.identity.node)?;
        match &mut *self.shared.tls.write().unwrap_or_else(PoisonError::into_inner) {
            Some(held) => *held = Arc::new(new),
            None => return Err(TlsError::Unusable("this process was started without TLS".into())),
        }
        Ok(())
    }

    /// The known addresses of the peers.
    pub fn peers(&self) -> BTreeMap<NodeId, String> {
        let peers = self.shared.peers.read().unwrap_or_else(PoisonError::into_inner);
        peers.iter().map(|(id, peer)| (*id, peer.address())).collect()
    }

    /// The carrier's counters so far.
    pub fn stats(&self) -> CarrierStats {
        let peers = self.shared.peers.read().unwrap_or_else(PoisonError::into_inner);
        let peers = peers.iter().map(|(id, peer)| (*id, peer.stats())).collect();
        CarrierStats { peers, ..self.shared.counts.stats() }
    }
}

impl fmt::Debug for TcpHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TcpHandle").field("local", &self.shared.local).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
