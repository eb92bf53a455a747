//! Work beside other writes that fails.

use super::double::Double;
use super::history::load;
use crate::storage::disk::block::{Draft, Kind};
use paxos_core::{Bytes, Sections, Slot, Snapshot};

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
    let left = || files.image().keys().filter(|name| name.ends_with(".new")).cloned().collect::<Vec<_>>();
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
