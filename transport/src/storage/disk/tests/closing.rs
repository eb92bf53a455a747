//! A store that is closed while work goes on beside its writes.

use super::double::Double;
use super::history::identity;
use crate::storage::disk::block::{Draft, Kind};
use crate::storage::disk::files::{Files, Job};
use crate::storage::disk::pieces::{Awaited, fill};
use crate::storage::disk::store::{Closing, PIECE, Sizes, Store};
use paxos_core::Contents;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// A slow disk: a job beside other work runs when its end is waited for, and a store is closed during a sync.
#[derive(Clone, Default)]
pub(super) struct Slow {
    pub(super) files: Double,
    pub(super) closed_by_sync: Option<Closing>,
    /// What begins to wait for the file during a sync.
    pub(super) awaited_by_sync: Option<Awaited>,
}

impl Files for Slow {
    type File = usize;

    fn names(&self) -> io::Result<Vec<String>> {
        self.files.names()
    }

    fn open(&self, name: &str) -> io::Result<usize> {
        self.files.open(name)
    }

    fn create(&self, name: &str) -> io::Result<usize> {
        self.files.create(name)
    }

    fn read(&self, file: &usize) -> io::Result<Vec<u8>> {
        self.files.read(file)
    }

    fn contents(&self, file: usize) -> Arc<dyn Contents> {
        self.files.contents(file)
    }

    fn write(&self, file: &usize, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.files.write(file, at, bytes)
    }

    fn sync(&self, file: &usize) -> io::Result<()> {
        self.closed_by_sync.iter().for_each(Closing::begin);
        self.awaited_by_sync.iter().for_each(Awaited::begin);
        self.files.sync(file)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.files.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.files.remove(name)
    }

    fn sync_names(&self) -> io::Result<()> {
        self.files.sync_names()
    }

    fn aside(&self, job: Job) -> Job {
        job
    }
}

#[test]
fn filling_a_segment_ends_with_the_piece_during_which_the_store_is_closed() {
    let closing = Closing::default();
    let slow = Slow { closed_by_sync: Some(closing.clone()), ..Slow::default() };
    let filled = fill(&slow, "next.new", 8 * PIECE as u64, Sizes::default(), &closing, &Awaited::default());
    assert!(filled.is_err());
    assert_eq!(slow.files.image()["next.new"].len(), PIECE);
}

#[test]
fn closing_a_store_does_not_wait_for_the_next_segment() {
    let slow = Slow::default();
    let open = || {
        Store::open(slow.clone(), Path::new("dir"), &identity(), true, Sizes::default(), &mut |_| Ok(()))
            .expect("sound")
            .0
    };
    let mut store = open();
    store.begin_incarnation().expect("written");
    for _ in 0..4 {
        store
            .append(Kind::Appended, Draft::encode(&[vec![7_u8; 300_000]]).expect("encoded"))
            .expect("written");
    }
    assert!(store.making.is_some(), "the first segment is full");
    drop(store);
    let written: usize = slow.files.image().get("next.new").map_or(0, Vec::len);
    assert!(written == 0 && !slow.files.image().contains_key("spare"), "{written} bytes were filled");
    assert!(open().begin_incarnation().is_ok());
    assert!(!slow.files.image().contains_key("next.new"));
}
