//! The counters and complaints of a carrier.

use core::sync::atomic::{AtomicU64, Ordering};
use paxos_core::NodeId;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

/// Why a connection was refused or given up. Each case is counted, and logged once for each peer until a connection
/// with it succeeds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[non_exhaustive]
pub enum Reason {
    /// The peer uses another version of the wire format, or another protocol.
    Version,
    /// The peer belongs to another cluster.
    Cluster,
    /// The peer runs another variant.
    Variant,
    /// The peer has a different configuration.
    Configuration,
    /// The peer is not the process that it claims to be, or cannot prove it.
    Sender,
    /// The peer looked for a different process.
    Addressee,
    /// Data from the peer was damaged in transit.
    Damaged,
    /// The peer sent a larger frame than is allowed.
    TooLarge,
    /// The peer sent nothing, or took nothing, for too long.
    Silent,
    /// There are more connections than are allowed.
    Crowded,
    /// The peer has no certificate.
    NoCertificate,
    /// The peer's certificate is signed by an authority that this process does not trust.
    Untrusted,
    /// The peer's certificate has expired, or is not valid yet.
    Expired,
    /// The peer's certificate belongs to another process.
    WrongName,
    /// The peer does not use TLS as this process does, or refuses this process's certificate.
    Tls,
}

impl Reason {
    /// All reasons.
    pub const ALL: [Self; 15] = [
        Self::Version,
        Self::Cluster,
        Self::Variant,
        Self::Configuration,
        Self::Sender,
        Self::Addressee,
        Self::Damaged,
        Self::TooLarge,
        Self::Silent,
        Self::Crowded,
        Self::NoCertificate,
        Self::Untrusted,
        Self::Expired,
        Self::WrongName,
        Self::Tls,
    ];

    /// The reason's name in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Version => "version",
            Self::Cluster => "cluster",
            Self::Variant => "variant",
            Self::Configuration => "configuration",
            Self::Sender => "sender",
            Self::Addressee => "addressee",
            Self::Damaged => "damaged",
            Self::TooLarge => "too_large",
            Self::Silent => "silent",
            Self::Crowded => "crowded",
            Self::NoCertificate => "no_certificate",
            Self::Untrusted => "untrusted",
            Self::Expired => "expired",
            Self::WrongName => "wrong_name",
            Self::Tls => "tls",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The counters of a carrier since it was started.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct CarrierStats {
    /// Frames written.
    pub frames_sent: u64,
    /// Frames read.
    pub frames_received: u64,
    /// Bytes written, without TLS overhead.
    pub bytes_sent: u64,
    /// Bytes of messages read.
    pub bytes_received: u64,
    /// Messages written, one for each receiver.
    pub messages_sent: u64,
    /// Messages read.
    pub messages_received: u64,
    /// Messages dropped because the queue for their receiver was full.
    pub dropped_full: u64,
    /// Messages dropped because their receiver could not be reached, or its address is unknown.
    pub dropped_unreachable: u64,
    /// Messages dropped because they are longer than a frame.
    pub dropped_too_large: u64,
    /// Connections made to peers, including the first ones.
    pub connected: u64,
    /// Attempts to connect that failed.
    pub failed: u64,
    /// Connections of peers that were accepted.
    pub accepted: u64,
    /// Connections that were refused or given up, by reason.
    pub refused: BTreeMap<Reason, u64>,
    /// The peers that this process sends to.
    pub peers: BTreeMap<NodeId, PeerStats>,
}

impl CarrierStats {
    /// Returns how many connections were refused or given up for this reason.
    pub fn refused_for(&self, reason: Reason) -> u64 {
        self.refused.get(&reason).copied().unwrap_or(0)
    }
}

/// The state of a carrier's link to one peer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct PeerStats {
    /// Whether there is a connection to send on.
    pub connected: bool,
    /// Bytes that wait to be sent.
    pub queued_bytes: u64,
    /// Messages that were dropped, for any reason.
    pub dropped: u64,
}

/// A counter.
#[derive(Debug, Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    pub(super) fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) frames_sent: Count,
    pub(super) frames_received: Count,
    pub(super) bytes_sent: Count,
    pub(super) bytes_received: Count,
    pub(super) messages_sent: Count,
    pub(super) messages_received: Count,
    pub(super) dropped_full: Count,
    pub(super) dropped_unreachable: Count,
    pub(super) dropped_too_large: Count,
    pub(super) connected: Count,
    pub(super) failed: Count,
    pub(super) accepted: Count,
    refused: [Count; Reason::ALL.len()],
    complaints: Mutex<BTreeSet<(Who, Reason)>>,
}

/// The subject of a complaint.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Who {
    /// A process, identified as well as possible.
    Node(NodeId),
    /// An unidentified process at this address.
    Address(IpAddr),
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(node) => node.fmt(f),
            Self::Address(address) => address.fmt(f),
        }
    }
}

/// The number of complaints that are remembered. The limit keeps a stranger with ever new addresses from filling the
/// memory.
const REMEMBERED: usize = 1024;

impl Counts {
    /// Counts a refusal, and logs it unless it was already logged for this peer.
    pub(super) fn complain(&self, who: Who, reason: Reason, what: &dyn fmt::Display) {
        if let Some(at) = Reason::ALL.iter().position(|r| *r == reason) {
            self.refused[at].add(1);
        }
        let mut complaints = self.complaints.lock().unwrap_or_else(PoisonError::into_inner);
        if complaints.len() < REMEMBERED && complaints.insert((who, reason)) {
            tracing::warn!(peer = %who, reason = %reason, "{what}");
        }
    }

    /// Forgets the complaints about a peer that is connected, so that later ones are logged again.
    pub(super) fn forgive(&self, node: NodeId) {
        let mut complaints = self.complaints.lock().unwrap_or_else(PoisonError::into_inner);
        complaints.retain(|(who, _)| *who != Who::Node(node));
    }

    pub(super) fn stats(&self) -> CarrierStats {
        let refused = Reason::ALL.iter().zip(&self.refused).map(|(reason, count)| (*reason, count.get()));
        CarrierStats {
            frames_sent: self.frames_sent.get(),
            frames_received: self.frames_received.get(),
            bytes_sent: self.bytes_sent.get(),
            bytes_received: self.bytes_received.get(),
            messages_sent: self.messages_sent.get(),
            messages_received: self.messages_received.get(),
            dropped_full: self.dropped_full.get(),
            dropped_unreachable: self.dropped_unreachable.get(),
            dropped_too_large: self.dropped_too_large.get(),
            connected: self.connected.get(),
            failed: self.failed.get(),
            accepted: self.accepted.get(),
            refused: refused.filter(|(_, count)| *count > 0).collect(),
            peers: BTreeMap::new(),
        }
    }
}
