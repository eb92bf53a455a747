//! What a carrier counts, and what it complains about.

use core::sync::atomic::{AtomicU64, Ordering};
use paxos_core::NodeId;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

/// Why a connection was refused or given up. Each is counted, and logged once for each peer until a connection with it
/// comes about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[non_exhaustive]
pub enum Reason {
    /// The other speaks another version of the wire format, or something else altogether.
    Version,
    /// It belongs to another cluster.
    Cluster,
    /// It runs another variant.
    Variant,
    /// It was configured differently.
    Configuration,
    /// It is not, or cannot prove to be, the process that it says it is.
    Sender,
    /// It looked for another process than the one it reached.
    Addressee,
    /// What it sent was damaged on the way.
    Damaged,
    /// It sent more in one frame than is allowed.
    TooLarge,
    /// It said nothing, or took nothing, for too long.
    Silent,
    /// There are more connections than are allowed.
    Crowded,
    /// It has no certificate.
    NoCertificate,
    /// Its certificate is of an authority that is not trusted here.
    Untrusted,
    /// Its certificate is not valid any more, or not yet.
    Expired,
    /// Its certificate is that of another process.
    WrongName,
    /// It does not speak TLS as this process does, or refuses this process's certificate.
    Tls,
}

impl Reason {
    /// All of them.
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

    /// Its name in metrics.
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

/// What a carrier has done since it was started.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct CarrierStats {
    /// Frames written.
    pub frames_sent: u64,
    /// Frames read.
    pub frames_received: u64,
    /// Bytes written, TLS not counted.
    pub bytes_sent: u64,
    /// Bytes of messages read.
    pub bytes_received: u64,
    /// Messages written, one for each receiver.
    pub messages_sent: u64,
    /// Messages read.
    pub messages_received: u64,
    /// Messages dropped since the queue for their receiver was full.
    pub dropped_full: u64,
    /// Messages dropped since their receiver could not be reached, or its address is not known.
    pub dropped_unreachable: u64,
    /// Messages dropped since they are longer than a frame.
    pub dropped_too_large: u64,
    /// Connections made to peers, the first ones included.
    pub connected: u64,
    /// Attempts to connect that failed.
    pub failed: u64,
    /// Connections of peers that were taken.
    pub accepted: u64,
    /// Connections that were refused or given up, by the reason.
    pub refused: BTreeMap<Reason, u64>,
    /// The peers that this process sends to.
    pub peers: BTreeMap<NodeId, PeerStats>,
}

impl CarrierStats {
    /// How many connections were refused or given up for this reason.
    pub fn refused_for(&self, reason: Reason) -> u64 {
        self.refused.get(&reason).copied().unwrap_or(0)
    }
}

/// How things stand between a carrier and one peer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct PeerStats {
    /// Whether there is a connection to send on.
    pub connected: bool,
    /// Bytes that wait to be sent.
    pub queued_bytes: u64,
    /// Messages that were dropped, for whatever reason.
    pub dropped: u64,
}

/// One of the numbers.
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

/// Whom a complaint is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Who {
    /// A process, as far as it is known to be that.
    Node(NodeId),
    /// Somebody at this address.
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

/// So many complaints are remembered, lest who calls from ever new addresses fills the memory.
const REMEMBERED: usize = 1024;

impl Counts {
    /// Counts a refusal, and logs it unless that was done for this peer before.
    pub(super) fn complain(&self, who: Who, reason: Reason, what: &dyn fmt::Display) {
        if let Some(at) = Reason::ALL.iter().position(|r| *r == reason) {
            self.refused[at].add(1);
        }
        let mut complaints = self.complaints.lock().unwrap_or_else(PoisonError::into_inner);
        if complaints.len() < REMEMBERED && complaints.insert((who, reason)) {
            tracing::warn!(peer = %who, reason = %reason, "{what}");
        }
    }

    /// All is well with a peer: what goes wrong later is worth a line again.
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
