//! Whole clusters.

use crate::wire::hostile::{Mood, proxy};
use crate::wire::secure::{Authority, secure};
use crate::wire::{Journal, Multi, bind, config, identity, introduce, options, soon, until};
use core::sync::atomic::Ordering;
use paxos_core::{Consistency, NodeId, Setup};
use paxos_transport::{DiskStorage, Identity, Reason, Replicated, TcpHandle, TcpOptions};
use std::path::Path;
use std::sync::Arc;

type Member = Replicated<Multi, Journal>;

struct Cluster {
    members: Vec<Member>,
    handles: Vec<(NodeId, TcpHandle)>,
}

/// Starts three members with their stores in `dir`.
async fn start(dir: &Path, options: impl Fn(u16) -> TcpOptions) -> Cluster {
    start_with(dir, options, async |handles: &[_]| introduce(handles)).await
}

/// As `start`, but `introduce` tells the members the addresses of the others.
async fn start_with(
    dir: &Path,
    options: impl Fn(u16) -> TcpOptions,
    introduce: impl AsyncFnOnce(&[(NodeId, TcpHandle)]),
) -> Cluster {
    let mut config = config(3);
    config.limits.snapshot = 50;
    let config = Arc::new(config);
    let (mut members, mut handles, mut carriers) = (Vec::new(), Vec::new(), Vec::new());
    for id in 0..3 {
        let carrier = bind(options(id)).await;
        handles.push((NodeId(id), carrier.handle()));
        carriers.push(carrier);
    }
    introduce(&handles).await;
    for (id, carrier) in (0..3).zip(carriers) {
        let store = DiskStorage::<Multi>::open(dir.join(id.to_string()), &identity(id)).expect("opens");
        let setup = Setup { id: NodeId(id), config: Arc::clone(&config), options: () };
        let member = Replicated::start(setup, Journal::default(), Box::new(carrier), Box::new(store));
        members.push(member.await.expect("starts"));
    }
    Cluster { members, handles }
}

impl Cluster {
    async fn propose(&self, commands: core::ops::Range<u8>) {
        self.propose_at(&[0, 1, 2], commands).await;
    }

    async fn propose_at(&self, members: &[usize], commands: core::ops::Range<u8>) {
        for command in commands {
            let member = &self.members[members[usize::from(command) % members.len()]];
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
    for incarnation in 0..4 {
        let cluster = start(dir.path(), options).await;
        cluster.propose(incarnation * 40..(incarnation + 1) * 40).await;
        cluster.assert_all_executed((incarnation + 1) * 40).await;
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
    for incarnation in 0..3_u8 {
        let mut options = options(0);
        options.listen = address;
        let carrier = bind(options).await;
        let store = DiskStorage::<Multi>::open(dir.path(), &identity(0)).expect("opens");
        let member = Replicated::start(setup.clone(), Journal::default(), Box::new(carrier), Box::new(store));
        let member = member.await.expect("starts");
        assert_eq!(soon(member.propose(vec![incarnation])).await, Ok(u64::from(incarnation)));
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
    // A known address is not replaced by one that the peer reports itself.
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_with_mutual_tls_commits_and_restarts() {
    let dir = tempfile::tempdir().expect("a directory");
    let authority = Authority::new();
    for incarnation in 0..2 {
        let cluster = start(dir.path(), |id| secure(id, authority.of(id))).await;
        cluster.propose(incarnation * 40..(incarnation + 1) * 40).await;
        cluster.assert_all_executed((incarnation + 1) * 40).await;
        cluster.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_survives_damage_and_cuts_between_its_members() {
    let dir = tempfile::tempdir().expect("a directory");
    let moods: Vec<Arc<Mood>> = (0..9).map(|_| Arc::default()).collect();
    let between = async |handles: &[(NodeId, TcpHandle)]| {
        for (i, (_, here)) in handles.iter().enumerate() {
            for (j, (id, there)) in handles.iter().enumerate() {
                let mood = Arc::clone(&moods[3 * i + j]);
                here.set_peer(*id, proxy(there.local_address(), mood).await.to_string());
            }
        }
    };
    let election = config(3).timeouts.election.expect("there are elections");
    let quick = |id| {
        let options = options(id);
        TcpOptions { limits: options.limits.for_elections(election / 4), ..options }
    };
    let damage = |so| {
        for mood in &moods {
            mood.damages.store(so, Ordering::Relaxed);
        }
    };
    let cluster = start_with(dir.path(), quick, between).await;
    cluster.propose(0..20).await;
    damage(true);
    cluster.propose(20..80).await;
    let damaged: u64 = cluster.handles.iter().map(|(_, h)| h.stats().refused_for(Reason::Damaged)).sum();
    assert!(damaged > 0, "nothing was damaged");
    damage(false);

    let leader = cluster.members[1].leader().map_or(0, |id| usize::from(id.0));
    let others: Vec<usize> = (0..3).filter(|member| *member != leader).collect();
    let cut = |so| {
        let ends = |at: usize| at / 3 == leader || at % 3 == leader;
        for (_, mood) in moods.iter().enumerate().filter(|(at, _)| ends(*at)) {
            mood.stalls.store(so, Ordering::Relaxed);
        }
    };
    cut(true);
    cluster.propose_at(&others, 80..120).await;
    assert_ne!(cluster.members[others[0]].leader(), Some(NodeId(leader as u16)));
    cut(false);
    cluster.propose(120..160).await;
    cluster.assert_all_executed(160).await;
    cluster.stop().await;
}
