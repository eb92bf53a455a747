//! A store in memory.

use super::{Saved, Storage, StorageError};
use async_trait::async_trait;
use core::time::Duration;
use paxos_core::{Former, Incarnation, Protocol, Snapshot, Start, StoreMark};
use std::io;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A store that outlives the process that uses it, but not the program. Clones are handles to the same store.
///
/// It replaces a disk in tests and demonstrations: its content is gone when the program ends.
#[derive(Clone, Debug)]
pub struct MemoryStorage<P: Protocol> {
    disk: Arc<Mutex<Disk<P>>>,
    /// The incarnation of the process that opened this handle.
    incarnation: Option<u32>,
}

#[derive(Debug)]
struct Disk<P: Protocol> {
    snapshot: Option<Snapshot>,
    records: Vec<P::Record>,
    /// The number of times the store was loaded.
    incarnations: u32,
    store: StoreMark,
    starts: Vec<Start>,
    /// What [`MemoryStorage::holding`] was given.
    lease: Option<Duration>,
    failing: bool,
}

impl<P: Protocol> MemoryStorage<P> {
    /// Creates an empty store.
    pub fn new() -> Self {
        // A counter suffices: no store outlives the program, and within it no two ids are the same.
        static MADE: AtomicU64 = AtomicU64::new(1);
        let id = u128::from(MADE.fetch_add(1, Ordering::Relaxed)) << 96;
        let store = StoreMark { id, writes: 0 };
        let disk = Disk {
            snapshot: None,
            records: Vec::new(),
            incarnations: 0,
            store,
            starts: Vec::new(),
            lease: None,
            failing: false,
        };
        Self { disk: Arc::new(Mutex::new(disk)), incarnation: None }
    }

    /// Creates a store that holds what another store gave to its process.
    pub fn holding(saved: Saved<P>) -> Self {
        let Saved { session, store, former, lease, snapshot, records } = saved;
        let new = Self::new();
        {
            let mut disk = new.disk();
            let mut starts = former.starts().to_vec();
            if let Some(store) = store {
                Former::add(&mut starts, store.start());
            }
            let store = store.map_or(disk.store, |store| store.mark);
            *disk = Disk { snapshot, records, incarnations: session, store, starts, lease, failing: false };
        }
        new
    }

    /// Returns a copy of the current content, like a backup.
    #[must_use]
    pub fn copy(&self) -> Self {
        let copy = Self::new();
        copy.put_back(self);
        copy
    }

    /// Replaces the content by that of `copy`. A process that restarts then sees a restored backup or, if `copy` is
    /// empty, a new disk.
    pub fn put_back(&self, copy: &Self) {
        let (snapshot, records, incarnations, store, starts) = {
            let disk = copy.disk();
            (disk.snapshot.clone(), disk.records.clone(), disk.incarnations, disk.store, disk.starts.clone())
        };
        let mut disk = self.disk();
        (disk.snapshot, disk.records, disk.incarnations, disk.store, disk.starts) =
            (snapshot, records, incarnations, store, starts);
    }

    /// Makes every write fail from now on, or succeed again.
    pub fn set_failing(&self, failing: bool) {
        self.disk().failing = failing;
    }

    /// Returns the stored snapshot.
    pub fn snapshot(&self) -> Option<Snapshot> {
        self.disk().snapshot.clone()
    }

    /// Returns the stored records.
    pub fn records(&self) -> Vec<P::Record> {
        self.disk().records.clone()
    }

    /// Opens the disk for a write.
    fn open(&self) -> Result<MutexGuard<'_, Disk<P>>, StorageError> {
        let disk = self.disk();
        if self.incarnation != Some(disk.incarnations) {
            return Err(StorageError::Taken);
        }
        if disk.failing {
            return Err(StorageError::Write(io::Error::other("told to fail")));
        }
        Ok(disk)
    }

    fn disk(&self) -> MutexGuard<'_, Disk<P>> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<P: Protocol> Default for MemoryStorage<P> {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl<P: Protocol> Storage<P> for MemoryStorage<P> {
    async fn load(&mut self) -> Result<Saved<P>, StorageError> {
        // A counter suffices, as for the ids of stores.
        static STARTED: AtomicU32 = AtomicU32::new(1);
        let saved = {
            let mut disk = self.disk();
            disk.incarnations = disk.incarnations.saturating_add(1);
            disk.store.writes += 1;
            let store = Incarnation::begin(disk.store, STARTED.fetch_add(1, Ordering::Relaxed));
            let former = Former::new(&disk.starts);
            Former::add(&mut disk.starts, store.start());
            let (snapshot, records) = (disk.snapshot.clone(), disk.records.clone());
            Saved {
                session: disk.incarnations - 1,
                store: Some(store),
                former,
                lease: disk.lease,
                snapshot,
                records,
            }
        };
        self.incarnation = Some(saved.session + 1);
        Ok(saved)
    }

    async fn append(&mut self, records: &[P::Record]) -> Result<(), StorageError> {
        let mut disk = self.open()?;
        disk.records.extend_from_slice(records);
        disk.store.writes += 1;
        Ok(())
    }

    async fn install(&mut self, snapshot: &Snapshot, records: &[P::Record]) -> Result<(), StorageError> {
        let mut disk = self.open()?;
        (disk.snapshot, disk.records) = (Some(snapshot.clone()), records.to_vec());
        disk.store.writes += 1;
        Ok(())
    }
}
