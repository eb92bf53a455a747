//! Disks that hang, and one that is full.

use super::{Beside, Carried, Porter, Scribe, Writer, close, load};
use crate::storage::{Intake, Kept, MemoryStorage, Saved, Storage, StorageError};
use async_trait::async_trait;
use core::future::pending;
use core::time::Duration;
use multi_paxos::MultiPaxos;
use paxos_core::{
    Bytes, Config, Contents, Digest, Event, Message, Node, NodeId, Protocol, Sections, Setup, Slot, Snapshot,
    SnapshotId, SnapshotPiece, Time, Write,
};
use std::io;
use std::sync::{Arc, Mutex};
use std::thread;
use tokio::sync::mpsc;
use tokio::time::Instant;

type Multi = MultiPaxos<u64, u64>;
type Record = <Multi as Protocol>::Record;

/// A disk that finishes no write, and tells when it has begun with one. `keep` does what it does with pieces.
struct Broken {
    store: MemoryStorage<Multi>,
    begun: mpsc::UnboundedSender<()>,
    keep: fn() -> Result<Kept, StorageError>,
}

#[async_trait]
impl Storage<Multi> for Broken {
    async fn load(&mut self) -> Result<Saved<Multi>, StorageError> {
        self.store.load().await
    }

    async fn append(&mut self, _: &[Record]) -> Result<(), StorageError> {
        _ = self.begun.send(());
        pending().await
    }

    async fn install(&mut self, _: &Snapshot, _: &[Record]) -> Result<(), StorageError> {
        pending().await
    }

    fn intake(&self) -> Option<Intake> {
        let (begun, keep) = (self.begun.clone(), self.keep);
        Some(Box::new(move |_| {
            _ = begun.send(());
            keep()
        }))
    }
}

fn hang() -> Result<Kept, StorageError> {
    loop {
        thread::park();
    }
}

fn fail() -> Result<Kept, StorageError> {
    Err(StorageError::Write(std::io::ErrorKind::StorageFull.into()))
}

/// Finds a piece useless.
const REFUSE: fn() -> Result<Kept, StorageError> = || Ok(Kept::Useless);

/// The only piece of a snapshot.
fn piece() -> SnapshotPiece {
    let snapshot = SnapshotId { next: Slot(1), length: 1, digest: Digest::of(b"x") };
    SnapshotPiece { snapshot, offset: 0, bytes: Bytes::from(vec![b'x']), from: NodeId(1) }
}

/// A write: the ballot of a process that campaigns.
fn ballot() -> Write<Multi> {
    let config = Arc::new(Config::collapsed(1).expect("lawful"));
    let setup = Setup { id: NodeId(0), config, options: () };
    let mut node = Node::<Multi>::new(setup, Time(0));
    node.step(node.deadline().expect("it campaigns"), Event::Timeout);
    node.ready().write().expect("its ballot")
}

/// The last write of a process that stops is what it knows. The task that writes has not even begun with it.
#[tokio::test]
async fn what_was_begun_is_on_disk_when_the_store_is_closed() {
    for fails in [false, true] {
        let mut store = MemoryStorage::new();
        store.load().await.expect("a store");
        store.set_failing(fails);
        let writer = Writer::<Multi>::start(Box::new(store.clone())).expect("a task");
        writer.begin(ballot());
        let closed = writer.close(Duration::from_secs(4)).await;
        assert_eq!(closed.is_err(), fails, "{closed:?}");
        assert_eq!(store.records().is_empty(), fails);
    }
}

/// A store that panics in a write, or when it is closed.
struct Panicking {
    in_write: bool,
    blocks: bool,
}

#[async_trait]
impl Storage<Multi> for Panicking {
    fn blocks(&self) -> bool {
        self.blocks
    }

    async fn load(&mut self) -> Result<Saved<Multi>, StorageError> {
        MemoryStorage::new().load().await
    }

    async fn append(&mut self, _: &[Record]) -> Result<(), StorageError> {
        assert!(!self.in_write, "a panic of this test");
        Ok(())
    }

    async fn install(&mut self, _: &Snapshot, _: &[Record]) -> Result<(), StorageError> {
        Ok(())
    }
}

impl Drop for Panicking {
    fn drop(&mut self) {
        assert!(self.in_write, "a panic of this test");
    }
}

/// What it was to write may not be on disk.
#[tokio::test]
async fn a_store_that_panics_while_it_is_closed_is_not_closed_well() {
    for (in_write, blocks) in [(true, true), (true, false), (false, true), (false, false)] {
        let writer = Writer::<Multi>::start(Box::new(Panicking { in_write, blocks })).expect("a task");
        writer.begin(ballot());
        let closed = writer.close(Duration::from_secs(4)).await;
        assert!(matches!(closed, Err(StorageError::Panicked)), "{in_write} {blocks}: {closed:?}");
    }
}

/// A disk that hangs when the store is loaded, until it is released. It tells which thread waits for it.
struct Hanging {
    waits: mpsc::UnboundedSender<Option<String>>,
    released: Mutex<std::sync::mpsc::Receiver<()>>,
}

#[async_trait]
impl Storage<Multi> for Hanging {
    fn blocks(&self) -> bool {
        true
    }

    async fn load(&mut self) -> Result<Saved<Multi>, StorageError> {
        let thread = thread::current().name().map(str::to_owned);
        _ = self.waits.send(thread.clone());
        // The end of the runtime would wait for its own thread, and the test would never end.
        if thread.as_deref() == Some("paxos-load") {
            _ = self.released.lock().expect("no panic").recv();
        }
        MemoryStorage::new().load().await
    }

    async fn append(&mut self, _: &[Record]) -> Result<(), StorageError> {
        Ok(())
    }

    async fn install(&mut self, _: &Snapshot, _: &[Record]) -> Result<(), StorageError> {
        Ok(())
    }
}

/// A program that ends its runtime must not wait for the disk.
#[test]
fn a_start_on_a_disk_that_hangs_can_be_ended() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let (waits, mut hanging) = mpsc::unbounded_channel();
    let (release, released) = std::sync::mpsc::channel();
    let thread = runtime.block_on(async {
        let loading =
            tokio::spawn(load::<Multi>(Box::new(Hanging { waits, released: Mutex::new(released) })));
        let thread = hanging.recv().await.expect("it hangs");
        loading.abort();
        thread
    });
    assert_eq!(thread.as_deref(), Some("paxos-load"), "a thread of the runtime");
    drop(runtime);
    // What was loaded late is dropped.
    release.send(()).expect("it still hangs");
    assert!(hanging.blocking_recv().is_none());
}

#[tokio::test(start_paused = true)]
async fn all_that_hangs_together_is_waited_for_once() {
    let (tell, mut hanging) = mpsc::unbounded_channel();
    let storage = Broken { store: MemoryStorage::new(), begun: tell, keep: hang };
    let (scribe, porter) =
        (Scribe::new::<Multi>(&storage), Porter::start::<Multi>(&storage).expect("a thread"));
    porter.keep(piece());
    let writer = Writer::<Multi>::start(Box::new(storage)).expect("a task");
    writer.begin(ballot());
    for _ in ["the piece", "the write"] {
        hanging.recv().await.expect("both hang");
    }
    let (begun, patience) = (Instant::now(), Duration::from_secs(4));
    assert!(!close(writer, porter, scribe, patience).await.expect("no write has failed"));
    assert!(begun.elapsed() < patience + Duration::from_millis(10), "{:?}", begun.elapsed());
}

/// The process would fetch it again at once if it ended, and the network would carry it for nothing.
#[tokio::test(start_paused = true)]
async fn a_snapshot_that_a_full_disk_cannot_keep_ends_nothing_and_is_fetched_again_later() {
    fetched_again(fail, &piece(), Duration::from_secs(60)).await;
}

/// The peer that sent it would send the same again.
#[tokio::test(start_paused = true)]
async fn pieces_that_are_no_snapshot_together_are_fetched_again_later() {
    fetched_again(REFUSE, &piece(), Duration::from_secs(60)).await;
    // A piece that follows no other is a beginning that was lost. The rest need not come.
    let mut first = piece();
    first.snapshot.length = 2;
    fetched_again(REFUSE, &first, Duration::ZERO).await;
}

/// Three times in a row, the store does this with a piece, and the snapshot is fetched again after `pause`.
async fn fetched_again(keep: fn() -> Result<Kept, StorageError>, piece: &SnapshotPiece, pause: Duration) {
    let (begun, _still) = mpsc::unbounded_channel();
    let storage = Broken { store: MemoryStorage::new(), begun, keep };
    let mut porter = Porter::start::<Multi>(&storage).expect("a thread");
    for _ in 0..3 {
        let begun = Instant::now();
        porter.keep(piece.clone());
        let carried = porter.done().await.expect("the process goes on");
        assert!(matches!(carried, Carried::Fetched(id, None) if id == piece.snapshot));
        assert!(begun.elapsed() >= pause, "{:?}", begun.elapsed());
        assert!(begun.elapsed() <= pause + Duration::from_millis(10), "{:?}", begun.elapsed());
    }
    // Its thread ends in real time. A clock that stands still would jump to the end of the patience at once.
    tokio::time::resume();
    assert!(porter.close(Duration::from_secs(4)).await.expect("no panic"));
    tokio::time::pause();
}

/// The bytes of a snapshot. If there is a gate, each read is told, and waits until it opens.
struct Gated {
    bytes: Bytes,
    begun: mpsc::UnboundedSender<()>,
    gate: Mutex<Option<std::sync::mpsc::Receiver<()>>>,
}

impl Contents for Gated {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        if let Some(gate) = &*self.gate.lock().expect("no panic") {
            _ = self.begun.send(());
            _ = gate.recv();
        }
        self.bytes.read_at(offset, into)
    }
}

/// A peer asks for several pieces in a row, and goes on with another peer while the disk hangs.
#[tokio::test]
async fn of_the_pieces_that_a_peer_asks_for_while_the_disk_hangs_only_the_last_few_are_read() {
    let (sessions, membership) = (Bytes::empty(), Bytes::empty());
    let sections = Sections { next: Slot(9), machine: Bytes::from(vec![7; 500]), sessions, membership };
    let whole = Snapshot::new(&sections);
    let (snapshot, bytes) = (whole.id(), whole.read_all().expect("memory"));
    let (begun, mut reading) = mpsc::unbounded_channel();
    let gated = Arc::new(Gated { bytes, begun: begun.clone(), gate: Mutex::new(None) });
    let config = Arc::new(Config::collapsed(3).expect("lawful"));
    let setup = Setup { id: NodeId(0), config, options: () };
    let held = Snapshot::of(snapshot, gated.clone()).expect("whole");
    let mut node = Node::<Multi>::restore_from(setup, Time(0), 1, Some(held), &[]);
    node.hand_out_pieces();
    let storage = Broken { store: MemoryStorage::new(), begun, keep: REFUSE };
    let mut porter = Porter::start::<Multi>(&storage).expect("a thread");
    let (open, gate) = std::sync::mpsc::channel();
    *gated.gate.lock().expect("no panic") = Some(gate);

    let last = 99;
    for offset in 0..=last {
        let message = Message::Fetch { snapshot, offset };
        node.step(Time(offset), Event::Message { from: NodeId(1), message });
        porter.take(&mut node.ready());
        if offset == 0 {
            reading.recv().await.expect("the disk hangs");
        }
    }
    drop(open);
    let mut read = Vec::new();
    while read.last() != Some(&last) {
        let Ok(Carried::Read(_, Some(bytes))) = porter.done().await else { panic!("after {read:?}") };
        read.push(snapshot.length - bytes.len() as u64);
        porter.take(&mut node.ready());
    }
    let expected: Vec<u64> = std::iter::once(0).chain(last - 15..=last).collect();
    assert_eq!(read, expected);
}

#[tokio::test]
async fn a_job_that_panics_while_the_host_stops_has_not_ended_well() {
    let mut job = Beside::<()>::new(true);
    job.begin("a-job", || panic!("on purpose")).expect("a thread");
    let ended = job.close(Duration::from_secs(60)).await;
    assert!(matches!(ended, Err(StorageError::Panicked)), "{ended:?}");
}
