//! A disk in memory.

use super::{Saved, Storage, StorageError};
use async_trait::async_trait;
use paxos_core::Protocol;
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
    records: Vec<P::Record>,
    /// How often it was opened.
    lives: u32,
    failing: bool,
}

impl<P: Protocol> MemoryStorage<P> {
    /// An empty store.
    pub fn new() -> Self {
        let disk = Disk { records: Vec::new(), lives: 0, failing: false };
        Self { disk: Arc::new(Mutex::new(disk)), life: None }
    }

    /// Makes every write fail from now on, or no more.
    pub fn set_failing(&self, failing: bool) {
        self.disk().failing = failing;
    }

    /// What is stored.
    pub fn records(&self) -> Vec<P::Record> {
        self.disk().records.clone()
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
        let (session, records) = {
            let mut disk = self.disk();
            disk.lives += 1;
            (disk.lives - 1, disk.records.clone())
        };
        self.life = Some(session + 1);
        Ok(Saved { session, records })
    }

    async fn append(&mut self, records: &[P::Record]) -> Result<(), StorageError> {
        let mut disk = self.disk();
        if self.life != Some(disk.lives) {
            return Err(StorageError::Taken);
        }
        if disk.failing {
            return Err(StorageError::Write(io::Error::other("told to fail")));
        }
        disk.records.extend_from_slice(records);
        Ok(())
    }
}
