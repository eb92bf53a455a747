//! The options of a TCP carrier.

use super::TlsOptions;
use crate::identity::Identity;
use core::time::Duration;
use paxos_core::NodeId;
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;

/// The options of a [`super::TcpCarrier`]. All fields but the first two have defaults.
#[derive(Clone, Debug)]
pub struct TcpOptions {
    /// The identity of this process, and of what it belongs to.
    pub identity: Identity,
    /// The address at which it listens for peers. With port 0 the system chooses one:
    /// [`super::TcpHandle::local_address`].
    pub listen: SocketAddr,
    /// The addresses of the other processes, as `host:port`. A name is looked up for each new connection. Processes
    /// that may join later can be named here before they exist. An entry for this process itself is ignored.
    pub peers: BTreeMap<NodeId, String>,
    /// The address at which this process can be reached, `host:port`. Peers that know no address for it use this one.
    pub advertise: Option<String>,
    /// Mutual TLS. With `None`, anyone who can reach the port is believed, and anyone on the way can read the messages.
    pub tls: Option<TlsOptions>,
    /// Bounds and timeouts.
    pub limits: TcpLimits,
}

impl TcpOptions {
    /// The options of a process that listens, knows no peer yet, and does not use TLS.
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

    /// Adds the address of another process.
    #[must_use]
    pub fn peer(mut self, id: NodeId, address: impl Into<String>) -> Self {
        self.peers.insert(id, address.into());
        self
    }
}

/// The bounds on a carrier's memory, and its timeouts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TcpLimits {
    /// The longest message that is sent or received, plus 12 bytes of framing. A host does not start if this is too
    /// small for the longest message of its configuration ([`paxos_core::Limits::longest_message`]).
    pub frame_bytes: usize,
    /// The limit of the messages that wait for one peer, in bytes; small messages (up to 64 KiB) and large ones each
    /// have this limit. Beyond it messages for the peer are dropped, but one message may always wait.
    pub queue_bytes: usize,
    /// The limit of messages that have arrived and wait for the host, in bytes as received; beyond it nothing more is
    /// read.
    pub inbox_bytes: usize,
    /// The number of peers that may be connected to this process, and of peers whose address it may learn from
    /// themselves.
    pub connections: usize,
    /// The number of connections whose peer has not identified itself; the oldest is closed to make room for another.
    pub greetings: usize,
    /// The time limit for setting up a connection, including TLS and the handshake.
    pub handshake: Duration,
    /// The time limit for connecting to an address. Resolving a name may take as long as a handshake.
    pub connect: Duration,
    /// The time between two pings.
    pub ping: Duration,
    /// A connection is given up, and a new one tried, if the peer answers nothing or takes nothing for this long.
    pub silence: Duration,
    /// The shortest and the longest delay between two attempts to connect. The delay doubles each time, with random
    /// jitter.
    pub backoff: (Duration, Duration),
}

impl Default for TcpLimits {
    /// A broken connection is noticed within a second, and a peer that is back within half a second.
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
    /// Limits for a network that is much faster than `election` ([`paxos_core::Timeouts::election`]): a peer that
    /// becomes reachable again is reconnected within three times that.
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

    /// Refuses time limits in which nothing can happen.
    pub(super) fn check(&self) -> Result<(), BindError> {
        let Self { handshake, connect, ping, silence, .. } = *self;
        let named = [("handshake", handshake), ("connect", connect), ("ping", ping), ("silence", silence)];
        match named.into_iter().find(|(_, limit)| limit.is_zero()) {
            Some((name, _)) => Err(BindError::NoTime(name)),
            None => Ok(()),
        }
    }

    /// These limits, with each time limit at least as long as [`Self::for_elections`] sets it. An operator chooses a long
    /// election timeout for distant peers; they need as much time to accept a connection and to answer on it. The delays
    /// between two attempts stay short, because a longer delay reaches no peer sooner.
    #[must_use]
    pub fn lengthened_for(self, election: Duration) -> Self {
        let derived = self.for_elections(election);
        let connect = self.connect.max(derived.connect);
        Self {
            // A handshake takes more round trips than a connection does.
            handshake: self.handshake.max(connect * 3),
            connect,
            ping: self.ping.max(derived.ping),
            silence: self.silence.max(derived.silence),
            ..self
        }
    }
}

/// Why a carrier cannot be started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// It cannot listen at the address.
    #[error(
        "cannot listen at {address}: {source}; choose another address, or stop the program that uses this one"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The error of the system.
        source: io::Error,
    },
    /// A time limit is zero.
    #[error("`TcpLimits::{0}` is zero, and no connection can be made or kept in no time: set it to more")]
    NoTime(&'static str),
    /// TLS cannot be used as it was configured.
    #[error(transparent)]
    Tls(#[from] super::TlsError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_limits_follow_a_long_election_timeout_and_are_never_shortened_by_a_short_one() {
        let (default, ms) = (TcpLimits::default(), Duration::from_millis);
        assert_eq!(default.lengthened_for(ms(10)), default);
        let far = default.lengthened_for(ms(4000));
        assert_eq!((far.connect, far.ping, far.silence), (ms(8000), ms(4000), ms(12_000)));
        assert!(far.handshake >= far.connect * 3, "{far:?}");
        assert_eq!(far.backoff, default.backoff);
    }
}
