//! A disk in memory.

use super::{Saved, Storage, StorageError};
use async_trait::async_trait;
use paxos_core::{Protocol, Snapshot};
use std::io;
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
    failing: bool,
}

impl<P: Protocol> MemoryStorage<P> {
    /// An empty store.
    pub fn new() -> Self {
        let disk = Disk { snapshot: None, records: Vec::new(), lives: 0, failing: false };
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
        let (snapshot, records, lives) = {
            let disk = copy.disk();
            (disk.snapshot.clone(), disk.records.clone(), disk.lives)
        };
        let mut disk = self.disk();
        (disk.snapshot, disk.records, disk.lives) = (snapshot, records, lives);
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
            let (snapshot, records) = (disk.snapshot.clone(), disk.records.clone());
            Saved { session: disk.lives - 1, snapshot, records }
        };
        self.life = Some(saved.session + 1);
        Ok(saved)
    }

    async fn append(&mut self, records: &[P::Record]) -> Result<(), StorageError> {
        self.open()?.records.extend_from_slice(records);
        Ok(())
    }

    async fn install(&mut self, snapshot: &Snapshot, records: &[P::Record]) -> Result<(), StorageError> {
        let mut disk = self.open()?;
        (disk.snapshot, disk.records) = (Some(snapshot.clone()), records.to_vec());
        Ok(())
    }
}
