//! The store's time on servers whose wall clocks are wrong.

use super::*;
use crate::kv::{Command, Expiry, Only, Raw, Replies, Unit};
use crate::server::Server;
use crate::server::Settings;
use crate::server::member::{Member, Query};
use async_trait::async_trait;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use core::time::Duration;
use paxos_core::{Change, Executed, Membership, NodeSet, Slot, StateMachine, Status};
use paxos_transport::{ChangeError, HostError, LeaveError, ProposeError, ReadFailure, TransferError};
use std::sync::Mutex;
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep};

const DAY: u64 = 86_400_000;

/// A member of a cluster of three, led by n0, whose commands are agreed on at once.
pub(in super::super) struct Agreed(pub(in super::super) NodeId, pub(in super::super) Arc<Mutex<Store>>);

#[async_trait]
impl Member for Agreed {
    fn id(&self) -> NodeId {
        self.0
    }

    fn status(&self) -> Status {
        Status { leader: Some(NodeId(0)), ..Status::default() }
    }

    fn members(&self) -> Membership {
        let all = NodeSet::first(3);
        Membership { proposers: all, acceptors: all, learners: all }
    }

    fn removed(&self) -> NodeSet {
        NodeSet::EMPTY
    }

    async fn append(&self, command: Command) -> Result<Executed<Replies>, ProposeError> {
        let reply = self.1.lock().expect("no panic").apply(Slot(0), &command);
        Ok(Executed { slot: Slot(0), reply })
    }

    async fn query(&self, _: Consistency, query: Query) -> Result<(), ReadFailure> {
        query(&self.1.lock().expect("no panic"));
        Ok(())
    }

    async fn transfer(&self, _: NodeId) -> Result<(), TransferError> {
        Ok(())
    }

    async fn change(&self, _: Change) -> Result<Slot, ChangeError> {
        Ok(Slot(0))
    }

    async fn force_change(&self, _: Change) -> Result<Slot, ChangeError> {
        Ok(Slot(0))
    }

    async fn may_stop(&self, _: NodeId) -> Result<(), LeaveError> {
        Ok(())
    }

    async fn stopped(&self) -> Result<(), HostError> {
        core::future::pending().await
    }

    async fn shutdown(&self) -> Result<(), HostError> {
        Ok(())
    }
}

/// Three servers, with what their wall clocks show at the start.
struct Cluster(Vec<Server>, Vec<Arc<AtomicU64>>);

impl Cluster {
    async fn start(store: &Arc<Mutex<Store>>, wall: u64) -> Self {
        let walls: Vec<_> = (0..3).map(|_| Arc::new(AtomicU64::new(wall))).collect();
        let mut servers = Vec::new();
        for (id, wall) in (0..).map(NodeId).zip(&walls) {
            let (wall, started) = (Arc::clone(wall), Instant::now());
            let clocks = Clocks::new(move || wall.load(Relaxed) + started.elapsed().as_millis() as u64);
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let member = Arc::new(Agreed(id, Arc::clone(store)));
            servers.push(Server::start_by(clocks, member, listener, Settings::default()));
        }
        let cluster = Self(servers, walls);
        sleep(Duration::from_secs(1)).await;
        cluster
    }

    async fn run(&self, server: usize, op: Op<'_>) -> Reply {
        let mut ops = Ops::default();
        ops.push(&op);
        or_failure(&self.0[server].front().batcher.run(ops).await, 0)
    }

    async fn set(&self, server: usize, millis: u64) {
        let (key, value, expiry) = (Raw(b"key"), Raw(b"v"), Expiry::After(millis));
        let set = Op::Set { key, value, expiry, only: Only::Always, get: false };
        assert_eq!(self.run(server, set).await, Reply::Ok);
    }

    /// The key's remaining time, read from one server's replica.
    async fn left(&self, server: usize) -> i64 {
        let Reply::Int(left) = self.run(server, Op::Ttl(Raw(b"key"), Unit::Millis)).await else {
            panic!("a number")
        };
        left
    }
}

fn len(store: &Mutex<Store>) -> usize {
    store.lock().expect("no panic").len()
}

#[tokio::test(start_paused = true)]
async fn keys_expire_in_time_though_a_members_wall_clock_was_a_day_ahead() {
    let store = Arc::default();
    let cluster = Cluster::start(&store, 10 * DAY).await;
    cluster.1[2].fetch_add(DAY, Relaxed);
    cluster.set(2, 500).await;
    for server in 0..3 {
        assert!((499..=500).contains(&cluster.left(server).await), "{server}");
    }
    cluster.1[2].fetch_sub(DAY, Relaxed);
    // No client reads the key: the leader has it expire.
    sleep(Duration::from_millis(400)).await;
    assert_eq!(len(&store), 1);
    sleep(Duration::from_millis(300)).await;
    assert_eq!(len(&store), 0);
}

#[tokio::test(start_paused = true)]
async fn an_idle_cluster_that_was_off_for_a_week_notices_by_itself() {
    let store = Arc::default();
    let before = Cluster::start(&store, 10 * DAY).await;
    before.set(1, DAY).await;
    for server in before.0 {
        server.stop().await;
    }
    let after = Cluster::start(&store, 17 * DAY).await;
    assert_eq!(len(&store), 0);
    let Ok(Reply::Map(fields)) = show(after.0[0].front()).await else { panic!("a map") };
    let told = |name| fields.iter().find(|(field, _)| *field == Reply::text(name)).map(|(_, value)| value);
    assert_eq!(told("moves"), Some(&Reply::Int(2)));
    assert!(matches!(told("ahead_ms"), Some(Reply::Int(-1000..=1000))), "{fields:?}");
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_stays_wrong_costs_an_idle_cluster_no_commands() {
    let store = Arc::default();
    let cluster = Cluster::start(&store, 10 * DAY).await;
    cluster.1[1].fetch_add(DAY, Relaxed);
    sleep(Duration::from_secs(5)).await;
    let seen = |store: &Mutex<Store>| {
        let store = store.lock().expect("no panic");
        (store.time(), store.clock_jumps(), store.ahead().collect::<Vec<_>>())
    };
    let told = seen(&store);
    assert_eq!((told.1, told.2.len()), (1, 1));
    sleep(Duration::from_secs(500)).await;
    assert_eq!(seen(&store), told, "nothing was proposed");
    cluster.1[1].fetch_sub(DAY, Relaxed);
    sleep(Duration::from_secs(5)).await;
    assert_eq!(seen(&store).2, []);
}

#[tokio::test(start_paused = true)]
async fn an_operator_sees_the_time_and_sets_it() {
    let store = Arc::default();
    let cluster = Cluster::start(&store, 10 * DAY).await;
    let front = cluster.0[1].front();
    for wrong in ["", "-1", "now", "9223372036854775808"] {
        assert!(set(wrong.as_bytes(), true, front).await.is_err(), "{wrong}");
    }
    let to = 11 * DAY;
    assert!(matches!(set(to.to_string().as_bytes(), false, front).await, Ok(Reply::Int(_))));
    // Seconds and microseconds are mistakes.
    for wrong in [10 * DAY / 1000, 10 * DAY * 1000] {
        let refused = set(wrong.to_string().as_bytes(), false, front).await.expect_err("it is far away");
        assert!(refused.contains("more than a day from this member's wall clock"), "{refused}");
    }
    let to = 12 * DAY;
    assert!(set(to.to_string().as_bytes(), false, front).await.is_err());
    assert!(matches!(set(to.to_string().as_bytes(), true, front).await, Ok(Reply::Int(_))));
    let Ok(Reply::Map(fields)) = show(front).await else { panic!("a map") };
    assert!(fields.contains(&(Reply::text("store_ms"), Reply::Int(to.cast_signed()))), "{fields:?}");
}
