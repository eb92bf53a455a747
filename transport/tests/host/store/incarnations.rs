//! Successive incarnations of one process, and the directory that they use.

use multi_paxos::MultiPaxos;
use paxos_core::{Ballot, Bytes, Config, Digest, NodeId, Record, Sections, Slot, Snapshot};
use paxos_transport::{DiskStorage, Identity, Saved, Storage, StoreError, StoreReport};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub(crate) type Protocol = MultiPaxos<u64, u64>;

pub(crate) fn identity() -> Identity {
    let (cluster, genesis) = ("test".into(), "n0 n1 n2".into());
    let (variant, configuration) = ("multi".into(), Digest(7));
    Identity { cluster, node: NodeId(1), variant, configuration, genesis, lease: None }
}

pub(crate) fn open(dir: &Path) -> Result<DiskStorage<Protocol>, StoreError> {
    DiskStorage::open(dir, &identity())
}

/// Returns a record that differs from those with other numbers.
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

async fn load(dir: &Path) -> (DiskStorage<Protocol>, Saved<Protocol>) {
    let mut store = open(dir).expect("opens");
    let saved = store.load().await.expect("whole");
    (store, saved)
}

#[tokio::test]
async fn each_incarnation_has_its_number_and_finds_what_was_appended_in_order() {
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path().join("new").join("deep");
    for incarnation in 0..5_u64 {
        let (mut store, saved) = load(&dir).await;
        assert_eq!((u64::from(saved.session), saved.snapshot), (incarnation, None));
        assert_eq!(saved.records, (0..incarnation * 3).map(record).collect::<Vec<_>>());
        store.append(&[record(incarnation * 3), record(incarnation * 3 + 1)]).await.expect("written");
        store.append(&[record(incarnation * 3 + 2)]).await.expect("written");
    }
}

/// Else a copy of the directory could not be told from what it was copied from.
#[tokio::test]
async fn a_store_remembers_its_starts_behind_a_snapshot() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut starts = Vec::new();
    for incarnation in 0..6 {
        let (mut store, saved) = load(dir.path()).await;
        assert_eq!(saved.former.starts(), starts);
        let begun = saved.store.expect("it has an identity");
        assert_eq!(begun.mark.writes, begun.opened);
        starts.push(begun.start());
        store.append(&[record(incarnation)]).await.expect("written");
        if incarnation == 3 {
            store.install(&snapshot(3), &[record(3)]).await.expect("written");
        }
    }
    let nonces: std::collections::BTreeSet<_> = starts.iter().map(|start| start.nonce).collect();
    assert_eq!(nonces.len(), starts.len(), "they are drawn");
    let (report, saved) = StoreReport::read_all::<Protocol>(dir.path()).expect("whole");
    let (latest, former) = starts.split_last().expect("it was started");
    assert_eq!((report.starts.as_slice(), saved.former.starts()), (&starts[..], former));
    assert_eq!(saved.store.map(paxos_core::Incarnation::start), Some(*latest));
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
        let error = DiskStorage::<Protocol>::open(dir.path(), &other).expect_err("not its own");
        assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
    }
    let fewer = Identity { genesis: "n0 n1".into(), ..identity() };
    let error = DiskStorage::<Protocol>::open(dir.path(), &fewer).expect_err("it began with three members");
    assert!(matches!(error, StoreError::Genesis { .. }), "{error}");
    // Timeouts and the like may change from incarnation to incarnation.
    DiskStorage::<Protocol>::open(dir.path(), &Identity { configuration: Digest(8), ..identity() })
        .expect("its own");
}

#[tokio::test]
async fn a_store_keeps_the_longest_leases_that_its_process_may_have_granted() {
    let dir = tempfile::tempdir().expect("a directory");
    let lease = |seconds| Some(Duration::from_secs(seconds));
    for (now, kept) in [(None, None), (lease(5), lease(5)), (lease(1), lease(5)), (None, lease(5))] {
        let identity = Identity { lease: now, ..identity() };
        let mut store = DiskStorage::<Protocol>::open(dir.path(), &identity).expect("its own");
        let saved: Saved<Protocol> = store.load().await.expect("whole");
        assert_eq!(saved.lease, kept);
        // It is durable before the process can grant any, and not only when the store is closed.
        let manifest = fs::read_to_string(dir.path().join("manifest")).expect("text");
        let written =
            kept.map_or("null".into(), |kept| format!("{{\"secs\":{},\"nanos\":0}}", kept.as_secs()));
        assert!(manifest.contains(&format!("\"lease\":{written}")), "{manifest}");
    }
}

#[test]
fn an_identity_has_the_leases_of_its_configuration() {
    let mut config = Config::collapsed(3).expect("lawful");
    config.timeouts.lease = Some(Duration::from_secs(5));
    assert_eq!(Identity::new::<Protocol>("test", NodeId(1), &config).lease, config.timeouts.lease);
}

#[tokio::test]
async fn leases_that_have_ended_are_forgotten() {
    let dir = tempfile::tempdir().expect("a directory");
    let short = Some(Duration::from_nanos(1));
    for (now, kept) in [(short, short), (None, None), (None, None)] {
        let identity = Identity { lease: now, ..identity() };
        let mut store = DiskStorage::<Protocol>::open(dir.path(), &identity).expect("its own");
        let saved: Saved<Protocol> = store.load().await.expect("whole");
        assert_eq!(saved.lease, kept);
    }
}

#[tokio::test]
async fn a_process_that_ran_before_does_not_start_from_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let missing = dir.path().join("typo");
    for path in [dir.path(), &missing] {
        let error = DiskStorage::<Protocol>::open_existing(path, &identity()).expect_err("nothing there");
        assert!(matches!(error, StoreError::Empty { .. }), "{error}");
    }
    assert!(!missing.exists());
    drop(open(dir.path()).expect("opens"));
    DiskStorage::<Protocol>::open_existing(dir.path(), &identity()).expect("there now");
}

/// Returns the path of the log's last file.
fn log(dir: &Path) -> PathBuf {
    let entries = fs::read_dir(dir).expect("a directory").map(|entry| entry.expect("readable").path());
    let name = |path: &Path| path.file_name().and_then(|name| name.to_str()).map(str::to_owned);
    let logs = entries.filter(|path| name(path).is_some_and(|name| name.starts_with("log-")));
    logs.max().expect("it has a log")
}

#[tokio::test]
async fn each_file_that_is_missing_is_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut store, _) = load(dir.path()).await;
    store.install(&snapshot(8), &[record(8)]).await.expect("written");
    drop(store);
    let mut names: Vec<_> =
        fs::read_dir(dir.path()).expect("there").map(|entry| entry.expect("there").path()).collect();
    names.retain(|path| !["lock", "spare"].iter().any(|name| path.ends_with(name)));
    assert_eq!(names.len(), 3, "{names:?}");
    for path in names {
        let bytes = fs::read(&path).expect("there");
        fs::remove_file(&path).expect("there");
        let error = open(dir.path()).expect_err("a file is missing");
        assert!(matches!(&error, StoreError::Missing { path: at } if *at == path), "{error}");
        fs::write(&path, bytes).expect("written");
    }
    let (_, saved) = load(dir.path()).await;
    assert_eq!((saved.snapshot, saved.records), (Some(snapshot(8)), vec![record(8)]));
}

#[tokio::test]
async fn a_store_that_was_not_finished_is_begun_anew() {
    let dir = tempfile::tempdir().expect("a directory");
    // The state if the process ends before the last step of the beginning.
    fs::write(dir.path().join("log-0000000000000001.new"), "half of it").expect("written");
    fs::write(dir.path().join("manifest.new"), "half of it").expect("written");
    fs::write(dir.path().join("log-0000000000000001"), [0; 5_000]).expect("written");
    let (_, saved) = load(dir.path()).await;
    assert_eq!((saved.session, saved.records.len()), (0, 0));
    // A finished store is not begun anew.
    fs::remove_file(dir.path().join("manifest")).expect("there");
    let error = open(dir.path()).expect_err("something was promised");
    assert!(matches!(&error, StoreError::Missing { path } if path.ends_with("manifest")), "{error}");
}

#[tokio::test]
async fn a_log_that_is_older_than_it_was_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut store, _) = load(dir.path()).await;
    store.append(&[record(0)]).await.expect("written");
    drop(store);
    let older = fs::read(log(dir.path())).expect("there");
    let (mut store, _) = load(dir.path()).await;
    store.append(&[record(1)]).await.expect("written");
    drop(store);
    fs::write(log(dir.path()), older).expect("written");
    let error = open(dir.path()).expect_err("something is missing");
    assert!(matches!(error, StoreError::RolledBack { .. }), "{error}");
}

#[tokio::test]
async fn a_log_of_another_store_is_refused() {
    let (one, other) = (tempfile::tempdir().expect("a directory"), tempfile::tempdir().expect("a directory"));
    for dir in [one.path(), other.path()] {
        drop(load(dir).await);
    }
    fs::copy(log(other.path()), log(one.path())).expect("copied");
    let error = open(one.path()).expect_err("not its own");
    assert!(error.to_string().contains("another store"), "{error}");
}

#[tokio::test]
async fn a_directory_of_the_former_format_is_refused_with_what_to_do() {
    let dir = tempfile::tempdir().expect("a directory");
    fs::write(dir.path().join("identity"), "{}").expect("written");
    fs::write(dir.path().join("store.redb"), "redb").expect("written");
    let error = open(dir.path()).expect_err("another format");
    assert!(matches!(error, StoreError::Format { found: 3, wanted: 8, .. }), "{error}");
    assert!(error.to_string().contains("docs/upgrades.md"), "{error}");
}

#[tokio::test]
async fn what_a_snapshot_frees_is_given_back() {
    let dir = tempfile::tempdir().expect("a directory");
    let size = || -> u64 {
        let entries = fs::read_dir(dir.path()).expect("there");
        entries.map(|entry| entry.expect("there").metadata().expect("there").len()).sum()
    };
    let many: Vec<_> = (0..200_000).map(record).collect();
    let (mut store, _) = load(dir.path()).await;
    for round in 1..=2 {
        for _ in 0..10 {
            store.append(&many).await.expect("written");
        }
        assert!(size() > 20 << 20, "{}", size());
        store.install(&snapshot(round), &[record(round)]).await.expect("written");
        // Files that are removed beside other writes are gone by the next start.
        drop(store);
        let (again, saved) = load(dir.path()).await;
        assert!(size() < 70 << 20, "{}", size());
        assert_eq!((saved.snapshot, saved.records), (Some(snapshot(round)), vec![record(round)]));
        store = again;
    }
}
