//! Whole clusters.

use crate::{Journal, Multi, bind, config, identity, introduce, options, soon, until};
use paxos_core::{Consistency, NodeId, Setup};
use paxos_transport::{Identity, RedbStorage, Replicated, TcpHandle, TcpOptions};
use std::path::Path;
use std::sync::Arc;

type Member = Replicated<Multi, Journal>;

struct Cluster {
    members: Vec<Member>,
    handles: Vec<(NodeId, TcpHandle)>,
}

/// Starts three members with their stores in `dir`, each listening where `options` says.
async fn start(dir: &Path, options: impl Fn(u16) -> TcpOptions) -> Cluster {
    let mut config = config(3);
    config.limits.snapshot = 50;
    let config = Arc::new(config);
    let (mut members, mut handles, mut carriers) = (Vec::new(), Vec::new(), Vec::new());
    for id in 0..3 {
        let carrier = bind(options(id)).await;
        handles.push((NodeId(id), carrier.handle()));
        carriers.push(carrier);
    }
    introduce(&handles);
    for (id, carrier) in (0..3).zip(carriers) {
        let store = RedbStorage::<Multi>::open(dir.join(id.to_string()), &identity(id)).expect("opens");
        let setup = Setup { id: NodeId(id), config: Arc::clone(&config), options: () };
        let member = Replicated::start(setup, Journal::default(), Box::new(carrier), Box::new(store));
        members.push(member.await.expect("starts"));
    }
    Cluster { members, handles }
}

impl Cluster {
    async fn propose(&self, commands: core::ops::Range<u8>) {
        for command in commands {
            let member = &self.members[usize::from(command) % self.members.len()];
            soon(member.propose(vec![command])).await.expect("answered");
        }
    }

    async fn assert_all_executed(&self, n: u8) {
        let wanted: Vec<Vec<u8>> = (0..n).map(|command| vec![command]).collect();
        for member in &self.members {
            let seen = soon(member.read(Consistency::Confirmed, Clone::clone)).await.expect("runs");
            assert_eq!(seen.value, Journal(wanted.clone()), "{}", member.id());
        }
    }

    async fn stop(self) {
        for member in &self.members {
            soon(member.shutdown()).await.expect("stops");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_over_sockets_and_disks_commits_and_knows_it_all_when_it_restarts() {
    let dir = tempfile::tempdir().expect("a directory");
    for life in 0..4 {
        let cluster = start(dir.path(), options).await;
        cluster.propose(life * 40..(life + 1) * 40).await;
        cluster.assert_all_executed((life + 1) * 40).await;
        for (_, handle) in &cluster.handles {
            assert_eq!(handle.stats().dropped_too_large, 0);
            assert!(handle.stats().messages_received > 0);
        }
        cluster.stop().await;
    }
}

#[tokio::test]
async fn a_member_that_stops_leaves_its_port_and_its_directory_free() {
    let dir = tempfile::tempdir().expect("a directory");
    let address = bind(options(0)).await.local_address();
    let setup = Setup { id: NodeId(0), config: Arc::new(config(1)), options: () };
    for life in 0..3_u8 {
        let mut options = options(0);
        options.listen = address;
        let carrier = bind(options).await;
        let store = RedbStorage::<Multi>::open(dir.path(), &identity(0)).expect("opens");
        let member = Replicated::start(setup.clone(), Journal::default(), Box::new(carrier), Box::new(store));
        let member = member.await.expect("starts");
        assert_eq!(soon(member.propose(vec![life])).await, Ok(u64::from(life)));
        soon(member.shutdown()).await.expect("stops");
    }
}

#[tokio::test]
async fn a_process_whose_address_nobody_knew_tells_it_itself() {
    let (first, second) = (bind(options(0)).await, bind(options(1)).await);
    let (knows, learns) = (first.handle(), second.handle());
    let mut third = options(2);
    third.peers.insert(NodeId(1), second.local_address().to_string());
    third.advertise = Some("127.0.0.1:9".into());
    let third = bind(third).await;
    until(|| learns.peers().contains_key(&NodeId(2))).await;
    assert_eq!(learns.peers()[&NodeId(2)], "127.0.0.1:9");
    // Whoever was told where a peer is does not ask it.
    learns.set_peer(NodeId(2), third.local_address().to_string());
    until(|| learns.stats().peers[&NodeId(2)].connected).await;
    assert!(knows.peers().is_empty());
}

#[test]
fn an_identity_names_the_variant_and_what_all_share() {
    let one = Identity::new::<Multi>("c", NodeId(1), &config(3));
    assert_eq!((one.variant.as_str(), one.cluster.as_str()), ("multi", "c"));
    assert_ne!(one.configuration, Identity::new::<Multi>("c", NodeId(1), &config(5)).configuration);
}
