//! Bytes of another version are refused with a message that says what to do (`docs/upgrades.md`).

use crate::golden::{KV, SNAPSHOT, STORE, decode, encode};
use crate::kv;
use crate::messages::no_sessions;
use crate::store::{Multi, identity, manifest, seal, snapshot};
use paxos_bench::kv::{Command, Store};
use paxos_core::{
    Bytes, Limits, Replica, RestoreError, Sections, Slot, Snapshot, SnapshotError, StateMachine,
};
use paxos_transport::{DiskStorage, Identity, Storage, StoreError};
use std::fs;
use std::path::Path;

fn open(dir: &Path, identity: &Identity) -> StoreError {
    DiskStorage::<Multi>::open(dir, identity).map(drop).expect_err("it is of another version")
}

#[test]
fn a_directory_of_another_format_is_refused_and_left_as_it_is() {
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path();
    drop(DiskStorage::<Multi>::open(dir, &identity()).expect("it can be made"));
    let text = manifest(dir);
    let said = format!("\"format\":{}", STORE.version);
    assert!(text.contains(&said), "{text}");
    for other in [STORE.version - 1, STORE.version + 1] {
        // Another format may have other fields.
        let changed = text.replace(&said, &format!("\"format\":{other},\"new\":[]"));
        seal(dir, &changed);
        let error = open(dir, &identity());
        assert!(matches!(error, StoreError::Format { found, .. } if found == other), "{error}");
        let told = error.to_string();
        let wanted = format!("has format {other}, and this program reads format {}", STORE.version);
        assert!(told.contains(&wanted) && told.contains("use the program that wrote it"), "{told}");
        assert_eq!(manifest(dir), changed);
    }
    seal(dir, &text);
    drop(DiskStorage::<Multi>::open(dir, &identity()).expect("the program that wrote it opens it"));
}

#[test]
fn a_snapshot_of_another_version_is_refused_by_number() {
    let mut bytes = snapshot().read_all().expect("memory").to_vec();
    assert_eq!(u64::from(bytes[0]), SNAPSHOT.version);
    bytes[0] += 1;
    let error = Snapshot::decode(Bytes::from(bytes)).expect_err("another version");
    assert_eq!(error, SnapshotError::Version(SNAPSHOT.version as u8 + 1));
    assert!(error.to_string().contains("let a process of the same version read it"), "{error}");
}

#[tokio::test]
async fn a_directory_with_a_snapshot_of_another_version_is_refused_and_names_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path();
    {
        let mut store = DiskStorage::<Multi>::open(dir, &identity()).expect("it can be made");
        store.load().await.expect("it can be read");
        store.install(&snapshot(), &[]).await.expect("it is written");
    }
    let path = dir.join("snapshot-0000000000000002");
    let mut bytes = fs::read(&path).expect("it is there");
    bytes[0] += 1;
    fs::write(&path, bytes).expect("it can be written");
    let told = open(dir, &identity()).to_string();
    let wanted = format!("a snapshot of version {} cannot be read here", SNAPSHOT.version + 1);
    assert!(told.contains(&wanted) && told.contains("snapshot-0000000000000002"), "{told}");
}

#[test]
fn a_state_of_another_format_is_refused_by_number() {
    let mut bytes = kv::written(&kv::store());
    assert_eq!(u64::from(bytes[0]), KV.version);
    bytes[0] += 1;
    let sections = Sections {
        next: Slot(3),
        machine: bytes.into(),
        sessions: no_sessions(),
        membership: Bytes::empty(),
    };
    let mut replica = Replica::new(Store::default(), &Limits::default());
    let error = replica.install(&Snapshot::new(&sections)).expect_err("another format");
    assert!(matches!(error, RestoreError::Machine(_)), "{error}");
    let told = error.to_string();
    let wanted = format!("it has format {}; this version reads {}", KV.version + 1, KV.version);
    assert!(told.contains(&wanted) && told.contains("run one version of it everywhere"), "{told}");
    assert_eq!(replica.failure(), Some(&error));
}

/// The format is part of the variant's name in servers, so the directory belongs to another variant.
#[test]
fn a_directory_of_a_server_with_another_format_of_commands_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let of = |format: u64| Identity { variant: format!("multi, commands of format {format}"), ..identity() };
    drop(DiskStorage::<Multi>::open(dir.path(), &of(KV.version)).expect("it can be made"));
    let error = open(dir.path(), &of(KV.version + 1));
    assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
}

#[test]
fn a_command_of_another_format_is_answered_that_it_cannot_be_read() {
    let command = decode::<Command>(&encode(&Bytes::from(vec![255; 4]))).expect("bytes");
    let replies = Store::default().apply(Slot(1), &command);
    let told = format!("{:?}", replies.0);
    assert!(told.contains("Unreadable"), "{told}");
}
