//! The bytes of a directory that the store writes.

use crate::golden::{Golden, SNAPSHOT, STORE, held};
use multi_paxos::MultiPaxos;
use paxos_core::{Ballot, Batch, Bytes, ClientId, Digest, Entry, NodeId, Record, Sections, Slot, Snapshot};
use paxos_transport::{DiskStorage, Identity, Storage};
use std::fs;
use std::path::Path;
use std::time::Duration;

pub(crate) type Multi = MultiPaxos<String, u64>;

pub(crate) fn identity() -> Identity {
    let (cluster, variant) = ("golden".into(), "multi".into());
    let (configuration, genesis) = (Digest(7), "n0 n1 n2".into());
    Identity {
        cluster,
        node: NodeId(1),
        variant,
        configuration,
        genesis,
        lease: Some(Duration::from_millis(250)),
    }
}

fn ballot() -> Ballot {
    Ballot::classic(300, NodeId(2))
}

fn voted(first: u64, value: &str) -> Record<String> {
    let client = ClientId { node: NodeId(9), nonce: 0xDEAD_BEEF, session: 2 };
    let batch = Batch::from(Entry::new(client, first, value.into()));
    Record::Voted { ballot: ballot(), first: Slot(first), batch }
}

pub(crate) fn snapshot() -> Snapshot {
    let (machine, sessions) = (Bytes::from(b"the state".to_vec()), Bytes::from(b"the sessions".to_vec()));
    Snapshot::new(&Sections { next: Slot(12), machine, sessions, membership: Bytes::empty() })
}

/// Writes a manifest with its checksum.
pub(crate) fn seal(dir: &Path, text: &str) {
    fs::write(dir.join("manifest"), sealed(text)).expect("the directory is there");
}

fn sealed(text: &str) -> String {
    format!("{text}\n{:?}\n", Digest::of(text.as_bytes()))
}

pub(crate) fn manifest(dir: &Path) -> String {
    let text = fs::read_to_string(dir.join("manifest")).expect("there is a manifest");
    text.lines().next().expect("it has text").to_owned()
}

/// Creates a store, with fixed numbers in place of those that it draws at random.
fn begin(dir: &Path) {
    drop(DiskStorage::<Multi>::open(dir, &identity()).expect("it can be made"));
    let mut text = manifest(dir);
    for (name, drawn) in [("id", "1234567890123456789012345678901234567"), ("brand", "12345678901234567890")]
    {
        let (before, rest) = text.split_once(&format!("\"{name}\":")).expect("it has one");
        let after = rest.find(',').expect("more follows");
        text = format!("{before}\"{name}\":{drawn}{}", &rest[after..]);
    }
    seal(dir, &text);
}

fn note(file: &mut Golden, dir: &Path, when: &str) {
    let mut names: Vec<String> = fs::read_dir(dir)
        .expect("it is there")
        .map(|entry| entry.expect("it can be read").file_name().into_string().expect("a text"))
        .filter(|name| name == "manifest" || name.starts_with("log-") || name.starts_with("snapshot-"))
        .collect();
    names.sort_unstable();
    for name in names {
        let bytes = fs::read(dir.join(&name)).expect("it can be read");
        let (bytes, told) = if name == "manifest" {
            let text = without_nonces(&manifest(dir));
            (sealed(&text).into_bytes(), text)
        } else {
            let told = format!("{} bytes", bytes.len());
            (bytes, told)
        };
        file.bytes(&format!("{when}: {name}"), &bytes, &told);
    }
}

/// A manifest with 7 in place of each number that was drawn for a start.
fn without_nonces(text: &str) -> String {
    let mut parts = text.split("\"nonce\":");
    let mut told = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        told += "\"nonce\":7";
        told += part.trim_start_matches(|c: char| c.is_ascii_digit());
    }
    told
}

/// What a process reads from the directory when it starts.
async fn found(dir: &Path) -> (u32, Option<Snapshot>, Vec<Record<String>>) {
    let mut store = DiskStorage::<Multi>::open_existing(dir, &identity()).expect("it is whole");
    let saved = store.load().await.expect("it can be read");
    (saved.session, saved.snapshot, saved.records)
}

#[tokio::test]
async fn a_directory_is_written_and_read_as_before() {
    let mut file = Golden::open("store", &[STORE, SNAPSHOT]);
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path();
    begin(dir);
    note(&mut file, dir, "a new store");
    let records =
        [Record::Promised { ballot: ballot(), slots: Slot(10).onwards() }, voted(10, "a"), voted(11, "b")];
    {
        let mut store = DiskStorage::<Multi>::open_existing(dir, &identity()).expect("it is whole");
        store.load().await.expect("it can be read");
        store.append(&records[..2]).await.expect("it is written");
        store.append(&records[2..]).await.expect("it is written");
        note(&mut file, dir, "a start and two writes");
    }
    note(&mut file, dir, "closed");
    {
        let mut store = DiskStorage::<Multi>::open_existing(dir, &identity()).expect("it is whole");
        let saved = store.load().await.expect("it can be read");
        assert_eq!((saved.session, &saved.records[..]), (1, &records[..]));
        store.install(&snapshot(), &[voted(12, "c")]).await.expect("it is written");
        note(&mut file, dir, "a second start and a snapshot");
    }
    assert_eq!(found(dir).await, (2, Some(snapshot()), vec![voted(12, "c")]));

    // This version opens a store made of the bytes in the golden file.
    let old = tempfile::tempdir().expect("a directory");
    for name in ["manifest", "log-0000000000000001"] {
        let bytes = held(&file, &format!("a start and two writes: {name}"));
        fs::write(old.path().join(name), bytes).expect("the directory is there");
    }
    fs::write(old.path().join("lock"), "").expect("the directory is there");
    if std::env::var_os("UPDATE_EXPECT").is_none() {
        assert_eq!(found(old.path()).await, (1, None, records.to_vec()));
    }
    file.check();
}
