//! The counters and complaints of a carrier.

use super::lock;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use paxos_core::NodeId;
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Mutex;
use tokio::time::Instant;

/// Why a connection was refused or given up. Each case is counted, and logged once an hour for each peer, or again after
/// a connection with it has succeeded.
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
    complaints: Mutex<Complaints>,
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

/// How many complaints about processes, and how many about addresses, are logged within [`MEMORY`]. The limit keeps a
/// stranger with ever new addresses from filling memory and log, and addresses from silencing complaints about processes.
const REMEMBERED: usize = 1024;

/// How long a complaint is remembered. A fault that lasts longer is logged again.
const MEMORY: Duration = Duration::from_secs(60 * 60);

/// The complaints that were logged, and when.
#[derive(Debug, Default)]
struct Complaints(BTreeMap<(Who, Reason), Instant>);

impl Complaints {
    /// Whether a complaint should be logged.
    fn is_news(&mut self, who: Who, reason: Reason, now: Instant) -> bool {
        let is_recent = |at: &Instant| now.saturating_duration_since(*at) < MEMORY;
        if self.0.get(&(who, reason)).is_some_and(is_recent) {
            return false;
        }
        let alike = |other: &Who| core::mem::discriminant(other) == core::mem::discriminant(&who);
        let is_full = |told: &BTreeMap<(Who, Reason), Instant>| {
            told.len() >= REMEMBERED && told.keys().filter(|(other, _)| alike(other)).count() >= REMEMBERED
        };
        if is_full(&self.0) {
            self.0.retain(|_, at| is_recent(at));
            if is_full(&self.0) {
                return false;
            }
        }
        self.0.insert((who, reason), now);
        true
    }

    fn forgive(&mut self, who: Who) {
        self.0.retain(|(other, _), _| *other != who);
    }
}

impl Counts {
    /// Counts a refusal, and logs it unless the log said the same about this peer lately.
    pub(super) fn complain(&self, who: Who, reason: Reason, what: &dyn fmt::Display) {
        if let Some(at) = Reason::ALL.iter().position(|r| *r == reason) {
            self.refused[at].add(1);
        }
        if lock(&self.complaints).is_news(who, reason, Instant::now()) {
            tracing::warn!(peer = %who, reason = %reason, "{what}");
        }
    }

    /// Forgets the complaints about a peer with which a connection succeeded, so that later ones are logged again.
    pub(super) fn forgive(&self, who: Who) {
        lock(&self.complaints).forgive(who);
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn address(n: u32) -> Who {
        Who::Address(Ipv4Addr::from(n).into())
    }

    #[test]
    fn a_complaint_is_repeated_after_an_hour_and_after_a_success() {
        let (mut complaints, start) = (Complaints::default(), Instant::now());
        for who in [address(1), Who::Node(NodeId(1))] {
            assert!(complaints.is_news(who, Reason::Expired, start));
            assert!(!complaints.is_news(who, Reason::Expired, start + MEMORY / 2), "{who}: said already");
            assert!(complaints.is_news(who, Reason::Tls, start + MEMORY / 2), "{who}: another reason");
            assert!(complaints.is_news(who, Reason::Expired, start + MEMORY), "{who}: long ago");
            complaints.forgive(who);
            assert!(complaints.is_news(who, Reason::Expired, start + MEMORY), "{who}: it had succeeded");
        }
    }

    #[test]
    fn strangers_silence_neither_known_processes_nor_for_ever_each_other() {
        let (mut complaints, start) = (Complaints::default(), Instant::now());
        let room = REMEMBERED as u32;
        assert!((0..room).all(|n| complaints.is_news(address(n), Reason::Expired, start)));
        assert!(!complaints.is_news(address(room), Reason::Expired, start), "the log is flooded");
        assert!(complaints.is_news(Who::Node(NodeId(1)), Reason::Version, start));
        assert!(complaints.is_news(address(room), Reason::Expired, start + MEMORY));
        assert!(complaints.0.len() < 10, "what is old is forgotten");
    }
}
