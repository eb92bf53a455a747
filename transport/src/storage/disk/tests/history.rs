//! Random histories of a store, and what the store must hold afterwards.

use super::double::{Double, Image};
use crate::identity::Identity;
use crate::storage::Kept;
use crate::storage::disk::block::{Draft, Kind, decode};
use crate::storage::disk::error::StoreError;
use crate::storage::disk::store::{Sizes, Store};
use paxos_core::{Bytes, Digest, NodeId, Sections, Slot, Snapshot, SnapshotPiece};
use rand_chacha::ChaCha8Rng;
use rand_core::RngCore;
use std::io;
use std::path::Path;

/// Small, so that a history fills several segments; copies may have up to two or four pages.
const SIZES: Sizes = Sizes { first: 256 << 10, longest: 512 << 10 };

type Record = Vec<u8>;

/// The content of a store.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Held {
    pub(super) incarnations: u32,
    pub(super) writes: u64,
    pub(super) snapshot: Option<Snapshot>,
    pub(super) records: Vec<Record>,
}

#[derive(Clone)]
pub(super) enum Step {
    Append(Vec<Record>),
    Install(Snapshot, Vec<Record>),
    /// The store is closed, opened and loaded again.
    Restart,
}

/// The process whose store it is.
pub(super) fn identity() -> Identity {
    Identity {
        cluster: "test".into(),
        node: NodeId(1),
        variant: "toy".into(),
        configuration: Digest(7),
        genesis: String::new(),
        lease: None,
    }
}

/// Opens the store and begins an incarnation. Returns the content that it held.
pub(super) fn load(files: &Double) -> Result<(Store<Double>, Held), StoreError> {
    let mut records = Vec::new();
    let (mut store, snapshot) =
        Store::open(files.clone(), Path::new("dir"), &identity(), true, SIZES, &mut |content| {
            decode(content).map(|some| records.extend::<Vec<Record>>(some))
        })?;
    let (incarnations, begun, _) = store.begin_incarnation()?;
    Ok((store, Held { incarnations, writes: begun.mark.writes, snapshot, records }))
}

/// Draws a history of `steps` steps.
pub(super) fn draw(random: &mut ChaCha8Rng, steps: usize) -> Vec<Step> {
    let mut below = |n: u32| random.next_u32() % n;
    let records = |below: &mut dyn FnMut(u32) -> u32| -> Vec<Record> {
        // Shorter than a page, a few pages, longer than a copy may be, longer than a segment.
        let longest = [300, 3_000, 6_000, 20_000, 300_000][below(5) as usize];
        (0..=below(3)).map(|_| vec![below(256) as u8; below(longest) as usize]).collect()
    };
    (0..steps)
        .map(|_| match below(12) {
            0..=8 => Step::Append(records(&mut below)),
            9 => Step::Restart,
            _ => {
                let (sessions, membership) = (Bytes::empty(), Bytes::empty());
                let machine = Bytes::from(vec![below(256) as u8; below(30_000) as usize]);
                let next = Slot(u64::from(below(1 << 20)));
                let snapshot = Snapshot::new(&Sections { next, machine, sessions, membership });
                Step::Install(snapshot, if below(3) == 0 { Vec::new() } else { records(&mut below) })
            }
        })
        .collect()
}

/// Takes the steps. Returns what was acknowledged, and what the store would hold if the failed step had succeeded. At
/// the end the process is killed, or closes the store if `close` is set.
pub(super) fn run(files: &Double, steps: &[Step], close: bool) -> (Held, Held) {
    let (mut held, mut next) = (Held::default(), Held { incarnations: 1, writes: 1, ..Held::default() });
    let Ok((mut store, _)) = load(files) else { return (held, next) };
    held = next.clone();
    for step in steps {
        next.writes += 1;
        let done = match step {
            Step::Append(records) => {
                next.records.extend(records.iter().cloned());
                store.append(Kind::Appended, Draft::encode(records).expect("bytes"))
            }
            Step::Install(snapshot, records) => {
                // Most snapshots are written down, or arrive in pieces, before they are installed.
                let placed = match snapshot.next().index() % 3 {
                    0 => Ok(snapshot.clone()),
                    1 => store.stage().write(|out| {
                        io::copy(&mut snapshot.read_from(0), out)?;
                        Ok(snapshot.id())
                    }),
                    _ => receive(&store, snapshot),
                };
                let Ok(snapshot) = &placed else { return (held.clone(), held) };
                (next.snapshot, next.records) = (Some(snapshot.clone()), records.clone());
                store.install(snapshot, Draft::encode(records).expect("bytes"))
            }
            Step::Restart => {
                next.incarnations += 1;
                drop(store);
                let loaded = load(files);
                store = match loaded {
                    Ok((store, _)) => store,
                    Err(_) => return (held, next),
                };
                Ok(())
            }
        };
        if done.is_err() {
            return (held, next);
        }
        held = next.clone();
    }
    if !close {
        files.kill();
    }
    (held, next)
}

/// Receives the snapshot in pieces of a few kilobytes, the first of them twice.
fn receive(store: &Store<Double>, snapshot: &Snapshot) -> Result<Snapshot, StoreError> {
    let (mut intake, bytes) = (store.intake(), snapshot.read_all().expect("memory"));
    let piece = |offset: usize| {
        let end = bytes.len().min(offset + 5_000);
        let (snapshot, bytes) = (snapshot.id(), bytes[offset..end].into());
        SnapshotPiece { snapshot, offset: offset as u64, bytes, from: NodeId(2) }
    };
    let begun = intake.keep(&piece(0))?;
    assert!(bytes.len() <= 5_000 || matches!(begun, Kept::More));
    for offset in (0..bytes.len()).step_by(5_000) {
        if let Kept::Whole(whole) = intake.keep(&piece(offset))? {
            assert_eq!(whole.id(), snapshot.id());
            return Ok(whole);
        }
    }
    panic!("all pieces together are the snapshot")
}

/// Checks that the store holds one of the allowed contents and can continue from there; an error if it is refused.
pub(super) fn judge(image: &Image, may_be: &[Held], what: &str) -> Result<(), StoreError> {
    judge_on(&Double::of(image), may_be, what)
}

/// The same for files that may be damaged in other ways.
pub(super) fn judge_on(files: &Double, may_be: &[Held], what: &str) -> Result<(), StoreError> {
    let (mut store, found) = match load(files) {
        Ok(loaded) => loaded,
        Err(error) => {
            assert!(error.to_string().contains("dir"), "{what}: {error} names no file");
            return Err(error);
        }
    };
    // Loading counts as a write.
    let found_before = Held { writes: found.writes - 1, ..found.clone() };
    assert!(may_be.contains(&found_before), "{what}: not what was acknowledged");
    store.append(Kind::Appended, Draft::encode(&[vec![9_u8; 9]]).expect("bytes")).expect("it goes on");
    drop(store);
    let (_, again) = load(files).unwrap_or_else(|error| panic!("{what}: {error}"));
    let mut wanted = Held { incarnations: found.incarnations + 1, writes: found.writes + 2, ..found };
    wanted.records.push(vec![9; 9]);
    assert!(again == wanted, "{what}: does not go on from there");
    Ok(())
}
