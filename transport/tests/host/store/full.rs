//! Full disks, and directories that cannot be written.

use crate::host::store::incarnations::{Protocol, open, record};
use paxos_transport::{Storage, StorageError, StoreError};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The environment variable that names the directory when the test runs itself as a child process with limited file
/// sizes.
const DIR: &str = "PAXOS_TEST_DIRECTORY";

/// With `SMALL_DISK=DIR`, the test really fills the file system of DIR.
#[tokio::test]
async fn a_full_disk_stops_the_process_and_loses_nothing() {
    if let Some(dir) = std::env::var_os(DIR) {
        return fill(Path::new(&dir)).await;
    }
    let small = std::env::var_os("SMALL_DISK");
    let dir = small.as_ref().map_or_else(tempfile::tempdir, tempfile::tempdir_in).expect("a directory");
    drop(open(dir.path()).expect("opens"));
    // A file that is removed when the disk is full, as an operator would do.
    let ballast = dir.path().join("ballast");
    fs::write(&ballast, vec![0; 1 << 19]).expect("written");
    // The limit acts like a full disk: the system refuses to make any file larger. The first file of the log has 1 MiB,
    // and the second would have 2.
    let blocks = if small.is_some() { "unlimited".into() } else { (3 << 10).to_string() };
    let test = std::env::current_exe().expect("a test");
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" a_full_disk --nocapture");
    let ran = Command::new("sh").args(["-c", &script]).arg(test).env(DIR, dir.path()).output();
    let output = ran.expect("a shell");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let number = said.split("acknowledged ").nth(1).and_then(|rest| rest.split_whitespace().next());
    let acknowledged: usize = number.and_then(|n| n.parse().ok()).expect("a number");
    assert!(acknowledged > 0);

    fs::remove_file(ballast).expect("there");
    let saved = open(dir.path()).expect("opens").load().await.expect("whole");
    let n = saved.records.len();
    // The failed write may have become durable, although it was not acknowledged.
    assert!(n == acknowledged || n == acknowledged + 1, "{n} of {acknowledged}");
    assert_eq!(saved.records, (0..n as u64).map(record).collect::<Vec<_>>());
}

/// Appends until the disk is full, and reports to the parent test how much was written.
#[allow(clippy::print_stdout)]
async fn fill(dir: &Path) {
    let mut store = open(dir).expect("opens");
    let saved = store.load().await.expect("whole");
    assert_eq!(saved.records.len(), 0);
    let (acknowledged, error) = append_all(&mut store).await;
    println!("acknowledged {acknowledged}");
    assert!(matches!(error, StorageError::Write(_)), "{error}");
    assert!(
        error.to_string().contains("cannot store records") && error.to_string().contains("log-"),
        "{error}"
    );
    // The store stays failed, because the content on disk is unknown.
    assert!(store.append(&[record(0)]).await.is_err());
    drop(store);
    // The disk is still full when the process is restarted.
    cannot_begin(open(dir).expect("opens")).await;
}

/// Expects that no incarnation begins because of the disk, and that nobody is advised to give up what it holds.
async fn cannot_begin(mut store: impl Storage<Protocol>) {
    let error = store.load().await.expect_err("an incarnation begins with a write");
    assert!(matches!(error, StorageError::Write(_)), "{error}");
    let said = error.to_string();
    assert!(said.contains("free or repair the disk, then restart"), "{said}");
    assert_eq!(said.matches("repair").count(), 1, "advice that is given twice: {said}");
    assert!(!said.contains("from a copy") && !said.contains("new member"), "{said}");
}

#[tokio::test]
async fn a_manifest_that_cannot_be_written_at_a_start_is_no_reason_to_give_the_store_up() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = open(dir.path()).expect("opens");
    let unfinished = dir.path().join("manifest.new");
    fs::create_dir(&unfinished).expect("created");
    cannot_begin(store).await;
    fs::remove_dir(&unfinished).expect("removed");
    open(dir.path()).expect("opens").load().await.expect("whole");
}

async fn append_all(store: &mut impl Storage<Protocol>) -> (u64, StorageError) {
    let mut n = 0;
    loop {
        if let Err(error) = store.append(&[record(n)]).await {
            return (n, error);
        }
        n += 1;
    }
}

#[tokio::test]
async fn a_directory_that_cannot_be_had_is_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("file");
    fs::write(&file, "no directory").expect("written");
    let below = |path: PathBuf| path.join("store");
    for path in [file.clone(), below(file), "/proc/self/store".into(), "/dev/null/store".into()] {
        let error = open(&path).expect_err("no directory");
        assert!(matches!(error, StoreError::Io { .. }), "{error}");
        assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    }
}

#[tokio::test]
async fn a_file_that_is_something_else_is_refused() {
    for name in ["log-0000000000000001", "manifest"] {
        let dir = tempfile::tempdir().expect("a directory");
        drop(open(dir.path()).expect("opens"));
        fs::remove_file(dir.path().join(name)).expect("there");
        fs::create_dir(dir.path().join(name)).expect("created");
        let error = open(dir.path()).expect_err("a directory");
        assert!(error.to_string().contains(name), "{error}");
    }
    for name in ["log-0000000000000001", "manifest"] {
        let dir = tempfile::tempdir().expect("a directory");
        drop(open(dir.path()).expect("opens"));
        fs::write(dir.path().join(name), "").expect("written");
        let error = open(dir.path()).expect_err("empty");
        assert!(matches!(&error, StoreError::Damaged { path, .. } if path.ends_with(name)), "{error}");
    }
}
