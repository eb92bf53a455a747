//! The messages and records of every variant can be serialized and read back.

use crate::wire::{ANY_PORT, Journal, introduce, soon};
use paxos_core::{Config, Consistency, NodeId, Protocol, Setup};
use paxos_transport::{DiskStorage, Identity, Portable, Replicated, TcpCarrier, TcpOptions};
use std::path::Path;
use std::sync::Arc;

type Member<P> = Replicated<P, Journal>;

async fn start<P>(dir: &Path, config: &Arc<Config>) -> Vec<Member<P>>
where
    P: Portable + Protocol<Value = Vec<u8>, Reply = u64>,
{
    let (mut carriers, mut members) = (Vec::new(), Vec::new());
    for id in 0..3 {
        let identity = Identity::new::<P>("test", NodeId(id), config);
        carriers.push(TcpCarrier::<P>::bind(TcpOptions::new(identity, ANY_PORT)).await.expect("a free port"));
    }
    let handles: Vec<_> = (0..3).map(NodeId).zip(carriers.iter().map(TcpCarrier::handle)).collect();
    introduce(&handles);
    for (id, carrier) in (0..3).map(NodeId).zip(carriers) {
        let identity = Identity::new::<P>("test", id, config);
        let store = DiskStorage::<P>::open(dir.join(id.to_string()), &identity).expect("opens");
        let setup = Setup { id, config: Arc::clone(config), options: P::Options::default() };
        let member = Replicated::start(setup, Journal::default(), Box::new(carrier), Box::new(store));
        members.push(member.await.expect("starts"));
    }
    members
}

/// Runs three incarnations of a cluster. A snapshot is taken, and one member misses entries that the others have
/// trimmed.
async fn commits_restarts_and_catches_up<P>(mut config: Config)
where
    P: Portable + Protocol<Value = Vec<u8>, Reply = u64>,
{
    let dir = tempfile::tempdir().expect("a directory");
    config.timeouts = config.timeouts.scaled(10);
    config.limits.snapshot = 10;
    let config = Arc::new(config);
    for incarnation in 0..3 {
        let members = start::<P>(dir.path(), &config).await;
        for n in 0..30 {
            // In the second incarnation, the third member stops early.
            if (incarnation, n) == (1, 5) {
                soon(members[2].shutdown()).await.expect("stops");
            }
            let member = &members[usize::from(n) % 2];
            soon(member.propose(vec![incarnation, n])).await.expect("answered");
        }
        let wanted: Vec<Vec<u8>> =
            (0..=incarnation).flat_map(|incarnation| (0..30).map(move |n| vec![incarnation, n])).collect();
        for member in members.iter().take(if incarnation == 1 { 2 } else { 3 }) {
            let seen = soon(member.read(Consistency::Confirmed, Clone::clone)).await.expect("runs");
            assert_eq!(seen.value.0, wanted, "{}", member.id());
        }
        for member in &members {
            soon(member.shutdown()).await.expect("stops");
        }
    }
}

#[tokio::test]
async fn multi_paxos_runs_over_sockets_and_disks() {
    let config = Config::collapsed(3).expect("lawful");
    commits_restarts_and_catches_up::<multi_paxos::MultiPaxos<_, _>>(config).await;
}

#[tokio::test]
async fn basic_paxos_with_a_leader_runs_over_sockets_and_disks() {
    commits_restarts_and_catches_up::<basic_paxos::BasicPaxos<_, _>>(basic_paxos::simple(3).expect("lawful"))
        .await;
}

#[tokio::test]
async fn basic_paxos_without_a_leader_runs_over_sockets_and_disks() {
    let config = basic_paxos::leaderless(3).expect("lawful");
    commits_restarts_and_catches_up::<basic_paxos::BasicPaxos<_, _>>(config).await;
}

#[tokio::test]
async fn fast_paxos_runs_over_sockets_and_disks() {
    let config = Config::collapsed(3).expect("lawful");
    commits_restarts_and_catches_up::<fast_paxos::FastPaxos<_, _>>(config).await;
}
