//! Work beside other writes that fails.

use super::double::Double;
use super::history::load;
use crate::storage::Kept;
use crate::storage::disk::block::{Draft, Kind};
use crate::storage::disk::pieces::{Awaited, fill};
use crate::storage::disk::store::{Closing, PIECE, Sizes};
use paxos_core::{Bytes, NodeId, Sections, Slot, Snapshot, SnapshotPiece};

fn snapshot(next: u64) -> Snapshot {
    let (sessions, membership) = (Bytes::empty(), Bytes::empty());
    Snapshot::new(&Sections { next: Slot(next), machine: Bytes::from(vec![7; 500]), sessions, membership })
}

fn draft() -> Draft {
    Draft::encode(&[vec![1_u8]]).expect("bytes")
}

#[test]
fn a_removal_whose_thread_does_not_start_does_not_hinder_later_ones() {
    let files = Double::default();
    let (mut store, _) = load(&files).expect("a new store");
    let left = || {
        files
            .image()
            .keys()
            .filter(|name| name.rsplit('.').next() == Some("new"))
            .cloned()
            .collect::<Vec<_>>()
    };
    store.install(&snapshot(1), draft()).expect("written");
    assert_eq!(left(), [""; 0]);
    files.allow_threads(false);
    store.install(&snapshot(2), draft()).expect("written");
    files.allow_threads(true);
    let stays = left();
    assert!(stays.len() == 1 && stays[0].starts_with("snapshot-"), "{stays:?}");
    for next in 3..6 {
        store.install(&snapshot(next), draft()).expect("written");
        assert_eq!(left(), stays, "what the others replaced is gone");
    }
    store.append(Kind::Appended, draft()).expect("written");
    drop(store);
    load(&files).expect("whole");
    assert_eq!(left(), [""; 0], "a start removes the rest");
}

#[test]
fn a_snapshot_of_a_peer_for_which_the_disk_is_too_full_leaves_nothing_and_can_come_again() {
    let files = Double::default();
    let (mut store, _) = load(&files).expect("a new store");
    let (mut intake, snapshot) = (store.intake(), snapshot(9));
    let bytes = snapshot.read_all().expect("memory");
    let piece = |from: usize, to: usize| SnapshotPiece {
        snapshot: snapshot.id(),
        offset: from as u64,
        bytes: bytes[from..to].into(),
        from: NodeId(2),
    };
    let half = bytes.len() / 2;
    for _ in 0..2 {
        assert!(matches!(intake.keep(&piece(0, half)), Ok(Kept::More)));
        assert!(files.image().contains_key("received.new"));
        files.set_full(true);
        let error = intake.keep(&piece(half, bytes.len())).expect_err("the disk is full");
        assert!(error.to_string().contains("received.new"), "{error}");
        assert!(!files.image().contains_key("received.new"), "it would keep the disk full");
        files.set_full(false);
        // What follows the piece that was not kept is useless.
        assert!(matches!(intake.keep(&piece(half, bytes.len())), Ok(Kept::Useless)));
    }
    store.append(Kind::Appended, draft()).expect("the store goes on");
    assert!(matches!(intake.keep(&piece(0, half)), Ok(Kept::More)));
    let whole = intake.keep(&piece(half, bytes.len())).expect("there is space");
    let Kept::Whole(whole) = whole else { panic!("{whole:?}") };
    store.install(&whole, draft()).expect("written");
}

/// Peers cannot help if this disk is broken.
#[test]
fn a_snapshot_of_a_peer_that_this_disk_cannot_read_is_an_error_and_a_damaged_one_is_useless() {
    let files = Double::default();
    let (mut store, _) = load(&files).expect("a new store");
    let (mut intake, snapshot) = (store.intake(), snapshot(9));
    let bytes = snapshot.read_all().expect("memory");
    let piece = |offset: usize, bytes: &[u8]| SnapshotPiece {
        snapshot: snapshot.id(),
        offset: offset as u64,
        bytes: bytes.into(),
        from: NodeId(2),
    };
    let left = || files.image().contains_key("received.new");
    let mut damaged = bytes.to_vec();
    damaged[bytes.len() - 1] ^= 1;
    assert!(matches!(intake.keep(&piece(0, &damaged)), Ok(Kept::Useless)));
    assert!(!left(), "it would keep the disk full");
    assert!(matches!(intake.keep(&piece(0, &bytes[..9])), Ok(Kept::More)));
    assert!(matches!(intake.keep(&piece(8, &bytes[8..])), Ok(Kept::Useless)));
    assert!(!left(), "the rest does not come");
    files.set_unreadable(true);
    let error = intake.keep(&piece(0, &bytes)).expect_err("it cannot be read");
    assert!(error.to_string().contains("received.new"), "{error}");
    assert!(!left());
    files.set_unreadable(false);
    let whole = intake.keep(&piece(0, &bytes)).expect("the disk works");
    let Kept::Whole(whole) = whole else { panic!("{whole:?}") };
    // A piece that comes late does not remove what waits to be installed.
    assert!(matches!(intake.keep(&piece(8, &bytes[8..])), Ok(Kept::Useless)));
    assert!(left());
    store.install(&whole, draft()).expect("written");
}

#[test]
fn a_segment_for_which_the_disk_is_too_full_leaves_nothing() {
    let files = Double::default();
    files.set_full(true);
    let length = 4 * PIECE as u64;
    let error = fill(&files, "next.new", length, Sizes::default(), &Closing::default(), &Awaited::default());
    assert_eq!(error.expect_err("the disk is full").kind(), std::io::ErrorKind::StorageFull);
    assert!(files.image().is_empty());
}
