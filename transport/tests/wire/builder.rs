//! Members that are built in one expression.

use super::{Journal, config, introduce, soon};
use fast_paxos::FastPaxos;
use paxos_core::{Consistency, NodeId};
use paxos_transport::{BindError, Builder, HostError, Replicated, StartError, StoreError, TlsOptions};

type Fast = FastPaxos<Vec<u8>, u64>;

fn builder(id: NodeId) -> Builder<Fast, Journal> {
    Replicated::builder("built", id, config(3))
}

/// Starts three members on ports that the system chooses.
async fn start(begin: impl Fn(NodeId) -> Builder<Fast, Journal>) -> Vec<Replicated<Fast, Journal>> {
    let mut bound = Vec::new();
    for id in (0..3).map(NodeId) {
        bound.push((
            id,
            begin(id).listen("127.0.0.1:0").bind().await.expect("a free port, and a sound store"),
        ));
    }
    let handles: Vec<_> = bound.iter().map(|(id, bound)| (*id, bound.handle())).collect();
    introduce(&handles);
    let mut members = Vec::new();
    for (_, bound) in bound {
        members.push(bound.start(Journal::default()).await.expect("a sound store"));
    }
    members
}

#[tokio::test]
async fn a_cluster_decides_and_goes_on_from_its_stores() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = |id: NodeId| dir.path().join("of").join(id.to_string());
    let members = start(|id| builder(id).store(store(id))).await;
    for (nth, member) in members.iter().enumerate() {
        assert_eq!(soon(member.propose(vec![nth as u8])).await.expect("decided"), nth as u64);
    }
    for member in members {
        member.shutdown().await.expect("a sound disk");
    }
    let members = start(|id| builder(id).existing_store(store(id))).await;
    let seen = soon(members[2].read(Consistency::Confirmed, |journal| journal.0.clone())).await;
    assert_eq!(seen.expect("a quorum is up").value, [[0], [1], [2]]);
    for member in members {
        member.shutdown().await.expect("a sound disk");
    }
}

#[tokio::test]
async fn what_is_missing_or_wrong_is_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let id = NodeId(1);
    let listening = || builder(id).listen("127.0.0.1:0");
    let error = listening().bind().await.expect_err("no store");
    assert!(matches!(error, StartError::NoStore), "{error}");
    let error = builder(id).store(dir.path()).bind().await.expect_err("no address");
    assert!(matches!(error, StartError::NoAddress(NodeId(1))), "{error}");
    let other = builder(id).peers([(NodeId(0), "127.0.0.1:1")]);
    let error = other.store(dir.path()).bind().await.expect_err("only another's address");
    assert!(matches!(error, StartError::NoAddress(NodeId(1))), "{error}");
    for address in ["localhost", "localhost:port", ":::"] {
        let own = builder(id).peers([(id, address)]);
        let error = own.store(dir.path()).bind().await.expect_err("no address");
        assert!(matches!(&error, StartError::Address { address: named, .. } if named == address), "{error}");
    }
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = taken.local_addr().expect("bound").to_string();
    let error = builder(id).listen(at).store(dir.path()).bind().await.expect_err("a port in use");
    assert!(matches!(error, StartError::Bind(BindError::Listen { .. })), "{error}");
    let wrong = TlsOptions { authorities: vec![], certificate: vec![], key: vec![], domain: None };
    let error = listening().tls(wrong).store(dir.path()).bind().await.expect_err("a wrong certificate");
    assert!(matches!(error, StartError::Bind(BindError::Tls(_))), "{error}");
    let mut lent = config(3);
    lent.timeouts.lease = lent.timeouts.election;
    let lent = Replicated::<Fast, Journal>::builder("built", id, lent).listen("127.0.0.1:0");
    let error = lent.store(dir.path()).bind().await.expect_err("a lease as long as the election timeout");
    assert!(matches!(error, StartError::Host(HostError::Lease { .. })), "{error}");
    assert_eq!(std::fs::read_dir(dir.path()).expect("there").count(), 0, "nothing was made");

    let error = listening().existing_store(dir.path()).bind().await.expect_err("no store");
    assert!(matches!(error, StartError::Store(StoreError::Empty { .. })), "{error}");
    drop(listening().store(dir.path()).bind().await.expect("a new store"));
    let error = listening().variant("fast, commands of format 2").store(dir.path()).bind().await;
    let error = error.expect_err("the store of another format");
    assert!(matches!(error, StartError::Store(StoreError::Foreign { .. })), "{error}");
}

/// The process listens at its own address among those of all.
#[tokio::test]
async fn the_own_address_is_where_it_listens() {
    let dir = tempfile::tempdir().expect("a directory");
    // This machine does not have the other address, so listening there would fail.
    let all = [(NodeId(0), "192.0.2.1:7000"), (NodeId(1), "127.0.0.1:0")];
    let bound = builder(NodeId(1)).peers(all).store(dir.path()).bind().await.expect("a free port");
    assert!(bound.local_address().ip().is_loopback());
}
