//! What a TCP carrier is told.

use super::TlsOptions;
use crate::identity::Identity;
use core::time::Duration;
use paxos_core::NodeId;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;

/// What a [`super::TcpCarrier`] is told. Everything but the first two fields has a default.
#[derive(Clone, Debug)]
pub struct TcpOptions {
    /// Who this process is, and what it belongs to.
    pub identity: Identity,
    /// Where it listens for its peers. With port 0 the system chooses: [`super::TcpHandle::local_address`].
    pub listen: SocketAddr,
    /// Where the other processes listen, `host:port`. A name is looked up each time a connection is made. Processes that
    /// may join later can be named here before they are there. An own address here is not used.
    pub peers: BTreeMap<NodeId, String>,
    /// Where this process can be reached, `host:port`: told to peers that know no address for it.
    pub advertise: Option<String>,
    /// Mutual TLS; none: anyone who can reach the port is believed, and anyone on the way can read along.
    pub tls: Option<TlsOptions>,
    /// Bounds, and waiting times.
    pub limits: TcpLimits,
}

impl TcpOptions {
    /// A process that listens, knows no peer yet, and does not use TLS.
    pub fn new(identity: Identity, listen: SocketAddr) -> Self {
        Self {
            identity,
            listen,
            peers: BTreeMap::new(),
            advertise: None,
            tls: None,
            limits: TcpLimits::default(),
        }
    }

    /// Tells where another process listens.
    #[must_use]
    pub fn peer(mut self, id: NodeId, address: impl Into<String>) -> Self {
        self.peers.insert(id, address.into());
        self
    }
}

/// Bounds on what a carrier holds, and how long it waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TcpLimits {
    /// The longest message that is sent or taken, with the few bytes around it. One that does not fit can never be delivered, so
    /// this must be larger than a phase 1b that reports a full window ([`paxos_core::Limits::window_bytes`]).
    pub frame_bytes: usize,
    /// Messages that wait for one peer, in bytes, those of up to 64 KiB and larger ones each; then such messages for it are dropped.
    /// One message may always wait.
    pub queue_bytes: usize,
    /// Messages that have arrived and that the host has not taken, in bytes as they came; then nothing more is read.
    pub inbox_bytes: usize,
    /// Peers that may be connected to this process, and peers that it learns the address of from themselves.
    pub connections: usize,
    /// Connections that have not said yet who they are; the oldest is closed to make room for another.
    pub greetings: usize,
    /// Within this time a connection has to be set up, TLS and handshake included.
    pub handshake: Duration,
    /// Within this time an address has to answer at all. Finding out the address of a name may take as long as a handshake.
    pub connect: Duration,
    /// Between two questions whether a peer is still there.
    pub ping: Duration,
    /// Without an answer, or with nothing taken by the peer, for so long, a connection is given up, and another tried.
    pub silence: Duration,
    /// The shortest and the longest time between two attempts to connect. It doubles each time, and varies by chance.
    pub backoff: (Duration, Duration),
}

impl Default for TcpLimits {
    /// A connection that is cut off is noticed within a second, and a peer that is back within half a second.
    fn default() -> Self {
        let (mib, ms) = (1 << 20, Duration::from_millis);
        Self {
            frame_bytes: 128 * mib,
            queue_bytes: 64 * mib,
            inbox_bytes: 64 * mib,
            connections: 1024,
            greetings: 128,
            handshake: ms(5000),
            connect: ms(300),
            ping: ms(200),
            silence: ms(1000),
            backoff: (ms(10), ms(100)),
        }
    }
}

impl TcpLimits {
    /// For a network that is quicker than `election` ([`paxos_core::Timeouts::election`]) by far: whoever can be reached
    /// again is, within three times that.
    #[must_use]
    pub fn for_elections(self, election: Duration) -> Self {
        Self {
            connect: election * 2,
            ping: election,
            silence: election * 3,
            backoff: (election / 10, election / 2),
            ..self
        }
    }
}

/// Why a carrier cannot be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// The address cannot be had.
    #[error("cannot listen at {address}: {source}; choose another address, or stop who uses this one")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// TLS cannot be used as it was configured.
    #[error(transparent)]
    Tls(#[from] super::TlsError),
}
