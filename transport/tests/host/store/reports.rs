//! A report refuses what a start refuses, with the same words.

use crate::host::store::incarnations::{Protocol, identity, open, record};
use paxos_transport::{DiskStorage, Storage, StoreReport};
use std::fs;
use std::path::Path;

/// Expects that the store is refused, for a reason with this word.
fn is_refused(dir: &Path, word: &str) {
    let told = StoreReport::read(dir).expect_err("no start would go on with it").to_string();
    assert!(told.contains(word), "{told}");
    let whole = StoreReport::read_all::<Protocol>(dir).expect_err("no start would go on with it");
    assert_eq!(whole.to_string(), told);
    let refused = DiskStorage::<Protocol>::open_existing(dir, &identity()).expect_err("no start goes on");
    assert_eq!(refused.to_string(), told);
}

#[tokio::test]
async fn a_manifest_that_is_older_than_the_log_is_told() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut store = open(dir.path()).expect("opens");
    store.load().await.expect("new");
    let manifest = dir.path().join("manifest");
    let older = fs::read(&manifest).expect("there");
    // Too long for the first segment.
    let many: Vec<_> = (0..100_000).map(record).collect();
    store.append(&many).await.expect("written");
    drop(store);
    StoreReport::read(dir.path()).expect("whole");
    fs::write(&manifest, older).expect("written");
    is_refused(dir.path(), "it is an older copy: it does not name log-");
}

#[tokio::test]
async fn a_manifest_that_is_missing_is_told_and_an_empty_directory_is_not_mistaken_for_that() {
    let dir = tempfile::tempdir().expect("a directory");
    is_refused(dir.path(), "holds no store");
    open(dir.path()).expect("opens").load().await.expect("new");
    fs::remove_file(dir.path().join("manifest")).expect("there");
    is_refused(dir.path(), "manifest is missing");
    let former = tempfile::tempdir().expect("a directory");
    for name in ["identity", "lock"] {
        fs::write(former.path().join(name), "").expect("written");
    }
    is_refused(former.path(), "has format 3");
}
