//! New segments of a log: on a slow disk, and on one that is nearly full.

use super::closing::Slow;
use super::double::Double;
use super::history::identity;
use crate::storage::disk::block::{Draft, Kind};
use crate::storage::disk::error::StoreError;
use crate::storage::disk::files::Files;
use crate::storage::disk::pieces::{Awaited, Making, fill};
use crate::storage::disk::store::{Closing, PIECE, Sizes, Store};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Counts the warnings.
#[derive(Clone, Default)]
struct Warnings(Arc<AtomicUsize>);

impl tracing::Subscriber for Warnings {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() == tracing::Level::WARN
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}

    fn event(&self, _: &tracing::Event<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

const MIB: usize = 1 << 20;

fn open<F: Files>(files: &F) -> Result<Store<F>, StoreError> {
    let opened =
        Store::open(files.clone(), Path::new("dir"), &identity(), true, Sizes::default(), &mut |_| Ok(()));
    let mut store = opened?.0;
    store.begin_incarnation()?;
    Ok(store)
}

/// Appends a block of about 60 KiB, which is written twice with one sync.
fn append<F: Files>(store: &mut Store<F>) -> Result<(), StoreError> {
    store.append(Kind::Appended, Draft::encode(&[vec![7_u8; 60_000]]).expect("encoded"))
}

fn segments<F: Files>(store: &Store<F>) -> Vec<usize> {
    store.manifest.segments.iter().map(|part| part.length as usize / MIB).collect()
}

/// A member takes an append that waits for one sync after the other for a stalled disk.
#[test]
fn an_append_that_waits_for_its_segment_waits_for_few_syncs() {
    // The next segment is filled only when it is waited for.
    let slow = Slow::default();
    let mut store = open(&slow).expect("a new store");
    let mut most = 0;
    while segments(&store) != [1, 2, 4, 8] {
        let before = slow.files.syncs();
        append(&mut store).expect("written");
        most = most.max(slow.files.syncs() - before);
    }
    // The segment, the manifest, and the block, which may need two.
    assert!(most <= 4, "{most} syncs");
}

#[test]
fn a_segment_is_synced_piece_by_piece_until_an_append_waits_for_it() {
    let length = 8 * PIECE as u64;
    let fill = |slow: &Slow, awaited: &Awaited| {
        fill(slow, "next.new", length, Sizes::default(), &Closing::default(), awaited).expect("filled");
        assert_eq!(slow.files.image()["next.new"].len(), 8 * PIECE);
        slow.files.syncs()
    };
    assert_eq!(fill(&Slow::default(), &Awaited::default()), 8);
    let awaited = Awaited::default();
    let slow = Slow { awaited_by_sync: Some(awaited.clone()), ..Slow::default() };
    assert_eq!(fill(&slow, &awaited), 2, "the piece during which an append begins to wait, and the rest");
}

#[test]
fn a_log_goes_on_in_a_short_segment_on_a_disk_that_is_too_full_for_a_usual_one() {
    let files = Double::default();
    let mut store = open(&files).expect("a new store");
    while segments(&store) != [1, 2, 4, 8] {
        append(&mut store).expect("written");
    }
    // The next segment, 16 MiB, is ready. The ones after it would have 32 MiB.
    files.set_space(15 * MIB + 16 * MIB + 5 * MIB / 2);
    while segments(&store).len() < 7 {
        append(&mut store).expect("there is space for a short one");
    }
    assert_eq!(segments(&store)[4..], [16, 1, 1]);
}

#[test]
fn a_store_whose_last_segment_is_full_is_opened_on_a_nearly_full_disk() {
    let files = Double::default();
    let mut store = open(&files).expect("a new store");
    while segments(&store) != [1, 2, 4, 8] {
        append(&mut store).expect("written");
    }
    // Fill the last segment; its blocks have one length.
    let step = 60_000_u64.next_multiple_of(4096) + 4096;
    while store.end + 2 * step < store.manifest.last().length {
        append(&mut store).expect("written");
    }
    let page = Draft::encode(&[vec![7_u8; 10]]).expect("encoded").room();
    while store.end + page <= store.manifest.last().length {
        store.append(Kind::Appended, Draft::encode(&[vec![7_u8; 10]]).expect("encoded")).expect("written");
    }
    assert_eq!(segments(&store), [1, 2, 4, 8]);
    files.kill();
    drop(store);
    files.start_again();
    let full = files.image();
    let used = full.values().map(Vec::len).sum::<usize>() - 16 * MIB;
    for (free, length) in [(2 * MIB, MIB), (MIB / 4, MIB / 8)] {
        let files = Double::of(&full);
        files.set_space(used + free);
        let store = open(&files).expect("there is space for a short segment");
        let segments = &store.manifest.segments;
        assert_eq!((segments.len(), segments[4].length as usize), (5, length));
    }
}

#[test]
fn a_segment_that_could_not_be_made_is_made_when_there_is_space_again() {
    let files = Double::default();
    let mut store = open(&files).expect("a new store");
    while segments(&store) != [1, 2, 4, 8] {
        append(&mut store).expect("written");
    }
    files.set_space(15 * MIB + 16 * MIB + 4096);
    let warnings = Warnings::default();
    // While there is only one subscriber, a line that another thread writes first is off for this thread as well.
    let _second = tracing::Dispatch::new(Warnings::default());
    let guard = tracing::subscriber::set_default(warnings.clone());
    while segments(&store).len() < 5 {
        append(&mut store).expect("its segment is ready");
    }
    assert!(matches!(store.making, Some(Making::Failed { .. })), "there is no space for another one");
    let failed = store.end;
    while store.end < failed + 4 * MIB as u64 {
        append(&mut store).expect("written");
        assert!(matches!(store.making, Some(Making::Failed { .. } | Making::Running(_))));
    }
    assert!(!files.image().contains_key("next.new"));
    assert_eq!(warnings.0.load(Ordering::Relaxed), 1, "it is told once");
    drop(guard);
    files.set_space(64 * MIB);
    let freed = store.end;
    while !files.image().contains_key("next.new") {
        append(&mut store).expect("written");
        assert!(store.end < freed + 3 * MIB as u64, "it is not tried again");
    }
    assert_eq!(segments(&store).len(), 5, "it is made before it is needed");
}
