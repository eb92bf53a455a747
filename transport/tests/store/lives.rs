//! Lives of one process, one after the other, and the directory they use.

use multi_paxos::MultiPaxos;
use paxos_core::{Ballot, Bytes, Digest, NodeId, Record, Sections, Slot, Snapshot};
use paxos_transport::{Identity, RedbStorage, Saved, Storage, StoreError};
use std::fs;
use std::path::Path;

pub(crate) type Protocol = MultiPaxos<u64, u64>;

pub(crate) fn identity() -> Identity {
    Identity { cluster: "test".into(), node: NodeId(1), variant: "multi".into(), configuration: Digest(7) }
}

pub(crate) fn open(dir: &Path) -> Result<RedbStorage<Protocol>, StoreError> {
    RedbStorage::open(dir, &identity())
}

/// A record that differs from others.
pub(crate) fn record(n: u64) -> Record<u64> {
    let entry = paxos_core::Entry::new(paxos_core::ClientId::default(), n, n);
    Record::Voted { ballot: Ballot::ZERO, first: Slot(n), batch: entry.into() }
}

pub(crate) fn snapshot(next: u64) -> Snapshot {
    let machine = Bytes::from(next.to_le_bytes().repeat(200));
    Snapshot::new(&Sections {
        next: Slot(next),
        machine,
        sessions: Bytes::empty(),
        membership: Bytes::empty(),
    })
}

async fn load(dir: &Path) -> (RedbStorage<Protocol>, Saved<Protocol>) {
    let mut store = open(dir).expect("opens");
    let saved = store.load().await.expect("whole");
    (store, saved)
}

#[tokio::test]
async fn each_life_has_its_number_and_finds_what_was_appended_in_order() {
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path().join("new").join("deep");
    for life in 0..5_u64 {
        let (mut store, saved) = load(&dir).await;
        assert_eq!((u64::from(saved.session), saved.snapshot), (life, None));
        assert_eq!(saved.records, (0..life * 3).map(record).collect::<Vec<_>>());
        store.append(&[record(life * 3), record(life * 3 + 1)]).await.expect("written");
        store.append(&[record(life * 3 + 2)]).await.expect("written");
    }
}

#[tokio::test]
async fn a_snapshot_takes_the_place_of_all_that_was_there() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut store, _) = load(dir.path()).await;
    for n in 0..10 {
        store.append(&[record(n)]).await.expect("written");
    }
    store.install(&snapshot(8), &[record(8), record(9)]).await.expect("written");
    drop(store);
    let (mut store, saved) = load(dir.path()).await;
    assert_eq!((saved.snapshot, saved.records), (Some(snapshot(8)), vec![record(8), record(9)]));
    store.append(&[record(10)]).await.expect("written");
    store.install(&snapshot(11), &[]).await.expect("written");
    store.append(&[record(11)]).await.expect("written");
    drop(store);
    let (_, saved) = load(dir.path()).await;
    assert_eq!((saved.snapshot, saved.records), (Some(snapshot(11)), vec![record(11)]));
}

#[tokio::test]
async fn a_directory_is_open_once_at_a_time() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = open(dir.path()).expect("opens");
    let error = open(dir.path()).expect_err("it is in use");
    assert!(matches!(error, StoreError::Locked { .. }), "{error}");
    drop(store);
    open(dir.path()).expect("free again");
}

#[tokio::test]
async fn the_directory_of_another_process_cluster_or_variant_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    drop(open(dir.path()).expect("opens"));
    let others = [
        Identity { node: NodeId(2), ..identity() },
        Identity { cluster: "other".into(), ..identity() },
        Identity { variant: "fast".into(), ..identity() },
    ];
    for other in others {
        let error = RedbStorage::<Protocol>::open(dir.path(), &other).expect_err("not its own");
        assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
    }
    // Waiting times and the like may change from life to life; what must not is told by the peers.
    RedbStorage::<Protocol>::open(dir.path(), &Identity { configuration: Digest(8), ..identity() })
        .expect("its own");
}

#[tokio::test]
async fn a_process_that_ran_before_does_not_start_from_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let missing = dir.path().join("typo");
    for path in [dir.path(), &missing] {
        let error = RedbStorage::<Protocol>::open_existing(path, &identity()).expect_err("nothing there");
        assert!(matches!(error, StoreError::Empty { .. }), "{error}");
    }
    assert!(!missing.exists());
    drop(open(dir.path()).expect("opens"));
    RedbStorage::<Protocol>::open_existing(dir.path(), &identity()).expect("there now");
}

#[tokio::test]
async fn each_file_that_is_missing_is_named() {
    for name in ["identity", "store.redb", "witness"] {
        let dir = tempfile::tempdir().expect("a directory");
        let (mut store, _) = load(dir.path()).await;
        store.append(&[record(0)]).await.expect("written");
        drop(store);
        fs::remove_file(dir.path().join(name)).expect("there");
        let error = open(dir.path()).expect_err("a file is missing");
        assert!(matches!(&error, StoreError::Missing { path } if path.ends_with(name)), "{error}");
    }
}

#[tokio::test]
async fn a_store_that_was_not_finished_is_begun_anew() {
    let dir = tempfile::tempdir().expect("a directory");
    drop(open(dir.path()).expect("opens"));
    // As it is if the process ends before the last step of the beginning.
    let other = tempfile::tempdir().expect("a directory");
    let marker = fs::read_to_string(dir.path().join("identity")).expect("there");
    let said = marker.lines().next().expect("a line").replace("\"ready\":true", "\"ready\":false");
    let begun = format!("{said}\n{:?}\n", Digest::of(said.as_bytes()));
    for leave in [&[][..], &["store.redb"], &["store.redb", "witness"]] {
        for name in leave {
            fs::write(other.path().join(name), "half of it").expect("written");
        }
        fs::write(other.path().join("identity"), &begun).expect("written");
        let (_, saved) = load(other.path()).await;
        assert_eq!((saved.session, saved.records.len()), (0, 0));
    }
}

#[tokio::test]
async fn a_database_that_is_older_than_it_was_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("store.redb");
    let (mut store, _) = load(dir.path()).await;
    store.append(&[record(0)]).await.expect("written");
    drop(store);
    let older = fs::read(&file).expect("there");
    let (mut store, _) = load(dir.path()).await;
    store.append(&[record(1)]).await.expect("written");
    drop(store);
    fs::write(&file, older).expect("written");
    let error = open(dir.path()).expect_err("something is missing");
    assert!(matches!(error, StoreError::RolledBack { .. }), "{error}");
}
