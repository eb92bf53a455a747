//! The longest wait of a run, and what its answers cost.

mod reads;

use super::super::options::PATIENCE;
use super::*;
use crate::kv::{Op, Raw, Store};
use async_trait::async_trait;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use paxos_core::{Change, Executed, Membership, NodeId, NodeSet, Slot, StateMachine, Status};
use paxos_transport::{ChangeError, HostError, LeaveError, ReadFailure, TransferError};
use std::sync::Mutex;
use tokio::time::{Instant, sleep};

/// A member that executes commands and reads at once, and answers reads after a while.
#[derive(Default)]
struct Fake {
    /// `None`: a command ends as late as its handle allows, and a read never ends.
    store: Option<Mutex<Store>>,
    reads_take: Duration,
    /// Whether it is a spare, which refuses linearizable reads.
    outside: bool,
    /// The number of commands.
    commands: AtomicUsize,
    /// The number of reads.
    reads: AtomicUsize,
}

#[async_trait]
impl Member for Fake {
    fn id(&self) -> NodeId {
        NodeId(0)
    }

    fn status(&self) -> Status {
        Status::default()
    }

    fn members(&self) -> Membership {
        Membership::default()
    }

    fn removed(&self) -> NodeSet {
        NodeSet::EMPTY
    }

    async fn append(&self, command: Command) -> Result<Executed<Replies>, ProposeError> {
        self.commands.fetch_add(1, Relaxed);
        if let Some(store) = &self.store {
            let reply = store.lock().expect("no panic").apply(Slot(0), &command);
            return Ok(Executed { slot: Slot(0), reply });
        }
        sleep(PATIENCE + PATIENCE / 4).await;
        Err(ProposeError::OutcomeUnknown)
    }

    async fn query(&self, way: Consistency, query: super::super::member::Query) -> Result<(), ReadFailure> {
        if self.outside && way.is_linearizable() {
            return Err(ReadFailure::Outside);
        }
        let Some(store) = &self.store else { return core::future::pending().await };
        self.reads.fetch_add(1, Relaxed);
        query(&store.lock().expect("no panic"));
        sleep(self.reads_take).await;
        Ok(())
    }

    async fn transfer(&self, _: NodeId) -> Result<(), TransferError> {
        core::future::pending().await
    }

    async fn change(&self, _: Change) -> Result<Slot, ChangeError> {
        core::future::pending().await
    }

    async fn force_change(&self, _: Change) -> Result<Slot, ChangeError> {
        core::future::pending().await
    }

    async fn may_stop(&self, _: NodeId) -> Result<(), LeaveError> {
        core::future::pending().await
    }

    async fn stopped(&self) -> Result<(), HostError> {
        core::future::pending().await
    }

    async fn shutdown(&self) -> Result<(), HostError> {
        Ok(())
    }
}

/// Opens a batcher for a member.
fn open(member: &Arc<Fake>, consistency: Consistency, account: &Arc<Account>) -> Batcher {
    let member: Arc<dyn Member> = Arc::<Fake>::clone(member);
    let clocks = Arc::new(Clocks::new(|| 0));
    Batcher::open(&member, (&clocks, account), consistency, Width { writes: 1, reads: 1 }, PATIENCE)
}

/// No two runs fit into one command, so each run is a command of its own.
#[tokio::test(start_paused = true)]
async fn no_run_waits_longer_than_three_times_the_patience_however_many_wait_before_it() {
    let batcher = open(&Arc::default(), Consistency::Confirmed, &Account::new(1 << 30));
    let begun = Instant::now();
    let runs: Vec<_> = (0..20)
        .map(|nth| {
            let batcher = batcher.clone();
            tokio::spawn(async move {
                let mut ops = Ops::default();
                let op = if nth % 2 == 0 { Op::Add(Raw(b"key"), 1) } else { Op::Get(Raw(b"key")) };
                (0..MOST.0).for_each(|_| ops.push(&op));
                batcher.run(ops).await.failure().to_owned()
            })
        })
        .collect();
    for (nth, run) in runs.into_iter().enumerate() {
        let failure = run.await.expect("no panic");
        assert!(begun.elapsed() <= 3 * PATIENCE + Duration::from_millis(2), "{:?}", begun.elapsed());
        // A failed read has changed nothing.
        assert!(
            failure.starts_with(if nth % 2 == 0 { "UNKNOWN" } else { "CLUSTERDOWN not done" }),
            "{failure}"
        );
    }
}
