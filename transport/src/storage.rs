//! The port to what survives a crash.

mod disk;
mod memory;

pub use disk::{DiskStorage, StoreError, StoreReport};
pub use memory::MemoryStorage;

use async_trait::async_trait;
use paxos_core::{Captured, Protocol, Snapshot, SnapshotPiece, StoreMark};
use std::io;
use std::sync::Arc;

/// Keeps the records of one process, and counts how often it was started.
#[async_trait]
pub trait Storage<P: Protocol>: Send + 'static {
    /// Whether its futures block while the disk works. Then the host polls them on a thread of their own, which
    /// is the shortest way to the disk and back; otherwise as a task.
    fn blocks(&self) -> bool {
        false
    }

    /// The last snapshot that was installed, if any, and the records installed with it and appended since, in that
    /// order. Called once, before anything is appended.
    ///
    /// # Errors
    /// If what was appended cannot be told in full. The process does not start then: one that forgets a promise
    /// or a vote is worse than one that is down.
    async fn load(&mut self) -> Result<Saved<P>, StorageError>;

    /// Appends records. They are durable when this returns: one write, one sync, however many there are.
    ///
    /// # Errors
    /// If they may not be durable. The process stops then, and what depends on the records is never said.
    async fn append(&mut self, records: &[P::Record]) -> Result<(), StorageError>;

    /// Puts a snapshot and records in the place of all that was appended or installed before, in one atomic step:
    /// after a crash, [`Storage::load`] tells either what was there before or this, and nothing between. It is
    /// durable when this returns.
    ///
    /// # Errors
    /// If it may not be durable. The process stops then, and what depends on it is never said.
    async fn install(&mut self, snapshot: &Snapshot, records: &[P::Record]) -> Result<(), StorageError>;

    /// What to call, from any thread, with a state that this process has captured: it writes it down, which takes as long as the
    /// state is large, while other writes go on. The snapshot that it returns is installed soon, or dropped. By default it is
    /// written down in memory.
    fn stage(&self) -> Stage {
        Arc::new(|captured| captured.write_down().map_err(StorageError::Write))
    }

    /// What to call, from any thread but from one at a time, with the pieces of a snapshot that a peer sends, in order. Other writes go on
    /// meanwhile. None, as by default, if they are to be kept in memory.
    fn intake(&self) -> Option<Intake> {
        None
    }
}

/// Keeps a piece of a snapshot that comes from a peer; see [`Storage::intake`].
pub type Intake = Box<dyn FnMut(&SnapshotPiece) -> Result<Kept, StorageError> + Send>;

/// What came of a piece.
#[derive(Debug)]
pub enum Kept {
    /// It is kept, and there is more to come.
    More,
    /// It was the last one. This is what they are together, durable but for its name.
    Whole(Snapshot),
    /// It does not follow on what has come, or all of it is no snapshot: begin anew.
    Useless,
}

/// Writes a state down before it is installed as a snapshot; see [`Storage::stage`].
pub type Stage = Arc<dyn Fn(Captured) -> Result<Snapshot, StorageError> + Send + Sync>;

/// What a process knows of its former lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved<P: Protocol> {
    /// How often the process was started before: 0 the first time, and never the same number again. It tells the
    /// commands of this life from those of former ones.
    pub session: u32,
    /// Which store this is, and how many writes it has made durable: each [`Storage::append`] and [`Storage::install`]
    /// counts one more, and [`Storage::load`] at least one. None if it has no identity; then the other members cannot
    /// notice when it was lost or put back from a copy.
    pub store: Option<StoreMark>,
    /// What takes the place of all that it recorded before.
    pub snapshot: Option<Snapshot>,
    /// What it recorded, with that snapshot and since, oldest first.
    pub records: Vec<P::Record>,
}

/// A store that cannot keep its word. Stores of other kinds wrap their errors with [`io::Error::other`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// What was stored cannot be read.
    #[error(
        "cannot read what was stored: {0}; repair it from a copy, or replace the process by a new member"
    )]
    Read(io::Error),
    /// Records cannot be stored.
    #[error("cannot store records: {0}; free or repair the disk, then restart the process")]
    Write(io::Error),
    /// A second process uses the store.
    #[error("another process has opened this store since: stop one of the two")]
    Taken,
}
