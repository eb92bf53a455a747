//! Keeps a snapshot that arrives in pieces in a file until it is complete.

use super::error::StoreError;
use super::files::Files;
use super::store::{Closing, PIECE, Staged, create_staged, lock};
use crate::storage::Kept;
use paxos_core::{Contents, Snapshot, SnapshotError, SnapshotId, SnapshotPiece};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// The file of another process's snapshot until it is installed.
const RECEIVED: &str = "received.new";

/// Keeps the pieces of one snapshot at a time.
pub(super) struct Intake<F: Files> {
    pub(super) dir: PathBuf,
    pub(super) files: F,
    pub(super) staged: Staged,
    pub(super) closing: Closing,
    pub(super) coming: Option<Coming<F>>,
}

/// The pieces that have arrived so far.
pub(super) struct Coming<F: Files> {
    id: SnapshotId,
    file: F::File,
    at: u64,
    synced: u64,
}

impl<F: Files> Intake<F> {
    /// Adds a piece. A piece that does not follow the previous ones is useless. After an error, all pieces are, until one
    /// is the first of a snapshot.
    pub(super) fn keep(&mut self, piece: &SnapshotPiece) -> Result<Kept, StoreError> {
        let under_way = self.coming.is_some() || piece.offset == 0;
        let added = self.add(piece);
        // A complete snapshot that waits to be installed has the same name, and no later piece takes it away.
        if under_way && !matches!(added, Ok(Kept::More | Kept::Whole(_))) {
            self.coming = None;
            // The file takes space on a disk that may be full. If it cannot be removed, the next start removes it.
            drop(self.files.remove(RECEIVED));
        }
        added.map_err(StoreError::io(&self.dir.join(RECEIVED)))
    }

    fn add(&mut self, piece: &SnapshotPiece) -> io::Result<Kept> {
        if piece.offset == 0 {
            self.coming = None;
            let file = create_staged(&self.files, &self.staged, RECEIVED)?;
            self.coming = Some(Coming { id: piece.snapshot, file, at: 0, synced: 0 });
        }
        let follows = |coming: &&mut Coming<F>| coming.id == piece.snapshot && coming.at == piece.offset;
        let Some(coming) = self.coming.as_mut().filter(follows) else { return Ok(Kept::Useless) };
        self.files.write(&coming.file, coming.at, &piece.bytes)?;
        coming.at += piece.bytes.len() as u64;
        // Sync in small parts, so that other writes never wait for a sync of the whole snapshot.
        if piece.is_last() || coming.at - coming.synced >= PIECE as u64 {
            self.files.sync(&coming.file)?;
            coming.synced = coming.at;
        }
        if !piece.is_last() {
            return Ok(Kept::More);
        }
        let Some(Coming { id, file, .. }) = self.coming.take() else { return Ok(Kept::Useless) };
        // Read the file to check its checksum, because the pieces may come from several peers.
        let contents = self.files.contents(file);
        match Snapshot::open(Arc::new(UntilClosed(contents.clone(), self.closing.clone()))) {
            Ok(read) if read.id() == id => {}
            // This disk is to blame for that, not the peers.
            Err(SnapshotError::Unreadable(kind)) => {
                return Err(io::Error::new(kind, format!("what was received cannot be read: {kind}")));
            }
            Ok(_) | Err(_) => return Ok(Kept::Useless),
        }
        let snapshot = Snapshot::of(id, contents).map_err(io::Error::other)?;
        lock(&self.staged).insert(RECEIVED, id);
        Ok(Kept::Whole(snapshot))
    }
}

/// Contents that can be read until the store is being closed.
struct UntilClosed(Arc<dyn Contents>, Closing);

impl Contents for UntilClosed {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        self.1.check()?;
        self.0.read_at(offset, into)
    }
}
