//! The port to durable storage.

mod disk;
mod memory;

pub use disk::{DiskStorage, StoreError, StoreReport};
pub use memory::MemoryStorage;

use async_trait::async_trait;
use core::time::Duration;
use paxos_core::{Captured, Former, Incarnation, Protocol, Snapshot, SnapshotPiece};
use std::io;
use std::sync::Arc;

/// Keeps the records of one process, and counts its starts.
#[async_trait]
pub trait Storage<P: Protocol>: Send + 'static {
    /// Whether its futures block while the disk works. If so, the host polls them on a separate thread, which is the
    /// fastest way to the disk and back; otherwise it spawns a task.
    fn blocks(&self) -> bool {
        false
    }

    /// Returns the last installed snapshot, if any, and the records installed with it and appended since, in that
    /// order. The host calls it once, before it appends anything.
    ///
    /// # Errors
    /// If the records cannot be read in full, or this start cannot be counted. The process then does not start: a
    /// process that forgets a promise or a vote is worse than one that is down.
    async fn load(&mut self) -> Result<Saved<P>, StorageError>;

    /// Appends records. They are durable when this returns: one write and one sync, however many there are.
    ///
    /// # Errors
    /// If the records may not be durable. The process then stops, and never sends what depends on them.
    async fn append(&mut self, records: &[P::Record]) -> Result<(), StorageError>;

    /// Replaces everything that was appended or installed before by a snapshot and records, in one atomic step: after
    /// a crash, [`Storage::load`] returns either the old content or the new, and never a mixture. The new content is
    /// durable when this returns.
    ///
    /// # Errors
    /// If the new content may not be durable. The process then stops, and never sends what depends on it.
    async fn install(&mut self, snapshot: &Snapshot, records: &[P::Record]) -> Result<(), StorageError>;

    /// Returns a function that writes down a captured state while other writes go on. It may be called from any
    /// thread and takes longer for a larger state. The snapshot that it returns is soon installed or dropped. The
    /// default writes the state down in memory.
    fn stage(&self) -> Stage {
        Arc::new(|captured| captured.write_down().map_err(StorageError::Write))
    }

    /// Returns a function that keeps the pieces of a snapshot that a peer sends, in order, while other writes go on.
    /// It may be called from any thread, but from one at a time. After an error, it frees what it has kept; the host says
    /// so in the log, and fetches the snapshot again a while later. `None`, the default, means that pieces are kept in
    /// memory.
    fn intake(&self) -> Option<Intake> {
        None
    }
}

/// Keeps a piece of a snapshot that comes from a peer; see [`Storage::intake`].
pub type Intake = Box<dyn FnMut(&SnapshotPiece) -> Result<Kept, StorageError> + Send>;

/// The result of keeping a piece.
#[derive(Debug)]
pub enum Kept {
    /// The piece is kept, and more pieces follow.
    More,
    /// The piece was the last one. This is the complete snapshot; all of it is durable except its name.
    Whole(Snapshot),
    /// The piece does not follow the previous ones, or the pieces together are not a snapshot: begin anew.
    Useless,
}

/// Writes a state down before it is installed as a snapshot; see [`Storage::stage`].
pub type Stage = Arc<dyn Fn(Captured) -> Result<Snapshot, StorageError> + Send + Sync>;

/// What a store knows of the former incarnations of its process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved<P: Protocol> {
    /// How often the process was started before. It is 0 at the first start and is never repeated, so it
    /// distinguishes the commands of this incarnation from those of former ones.
    pub session: u32,
    /// The identity of this store, the number of writes that it has made durable, and the incarnation that begins now, with a
    /// number that is drawn at random. Each [`Storage::append`] and [`Storage::install`] adds a write, and
    /// [`Storage::load`] adds at least one. `None` if the store has no identity; then the other members cannot notice
    /// that it was lost or restored from a copy.
    pub store: Option<Incarnation>,
    /// The starts before this one. A store makes its start durable before [`Storage::load`] returns. One that remembers none
    /// is compared by its number of writes alone: an older copy of it is believed once it has been started as often as
    /// it lacks writes.
    pub former: Former,
    /// The longest leases that the process may have granted in former incarnations, whatever its configuration says
    /// now. It answers no phase 1a until such a lease has passed. A store that is told the leases of its process
    /// ([`crate::Identity::lease`]) makes the longest durable before [`Storage::load`] returns. `None`: as long as
    /// those of its configuration, so the store must not be used with shorter ones than before.
    pub lease: Option<Duration>,
    /// The snapshot that replaces everything recorded before it.
    pub snapshot: Option<Snapshot>,
    /// The records that were installed with that snapshot or appended since, oldest first.
    pub records: Vec<P::Record>,
}

/// An error of a store. Stores of other kinds wrap their errors with [`io::Error::other`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// What was stored cannot be read.
    #[error("cannot read the store: {0}; restore it from a copy, or replace the process with a new member")]
    Read(io::Error),
    /// Records cannot be stored. The inner error says where and why, and this one says what to do.
    #[error("cannot store records: {0}; free or repair the disk, then restart the process")]
    Write(io::Error),
    /// The operating system starts no thread for work on the store. The store itself is as it was.
    #[error(
        "the operating system starts no thread for work on the store: {0}; raise the limit of threads or free memory, then \
         restart the process"
    )]
    Thread(io::Error),
    /// The store has panicked.
    #[error(
        "the store has panicked: see the message on standard error, and restart the process when the cause is gone"
    )]
    Panicked,
    /// Another process has opened the store since.
    #[error("another process has opened this store since: stop one of the two")]
    Taken,
}
