//! Closing what works on a disk that hangs.

use super::{Porter, Scribe, Writer, close};
use crate::storage::{Intake, MemoryStorage, Saved, Storage, StorageError};
use async_trait::async_trait;
use core::future::pending;
use core::time::Duration;
use multi_paxos::MultiPaxos;
use paxos_core::{
    Bytes, Config, Digest, Event, Node, NodeId, Protocol, Setup, Slot, Snapshot, SnapshotId, SnapshotPiece,
    Time,
};
use std::sync::Arc;
use std::thread;
use tokio::sync::mpsc;
use tokio::time::Instant;

type Multi = MultiPaxos<u64, u64>;
type Record = <Multi as Protocol>::Record;

/// A disk that finishes neither a write nor the keeping of a piece, and tells when it has begun with one.
struct Hung(MemoryStorage<Multi>, mpsc::UnboundedSender<()>);

#[async_trait]
impl Storage<Multi> for Hung {
    async fn load(&mut self) -> Result<Saved<Multi>, StorageError> {
        self.0.load().await
    }

    async fn append(&mut self, _: &[Record]) -> Result<(), StorageError> {
        _ = self.1.send(());
        pending().await
    }

    async fn install(&mut self, _: &Snapshot, _: &[Record]) -> Result<(), StorageError> {
        pending().await
    }

    fn intake(&self) -> Option<Intake> {
        let tell = self.1.clone();
        Some(Box::new(move |_| {
            _ = tell.send(());
            loop {
                thread::park();
            }
        }))
    }
}

#[tokio::test(start_paused = true)]
async fn all_that_hangs_together_is_waited_for_once() {
    let (tell, mut hanging) = mpsc::unbounded_channel();
    let storage = Hung(MemoryStorage::new(), tell);
    let (scribe, porter) =
        (Scribe::new::<Multi>(&storage), Porter::start::<Multi>(&storage).expect("a thread"));
    let snapshot = SnapshotId { next: Slot(1), length: 2, digest: Digest::of(b"x") };
    porter.keep(SnapshotPiece { snapshot, offset: 0, bytes: Bytes::from(vec![b'x']) });
    let writer = Writer::<Multi>::start(Box::new(storage)).expect("a task");
    let config = Arc::new(Config::collapsed(1).expect("lawful"));
    let setup = Setup { id: NodeId(0), config, options: () };
    let mut node = Node::<Multi>::new(setup, Time(0));
    node.step(node.deadline().expect("it campaigns"), Event::Timeout);
    writer.begin(node.ready().write().expect("its ballot"));
    for _ in ["the piece", "the write"] {
        hanging.recv().await.expect("both hang");
    }
    let (begun, patience) = (Instant::now(), Duration::from_secs(4));
    assert!(!close(writer, porter, scribe, patience).await);
    assert!(begun.elapsed() < patience + Duration::from_millis(10), "{:?}", begun.elapsed());
}
