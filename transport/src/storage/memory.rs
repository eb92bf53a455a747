//! A disk in memory.

use super::{Saved, Storage, StorageError};
use async_trait::async_trait;
use paxos_core::{Protocol, Snapshot, StoreMark};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A store that outlives the process using it, though not the program. Clones are handles to the same store.
///
/// It stands in for a disk in tests and demonstrations: what is in it is gone when the program ends.
#[derive(Clone, Debug)]
pub struct MemoryStorage<P: Protocol> {
    disk: Arc<Mutex<Disk<P>>>,
    /// The life of the process that opened this handle.
    life: Option<u32>,
}

#[derive(Debug)]
struct Disk<P: Protocol> {
    snapshot: Option<Snapshot>,
    records: Vec<P::Record>,
    /// How often it was opened.
    lives: u32,
    store: StoreMark,
    failing: bool,
}

impl<P: Protocol> MemoryStorage<P> {
    /// An empty store.
    pub fn new() -> Self {
        // Nothing outlives the program, and within it no two stores are the same.
        static MADE: AtomicU64 = AtomicU64::new(1);
        let id = u128::from(MADE.fetch_add(1, Ordering::Relaxed)) << 96;
        let store = StoreMark { id, writes: 0 };
        let disk = Disk { snapshot: None, records: Vec::new(), lives: 0, store, failing: false };
        Self { disk: Arc::new(Mutex::new(disk)), life: None }
    }

    /// A copy of what is on it now, as a backup is.
    #[must_use]
    pub fn copy(&self) -> Self {
        let copy = Self::new();
        copy.put_back(self);
        copy
    }

    /// What is on it is lost, and what `copy` holds comes in its place: what a restored backup does to a process that runs
    /// again, or, with an empty copy, a lost disk.
    pub fn put_back(&self, copy: &Self) {
        let (snapshot, records, lives, store) = {
            let disk = copy.disk();
            (disk.snapshot.clone(), disk.records.clone(), disk.lives, disk.store)
        };
        let mut disk = self.disk();
        (disk.snapshot, disk.records, disk.lives, disk.store) = (snapshot, records, lives, store);
    }

    /// Makes every write fail from now on, or no more.
    pub fn set_failing(&self, failing: bool) {
        self.disk().failing = failing;
    }

    /// The snapshot that is stored.
    pub fn snapshot(&self) -> Option<Snapshot> {
        self.disk().snapshot.clone()
    }

    /// The records that are stored.
    pub fn records(&self) -> Vec<P::Record> {
        self.disk().records.clone()
    }

    /// The disk, to be written to.
    fn open(&self) -> Result<MutexGuard<'_, Disk<P>>, StorageError> {
        let disk = self.disk();
        if self.life != Some(disk.lives) {
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
        let saved = {
            let mut disk = self.disk();
            disk.lives = disk.lives.saturating_add(1);
            disk.store.writes += 1;
            let (snapshot, records) = (disk.snapshot.clone(), disk.records.clone());
            Saved { session: disk.lives - 1, store: Some(disk.store), snapshot, records }
        };
        self.life = Some(saved.session + 1);
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
