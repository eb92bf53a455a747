//! The load that every bench puts on a cluster: the commands, the cost of executing one, and the clusters, payloads
//! and numbers of commands in flight to measure.
#![allow(dead_code, reason = "each bench uses a part of it")]

pub mod arguments;
pub mod hash;
#[cfg(feature = "omnipaxos")]
pub mod omni;
pub mod ours;

use hash::Running;
use paxos_core::Value;
use std::fmt;
use std::sync::Arc;

/// The numbers of commands in flight to measure.
pub const IN_FLIGHT: [usize; 3] = [1, 64, 1024];

/// A command's payload. Every replica executes it by mixing all of its bytes into a running hash.
pub trait Payload: Value + AsRef<[u8]> {
    /// The size in bytes.
    const SIZE: usize;
    /// A payload that consists of this byte.
    fn of(byte: u8) -> Self;
}

impl Payload for [u8; 16] {
    const SIZE: usize = 16;
    fn of(byte: u8) -> Self {
        [byte; 16]
    }
}

/// The bytes are shared, not copied: all that propose, send, store or read the payload hold the same bytes.
impl Payload for Arc<[u8]> {
    const SIZE: usize = 1024;
    fn of(byte: u8) -> Self {
        Arc::new([byte; Self::SIZE])
    }
}

/// The payloads that a client proposes in turn. They are made beforehand, because making them is the client's work.
#[derive(Debug)]
pub struct Payloads<V> {
    ready: Vec<V>,
    next: usize,
}

impl<V: Payload> Payloads<V> {
    /// Makes the payloads, few enough to stay in the first-level cache.
    pub fn new() -> Self {
        Self { ready: (0..8).map(V::of).collect(), next: 0 }
    }

    /// The next payload, as a copy of 16 bytes or of a pointer.
    pub fn draw(&mut self) -> V {
        self.next = (self.next + 1) % self.ready.len();
        self.ready[self.next].clone()
    }
}

/// A cluster in this thread. Its only client is at the leader.
pub trait Cluster {
    /// Proposes `commands` at the leader, and runs the cluster until the leader has executed all of them.
    fn round(&mut self, commands: usize);
    /// The number of messages between distinct processes so far.
    fn messages(&self) -> u64;
    /// The state of each replica, the leader's first.
    fn executed(&self) -> Vec<Running>;
}

/// Decides one more command, so that the followers learn everything before it, and compares the replicas.
///
/// # Panics
/// If a follower did not execute the same commands as the leader.
pub fn check(cluster: &mut dyn Cluster) {
    let before = cluster.executed()[0];
    cluster.round(1);
    let after = cluster.executed();
    assert_eq!(after[0].commands, before.commands + 1, "the leader executes every command once");
    for replica in &after {
        assert!(
            *replica == before || *replica == after[0],
            "{replica:?} is neither {before:?} nor {after:?}"
        );
    }
}

/// One point of the grid.
#[derive(Clone, Copy, Debug)]
pub struct Point {
    /// The number of replicas, each with every role.
    pub replicas: u16,
    /// The payload's size in bytes.
    pub payload: usize,
    /// How many commands are proposed together. All are executed before the next ones are proposed.
    pub in_flight: usize,
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{}/{}B/{}", self.replicas, self.payload, self.in_flight)
    }
}

/// All points with these numbers of replicas.
pub fn grid(replicas: &[u16]) -> impl Iterator<Item = Point> {
    let sizes = [<[u8; 16]>::SIZE, <Arc<[u8]>>::SIZE];
    replicas.iter().flat_map(move |&replicas| {
        sizes.into_iter().flat_map(move |payload| {
            IN_FLIGHT.into_iter().map(move |in_flight| Point { replicas, payload, in_flight })
        })
    })
}
