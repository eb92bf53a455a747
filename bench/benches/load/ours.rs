//! The variants of this library, each in the configuration to measure. To add one, add a line.

use super::hash::{Machine, Running};
use super::{Cluster, Payload, Payloads, Point};
use basic_paxos::BasicPaxos;
use fast_paxos::FastPaxos;
use multi_paxos::MultiPaxos;
use paxos_core::{Announce, Config, Limits, NodeId, Protocol, QuorumError, Timeouts};
use paxos_transport::LocalCluster;
use std::sync::Arc;

/// The variants to measure.
pub const VARIANTS: [&str; 4] = ["basic", "simple", "multi", "fast"];

/// A cluster of one of [`VARIANTS`], or of `multi-at-once`, which is `multi` with a separate announcement of each
/// decision.
///
/// # Panics
/// If there is no such variant or payload.
pub fn cluster(variant: &str, point: Point) -> Box<dyn Cluster> {
    batching(variant, point, Limits::default().batch)
}

/// A cluster as [`cluster`] makes it, with at most `batch` commands in one message.
///
/// # Panics
/// If there is no such variant or payload.
pub fn batching(variant: &str, point: Point, batch: usize) -> Box<dyn Cluster> {
    match point.payload {
        <[u8; 16]>::SIZE => of::<[u8; 16]>(variant, point.replicas, batch),
        <Arc<[u8]>>::SIZE => of::<Arc<[u8]>>(variant, point.replicas, batch),
        other => panic!("no payload of {other} bytes"),
    }
}

fn of<V: Payload>(variant: &str, n: u16, batch: usize) -> Box<dyn Cluster> {
    use Announce::{AtOnce, WithNext};
    match variant {
        "basic" => Ours::<BasicPaxos<V, u64>>::boxed(basic_paxos::leaderless(n), AtOnce, batch),
        "simple" => Ours::<BasicPaxos<V, u64>>::boxed(basic_paxos::simple(n), AtOnce, batch),
        "multi" => Ours::<MultiPaxos<V, u64>>::boxed(Config::collapsed(n), WithNext, batch),
        "multi-at-once" => Ours::<MultiPaxos<V, u64>>::boxed(Config::collapsed(n), AtOnce, batch),
        "fast" => Ours::<FastPaxos<V, u64>>::boxed(Config::collapsed(n), AtOnce, batch),
        other => panic!("no variant {other}"),
    }
}

const LEADER: NodeId = NodeId(0);

/// Servers of this library. They have no timeouts, because no message is lost here.
struct Ours<P: Protocol<Value: Payload, Reply = u64>> {
    cluster: LocalCluster<P, Machine<P::Value>>,
    payloads: Payloads<P::Value>,
    replicas: u16,
}

impl<P: Protocol<Value: Payload, Reply = u64, Options: Default>> Ours<P> {
    fn boxed(config: Result<Config, QuorumError>, announce: Announce, batch: usize) -> Box<dyn Cluster> {
        let config = config.expect("a cluster has replicas");
        let mut config = Config { timeouts: Timeouts::NEVER, announce, ..config };
        config.limits.batch = batch;
        let replicas = config.servers().len() as u16;
        let cluster = LocalCluster::new(config, |_| Machine::default());
        Box::new(Self { cluster, payloads: Payloads::new(), replicas })
    }
}

impl<P: Protocol<Value: Payload, Reply = u64>> Cluster for Ours<P> {
    fn round(&mut self, commands: usize) {
        for _ in 0..commands {
            self.cluster.propose(LEADER, self.payloads.draw()).expect("room for what is in flight");
        }
        self.cluster.run();
        let answered = self.cluster.outcomes().count();
        assert_eq!(answered, commands, "every command is decided and executed where it was proposed");
    }

    fn messages(&self) -> u64 {
        self.cluster.messages()
    }

    fn executed(&self) -> Vec<Running> {
        (0..self.replicas).map(|id| self.cluster.machine(NodeId(id)).running).collect()
    }
}
