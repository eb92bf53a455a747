//! A store on disk: a database file, with what it takes to notice when that file is not what it was.
//!
//! ```text
//! DIR/lock        held by the process that uses the directory
//! DIR/identity    whose directory it is, and that there must be a database: text, with a checksum
//! DIR/store.redb  snapshot, blocks of records (one for each write), and their state: numbers, and a chain of checksums
//! DIR/witness     how far the database had come when the last write was told to be durable: two copies, in turn
//! ```
//!
//! The database keeps its own checksums, and survives a crash at any point. What it cannot notice is that it is older than
//! it was: a bit in its first page decides which of the last two commits counts. So after each commit the witness is
//! written, and a database that is behind its witness is refused, as one is that is missing, or whose blocks do not
//! follow on each other from the first to the last.
//!
//! Writing happens on a thread of its own.

mod block;
mod error;
mod marker;
mod pieces;
mod store;
mod witness;

pub use error::StoreError;

use super::{Saved, Storage, StorageError};
use crate::identity::{Identity, Portable};
use async_trait::async_trait;
use block::Block;
use core::fmt;
use paxos_core::{Protocol, Snapshot};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use store::Store;
use tokio::sync::oneshot;

type Job = Box<dyn FnOnce(&mut Store) + Send>;

/// Keeps what one process must not forget, in a directory of its own.
///
/// It is as durable as the disk when [`Storage::append`] returns: what was appended was synced, and so was a witness of it.
/// Dropping it waits for the write that is under way, and frees the directory.
pub struct RedbStorage<P: Protocol> {
    dir: PathBuf,
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    variant: core::marker::PhantomData<fn() -> P>,
}

impl<P: Portable> RedbStorage<P> {
    /// Opens the directory, and looks whether all is there that was promised to be. A directory that is missing or empty
    /// becomes a new one, of a process without a past: [`RedbStorage::open_existing`] does not allow that.
    ///
    /// It reads the whole database, and blocks meanwhile.
    ///
    /// # Errors
    /// [`StoreError`], which names the file and says what to do.
    pub fn open(dir: impl AsRef<Path>, identity: &Identity) -> Result<Self, StoreError> {
        Self::start(Store::open(dir.as_ref(), identity, true)?)
    }

    /// As [`RedbStorage::open`], of a process that ran before: a directory in which there is nothing is an error.
    ///
    /// # Errors
    /// [`StoreError`], which names the file and says what to do.
    pub fn open_existing(dir: impl AsRef<Path>, identity: &Identity) -> Result<Self, StoreError> {
        Self::start(Store::open(dir.as_ref(), identity, false)?)
    }

    fn start(mut store: Store) -> Result<Self, StoreError> {
        let dir = store.dir().to_owned();
        let (jobs, todo) = mpsc::channel::<Job>();
        let thread = thread::Builder::new()
            .name("paxos-store".into())
            .spawn(move || {
                while let Ok(job) = todo.recv() {
                    job(&mut store);
                }
            })
            .map_err(|source| StoreError::Io { path: dir.clone(), source })?;
        Ok(Self { dir, jobs: Some(jobs), thread: Some(thread), variant: core::marker::PhantomData })
    }
}

impl<P: Protocol> RedbStorage<P> {
    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Has the thread do something; none if it has ended, which it does only if it panicked.
    async fn run<T: Send + 'static>(&self, job: impl FnOnce(&mut Store) -> T + Send + 'static) -> Option<T> {
        let (sender, done) = oneshot::channel();
        let job = Box::new(move |store: &mut Store| drop(sender.send(job(store))));
        self.jobs.as_ref()?.send(job).ok()?;
        done.await.ok()
    }
}

fn ended() -> io::Error {
    io::Error::other("the thread that writes has panicked: see its message on standard error")
}

#[async_trait]
impl<P: Portable> Storage<P> for RedbStorage<P> {
    async fn load(&mut self) -> Result<Saved<P>, StorageError> {
        let loaded = self.run(|store| store.load(block::decode::<P::Record>)).await;
        let (session, store, snapshot, records) = loaded
            .ok_or_else(|| StorageError::Read(ended()))?
            .map_err(|error| StorageError::Read(io::Error::other(error)))?;
        Ok(Saved { session, store: Some(store), snapshot, records })
    }

    async fn append(&mut self, records: &[P::Record]) -> Result<(), StorageError> {
        let block = Block::encode(records).map_err(StorageError::Write)?;
        let written = self.run(move |store| store.append(block)).await;
        written
            .ok_or_else(|| StorageError::Write(ended()))?
            .map_err(|error| StorageError::Write(io::Error::other(error)))
    }

    async fn install(&mut self, snapshot: &Snapshot, records: &[P::Record]) -> Result<(), StorageError> {
        let block = Block::encode(records).map_err(StorageError::Write)?;
        let snapshot = snapshot.clone();
        let written = self.run(move |store| store.install(&snapshot, block)).await;
        written
            .ok_or_else(|| StorageError::Write(ended()))?
            .map_err(|error| StorageError::Write(io::Error::other(error)))
    }
}

impl<P: Protocol> Drop for RedbStorage<P> {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take() {
            // If it panicked, that was told to whoever waited for it.
            drop(thread.join());
        }
    }
}

impl<P: Protocol> fmt::Debug for RedbStorage<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedbStorage").field("dir", &self.dir).finish_non_exhaustive()
    }
}
