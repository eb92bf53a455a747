//! A store on disk: a log of writes, built so that changed, lost or replaced files are noticed.
//!
//! ```text
//! DIR/lock        held by the process that uses the directory
//! DIR/manifest    whose directory it is, and the files that make up the store: text, with a checksum
//! DIR/log-N       blocks from number N on, one for each write, each chained to the one before by its checksum
//! DIR/snapshot-N  what took the place of all blocks before number N
//! DIR/spare       a file of the log that may be used again
//! ```
//!
//! A write is one block, written twice and synced once: at the end of the log, and at a second place of the same file,
//! where it stays until two more blocks are durable. After a crash, the block is there, or its write was never
//! acknowledged. Damage to one of the two is repaired from the other, or the store is refused. A log never loses an
//! acknowledged write unnoticed.

mod block;
mod error;
mod files;
mod intake;
mod manifest;
mod pieces;
mod recover;
mod report;
mod segment;
mod store;
mod survey;
#[cfg(test)]
mod tests;

pub use error::StoreError;
pub use report::StoreReport;

use super::{Intake, Saved, Stage, Storage, StorageError};
use crate::identity::{Identity, Portable};
use async_trait::async_trait;
use block::{Draft, Kind};
use core::fmt;
use files::Directory;
use paxos_core::{Protocol, Snapshot};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store::{Sizes, Store};

/// Keeps the durable state of one process in its own directory.
///
/// When [`Storage::append`] returns, the records are as durable as the disk: they are synced, and stored twice. It
/// blocks the thread meanwhile, as [`Storage::blocks`] tells the host. Dropping it frees the directory.
pub struct DiskStorage<P: Protocol> {
    dir: PathBuf,
    store: Store<Directory>,
    /// The content found on opening, until it is loaded.
    found: Option<(Option<Snapshot>, Vec<P::Record>)>,
}

impl<P: Portable> DiskStorage<P> {
    /// Opens the directory, and checks that everything acknowledged is there. A directory that is missing or empty
    /// becomes the store of a process without a past; [`DiskStorage::open_existing`] does not allow that.
    ///
    /// It reads the whole store, and blocks meanwhile.
    ///
    /// # Errors
    /// [`StoreError`], which names the file and says what to do.
    pub fn open(dir: impl AsRef<Path>, identity: &Identity) -> Result<Self, StoreError> {
        Self::start(dir.as_ref(), identity, true)
    }

    /// As [`DiskStorage::open`], but for a process that ran before: a directory without a store is an error.
    ///
    /// # Errors
    /// [`StoreError`], which names the file and says what to do.
    pub fn open_existing(dir: impl AsRef<Path>, identity: &Identity) -> Result<Self, StoreError> {
        Self::start(dir.as_ref(), identity, false)
    }

    fn start(dir: &Path, identity: &Identity, create: bool) -> Result<Self, StoreError> {
        let files = Directory::lock(dir, create)?;
        let mut records = Vec::new();
        let (store, snapshot) =
            Store::open(files, dir, identity, create, Sizes::default(), &mut |content| {
                block::decode(content).map(|some| records.extend::<Vec<P::Record>>(some))
            })?;
        Ok(Self { dir: dir.to_owned(), store, found: Some((snapshot, records)) })
    }
}

impl<P: Protocol> DiskStorage<P> {
    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }
}

fn not_written(error: StoreError) -> StorageError {
    StorageError::Write(error.into_cause())
}

/// A new incarnation is a write, unless the store cannot count another one.
fn not_begun(error: StoreError) -> StorageError {
    if matches!(error, StoreError::Damaged { .. }) {
        StorageError::Read(io::Error::other(error))
    } else {
        not_written(error)
    }
}

#[async_trait]
impl<P: Portable> Storage<P> for DiskStorage<P> {
    fn blocks(&self) -> bool {
        true
    }

    async fn load(&mut self) -> Result<Saved<P>, StorageError> {
        // Everything was read when the store was opened: only this can fail, and nothing is lost then.
        let (session, store, former) = self.store.begin_incarnation().map_err(not_begun)?;
        let (snapshot, records) = self.found.take().unwrap_or_default();
        let lease = self.store.manifest.lease;
        Ok(Saved { session, store: Some(store), former, lease, snapshot, records })
    }

    async fn append(&mut self, records: &[P::Record]) -> Result<(), StorageError> {
        let draft = Draft::encode(records).map_err(StorageError::Write)?;
        self.store.append(Kind::Appended, draft).map_err(not_written)
    }

    async fn install(&mut self, snapshot: &Snapshot, records: &[P::Record]) -> Result<(), StorageError> {
        let draft = Draft::encode(records).map_err(StorageError::Write)?;
        self.store.install(snapshot, draft).map_err(not_written)
    }

    fn stage(&self) -> Stage {
        let stage = self.store.stage();
        Arc::new(move |captured| stage.write(|out| captured.write_to(out)).map_err(not_written))
    }

    fn intake(&self) -> Option<Intake> {
        let mut intake = self.store.intake();
        Some(Box::new(move |piece| intake.keep(piece).map_err(not_written)))
    }
}

impl<P: Protocol> fmt::Debug for DiskStorage<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DiskStorage").field("dir", &self.dir).finish_non_exhaustive()
    }
}
