//! Members with two versions of the wire format: those of one version continue if they are a quorum, and the others are
//! told why they are refused (`docs/upgrades.md`).
//!
//! All processes here actually use one version. A proxy carries the traffic between a member of the next version and
//! the others, and raises or lowers the version byte at the start of each direction, which the other side checks first.
//! So each side sees the other as real processes of these versions would.

use crate::wire::refusals::Log;
use crate::wire::{ANY_PORT, Journal, Multi, bind, config, identity, options, soon, until};
use core::sync::atomic::{AtomicBool, Ordering};
use paxos_core::{Consistency, NodeId, Setup};
use paxos_transport::{DiskStorage, Reason, Replicated, TcpCarrier, TcpHandle, WIRE_VERSION};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

type Member = Replicated<Multi, Journal>;

/// Whether each member is of the next version.
type Next = Arc<[AtomicBool; 3]>;

/// Forwards all bytes, but replaces the first one, the version, by `said`.
async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, said: u8) {
    let mut first = [0];
    if from.read_exact(&mut first).await.is_err() {
        return;
    }
    assert_eq!(first[0], WIRE_VERSION);
    // Either side may close at any time.
    if to.write_all(&[said]).await.is_ok() {
        copy(&mut from, &mut to).await.ok();
    }
}

/// Starts a proxy between `here`, which dials, and `there`. Returns its address.
async fn between(here: usize, there: usize, address: Arc<Mutex<SocketAddr>>, next: Next) -> SocketAddr {
    let listener = TcpListener::bind(ANY_PORT).await.expect("a free port");
    let own = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        while let Ok((dialled, _)) = listener.accept().await {
            let to = *address.lock().expect("no panic");
            let Ok(reached) = TcpStream::connect(to).await else { continue };
            let newer = |member: usize| next[member].load(Ordering::Relaxed);
            // The version of the speaker, relative to the listener's version.
            let seen = |speaker, listener| match (newer(speaker), newer(listener)) {
                (true, false) => WIRE_VERSION + 1,
                (false, true) => WIRE_VERSION - 1,
                _ => WIRE_VERSION,
            };
            let (dialled, reached) = (dialled.into_split(), reached.into_split());
            tokio::spawn(pass(dialled.0, reached.1, seen(here, there)));
            tokio::spawn(pass(reached.0, dialled.1, seen(there, here)));
        }
    });
    own
}

/// Three members, some of which are of the next version.
struct Cluster<'a> {
    dir: &'a Path,
    next: Next,
    addresses: Vec<Arc<Mutex<SocketAddr>>>,
    /// The address at which each member reaches each other one.
    ways: Vec<Vec<SocketAddr>>,
    members: Vec<Option<(Member, TcpHandle)>>,
}

impl<'a> Cluster<'a> {
    async fn start(dir: &'a Path) -> Self {
        let next = Next::default();
        let addresses: Vec<_> = (0..3).map(|_| Arc::new(Mutex::new(ANY_PORT))).collect();
        let mut ways = Vec::new();
        for here in 0..3 {
            let mut own = Vec::new();
            for (there, address) in addresses.iter().enumerate() {
                own.push(between(here, there, Arc::clone(address), Arc::clone(&next)).await);
            }
            ways.push(own);
        }
        let mut cluster = Self { dir, next, addresses, ways, members: vec![None, None, None] };
        for member in 0..3 {
            cluster.start_one(member).await;
        }
        cluster
    }

    async fn start_one(&mut self, member: usize) {
        let id = NodeId(member as u16);
        let carrier: TcpCarrier<Multi> = bind(options(id.0)).await;
        let handle = carrier.handle();
        *self.addresses[member].lock().expect("no panic") = carrier.local_address();
        for (other, way) in self.ways[member].iter().enumerate() {
            handle.set_peer(NodeId(other as u16), way.to_string());
        }
        let store = DiskStorage::open(self.dir.join(member.to_string()), &identity(id.0)).expect("opens");
        let setup = Setup { id, config: Arc::new(config(3)), options: () };
        let member = Replicated::start(setup, Journal::default(), Box::new(carrier), Box::new(store));
        self.members[usize::from(id.0)] = Some((member.await.expect("starts"), handle));
    }

    /// Stops a member, and restarts it as one of the next version.
    async fn upgrade(&mut self, member: usize) {
        let (stopped, handle) = self.members[member].take().expect("it runs");
        soon(stopped.shutdown()).await.expect("stops");
        drop((stopped, handle));
        self.next[member].store(true, Ordering::Relaxed);
        self.start_one(member).await;
    }

    fn member(&self, member: usize) -> &Member {
        &self.members[member].as_ref().expect("it runs").0
    }

    fn handle(&self, member: usize) -> &TcpHandle {
        &self.members[member].as_ref().expect("it runs").1
    }

    async fn propose(&self, members: &[usize], commands: core::ops::Range<u8>) {
        for command in commands {
            let member = members[usize::from(command) % members.len()];
            soon(self.member(member).propose(vec![command])).await.expect("answered");
        }
    }

    async fn executed(&self, member: usize, n: u8) {
        let seen = soon(self.member(member).read(Consistency::Confirmed, Clone::clone)).await.expect("runs");
        assert_eq!(seen.value, Journal((0..n).map(|command| vec![command]).collect()));
    }
}

#[tokio::test]
async fn members_are_upgraded_one_by_one_and_those_of_one_version_go_on_if_they_are_a_quorum() {
    let log = Log::default();
    let guard = tracing::subscriber::set_default(log.clone());
    let dir = tempfile::tempdir().expect("a directory");
    let mut cluster = Cluster::start(dir.path()).await;
    cluster.propose(&[0, 1, 2], 0..10).await;

    // n2 is alone with the next version: the others continue, n2 keeps its knowledge, and all of them log the reason.
    cluster.upgrade(2).await;
    cluster.propose(&[0, 1], 10..20).await;
    for member in 0..3 {
        until(|| cluster.handle(member).stats().refused_for(Reason::Version) > 0).await;
    }
    let seen = soon(cluster.member(2).read(Consistency::Local, Clone::clone)).await.expect("runs");
    assert!(seen.value.0.len() <= 10, "{:?}", seen.value);
    let told = |spoken: u8| {
        let words =
            format!("it speaks version {spoken} of the wire format, this process version {WIRE_VERSION}");
        log.warnings(&["reason=version", &words])
    };
    assert!(told(WIRE_VERSION + 1) >= 2 && told(WIRE_VERSION - 1) >= 1, "{:?}", log.warnings(&[]));

    // n1 follows: the two members of the next version are a quorum, and continue from the former log.
    cluster.upgrade(1).await;
    cluster.propose(&[1, 2], 20..30).await;
    cluster.executed(2, 30).await;

    // n0 is upgraded last.
    cluster.upgrade(0).await;
    cluster.propose(&[0, 1, 2], 30..40).await;
    for member in 0..3 {
        cluster.executed(member, 40).await;
    }
    drop(guard);
}
