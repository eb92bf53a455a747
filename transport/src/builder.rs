//! Starts a member that speaks TCP and keeps its log on disk.

use crate::carrier::{self, BindError, TcpCarrier, TcpHandle, TcpLimits, TcpOptions, TlsOptions};
use crate::host::{HostError, Replicated, TraceOut, on_thread, open};
use crate::identity::{Identity, Portable};
use crate::storage::{DiskStorage, StoreError};
use core::fmt;
use core::marker::PhantomData;
use paxos_core::{Config, NodeId, Protocol, Setup, StateMachine};
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::net::lookup_host;

/// What a member needs to run over TCP with a store on disk. [`Replicated::builder`] makes one.
///
/// ```no_run
/// # use multi_paxos::MultiPaxos;
/// # use paxos_core::{Config, Fold, NodeId};
/// # use paxos_transport::{Replicated, TlsOptions};
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let member = Replicated::<MultiPaxos<u64, u64>, _>::builder("prod", NodeId(0), Config::collapsed(3)?)
///     .peers([(NodeId(0), "a.example:7000"), (NodeId(1), "b.example:7000"), (NodeId(2), "c.example:7000")])
///     .listen("0.0.0.0:7000")
///     .tls(TlsOptions::from_files("ca.pem", "n0.pem", "n0.key")?)
///     .store("/var/lib/prod/n0")
///     .start(Fold::new(0, |sum: &mut u64, n: &u64| {
///         *sum += n;
///         *sum
///     }))
///     .await?;
/// assert_eq!(member.propose(5).await?, 5);
/// # Ok(())
/// # }
/// ```
#[must_use = "a member runs once `start` has been called"]
pub struct Builder<P: Protocol, S> {
    identity: Identity,
    setup: Setup<P::Options>,
    peers: BTreeMap<NodeId, String>,
    listen: Option<String>,
    advertise: Option<String>,
    tls: Option<TlsOptions>,
    limits: TcpLimits,
    store: Option<(PathBuf, bool)>,
    trace: Option<TraceOut>,
    machine: PhantomData<fn(S)>,
}

impl<P: Protocol, S: StateMachine> Replicated<P, S> {
    /// Begins the description of the process `id`, which will run over TCP with a store on disk. All processes of a cluster
    /// have the same name for it, and the same `config` ([`crate::fingerprint`] says which parts may differ).
    /// [`Builder::peers`] and [`Builder::store`] must be called.
    ///
    /// [`Replicated::start`] takes any other carrier or store.
    pub fn builder(cluster: impl Into<String>, id: NodeId, config: impl Into<Arc<Config>>) -> Builder<P, S> {
        let config = config.into();
        Builder {
            identity: Identity::new::<P>(cluster, id, &config),
            setup: Setup { id, config, options: P::Options::default() },
            peers: BTreeMap::new(),
            listen: None,
            advertise: None,
            tls: None,
            limits: TcpLimits::default(),
            store: None,
            trace: None,
            machine: PhantomData,
        }
    }
}

impl<P: Protocol, S> Builder<P, S> {
    /// Adds addresses of processes, as `host:port`. Names are looked up for each new connection. The process's own address is
    /// one of them: it listens there, and tells it to peers that do not know it. Processes that may join later can be
    /// named before they exist; those that are not named here are reached once they have connected themselves.
    pub fn peers<A: Into<String>>(mut self, peers: impl IntoIterator<Item = (NodeId, A)>) -> Self {
        self.peers.extend(peers.into_iter().map(|(id, address)| (id, address.into())));
        self
    }

    /// Listens at this address instead of the process's own in [`Builder::peers`]: `0.0.0.0:7000` for every network
    /// interface, or port 0 for a port that the system chooses ([`Bound::local_address`]). Peers are not told this address:
    /// [`Builder::advertise`].
    pub fn listen(mut self, address: impl Into<String>) -> Self {
        self.listen = Some(address.into());
        self
    }

    /// Tells peers this address instead of the process's own in [`Builder::peers`].
    pub fn advertise(mut self, address: impl Into<String>) -> Self {
        self.advertise = Some(address.into());
        self
    }

    /// Encrypts, and has each side prove who it is. Without it, anyone who can reach the port is believed.
    pub fn tls(mut self, tls: TlsOptions) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Bounds and timeouts of connections; [`TcpLimits::default`] suits a local network.
    pub fn limits(mut self, limits: TcpLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Keeps the log and snapshots in this directory, which no other process may use. It is made if it is missing. If it is
    /// empty, the process has no past: use [`Builder::existing_store`] for one that ran before.
    pub fn store(mut self, directory: impl Into<PathBuf>) -> Self {
        self.store = Some((directory.into(), true));
        self
    }

    /// As [`Builder::store`], but a directory without a store is an error: its disk is not mounted, or was lost. A process that
    /// starts with an empty one has forgotten what it promised.
    pub fn existing_store(mut self, directory: impl Into<PathBuf>) -> Self {
        self.store = Some((directory.into(), false));
        self
    }

    /// Settings of the variant other than its defaults.
    pub fn options(mut self, options: P::Options) -> Self {
        self.setup.options = options;
        self
    }

    /// What runs, instead of [`Protocol::NAME`]. Processes and stores of different names refuse each other. A new format of
    /// commands deserves another name, for then no process hears commands that it cannot read.
    pub fn variant(mut self, name: impl Into<String>) -> Self {
        self.identity.variant = name.into();
        self
    }

    /// Writes each step of the protocol as a line of JSON.
    pub fn trace(mut self, trace: TraceOut) -> Self {
        self.trace = Some(trace);
        self
    }

    /// Opens the store, and listens. If the future is dropped early, the store is closed a moment later.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn bind(self) -> Result<Bound<P, S>, StartError>
    where
        P: Portable,
    {
        self.prepare().await?.open().await
    }

    /// Checks everything that can be checked before the store is opened, such as certificates, and takes the port. Nothing
    /// is created, and nothing listens yet.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn prepare(self) -> Result<Prepared<P, S>, StartError> {
        let Self { identity, setup, peers, listen, advertise, tls, limits, store, trace, machine } = self;
        open::check(&setup.config.timeouts)?;
        let (directory, create) = store.ok_or(StartError::NoStore)?;
        let own = peers.get(&setup.id).cloned();
        let listen = listen.or_else(|| own.clone()).ok_or(StartError::NoAddress(setup.id))?;
        let advertise = advertise.or(own);
        let listen = resolve(listen).await?;
        let options = TcpOptions { identity: identity.clone(), listen, peers, advertise, tls, limits };
        let carrier = carrier::Prepared::new(options)?;
        Ok(Prepared { identity, setup, carrier, store: (directory, create), trace, machine })
    }

    /// Starts the member, with `machine` in its initial state, in a task of the current tokio runtime. [`Replicated::start`]
    /// says what becomes of the machine.
    ///
    /// # Errors
    /// [`StartError`].
    ///
    /// # Panics
    /// Outside of a tokio runtime with timers and input.
    pub async fn start(self, machine: S) -> Result<Replicated<P, S>, StartError>
    where
        P: Portable,
        S: StateMachine<Command = P::Value, Reply = P::Reply> + Send + 'static,
    {
        self.bind().await?.start(machine).await
    }
}

/// The first address of a name.
async fn resolve(address: String) -> Result<SocketAddr, StartError> {
    let found = lookup_host(&address).await.and_then(|mut found| {
        found.next().ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "the name has no address"))
    });
    found.map_err(|source| StartError::Address { address, source })
}

impl<P: Protocol, S> fmt::Debug for Builder<P, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("identity", &self.identity)
            .field("peers", &self.peers)
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}

/// A member whose port is taken and whose settings are right, and whose store is not open yet.
#[must_use = "a member runs once it is opened and started"]
pub struct Prepared<P: Protocol, S> {
    identity: Identity,
    setup: Setup<P::Options>,
    carrier: carrier::Prepared,
    store: (PathBuf, bool),
    trace: Option<TraceOut>,
    machine: PhantomData<fn(S)>,
}

impl<P: Portable, S> Prepared<P, S> {
    /// As [`Builder::trace`], for a trace whose file is created late.
    pub fn trace(mut self, trace: TraceOut) -> Self {
        self.trace = Some(trace);
        self
    }

    /// Opens the store, and listens, as [`Builder::bind`] does.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn open(self) -> Result<Bound<P, S>, StartError> {
        let Self { identity, setup, carrier, store: (directory, create), trace, machine } = self;
        // It reads the whole store.
        let open = if create { DiskStorage::open } else { DiskStorage::open_existing };
        let opened = on_thread("paxos-open", move || open(directory, &identity)).await;
        let storage = opened.map_err(HostError::from)??;
        Ok(Bound { setup, carrier: carrier.start()?, storage, trace, machine })
    }
}

impl<P: Protocol, S> fmt::Debug for Prepared<P, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared")
            .field("identity", &self.identity)
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}

/// A member that listens and has opened its store, and that takes no part in its cluster yet.
pub struct Bound<P: Protocol, S> {
    setup: Setup<P::Options>,
    carrier: TcpCarrier<P>,
    storage: DiskStorage<P>,
    trace: Option<TraceOut>,
    machine: PhantomData<fn(S)>,
}

impl<P: Portable, S> Bound<P, S> {
    /// The address at which it listens.
    pub fn local_address(&self) -> SocketAddr {
        self.handle().local_address()
    }

    /// What the running member needs for other addresses, new certificates and statistics of its connections.
    pub fn handle(&self) -> TcpHandle {
        self.carrier.handle()
    }

    /// Starts the member, as [`Builder::start`] does.
    ///
    /// # Errors
    /// [`StartError::Host`].
    ///
    /// # Panics
    /// As [`Builder::start`].
    pub async fn start(self, machine: S) -> Result<Replicated<P, S>, StartError>
    where
        S: StateMachine<Command = P::Value, Reply = P::Reply> + Send + 'static,
    {
        let Self { setup, carrier, storage, trace, .. } = self;
        let (carrier, storage) = (Box::new(carrier), Box::new(storage));
        Ok(Replicated::start_traced(setup, machine, carrier, storage, trace).await?)
    }
}

impl<P: Portable, S> fmt::Debug for Bound<P, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bound")
            .field("id", &self.setup.id)
            .field("handle", &self.handle())
            .finish_non_exhaustive()
    }
}

/// Why a member does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// It has no directory.
    #[error(
        "no store is named: call `store` with a directory of this process's own, which survives restarts"
    )]
    NoStore,
    /// It has no address.
    #[error("{0} has no address: name it in `peers`, or call `listen`")]
    NoAddress(NodeId),
    /// Its address cannot be found.
    #[error("the address `{address}` cannot be found: {source}; it is a host, a colon and a port")]
    Address {
        /// The address.
        address: String,
        /// The error of the system.
        source: io::Error,
    },
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It cannot listen, or use its certificates.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// It cannot run with what the store holds.
    #[error(transparent)]
    Host(#[from] HostError),
}
