//! Writes long files piece by piece, so that other writes wait for one piece only.

use super::block::PAGE;
use super::files::{Files, UNFINISHED};
use super::store::{Closing, PIECE, Sizes};
use paxos_core::{Snapshot, SnapshotId};
use std::io::{self, BufWriter, Write};

/// Writes a snapshot into this empty file; all of it is durable except the file's name.
pub(super) fn write_snapshot<F: Files>(
    files: &F,
    file: F::File,
    closing: &Closing,
    write: impl FnOnce(&mut dyn Write) -> io::Result<SnapshotId>,
) -> io::Result<Snapshot> {
    let mut out = BufWriter::with_capacity(PIECE, Pieces { files, file: &file, closing, at: 0 });
    let id = write(&mut out)?;
    out.flush()?;
    drop(out);
    Snapshot::of(id, files.contents(file)).map_err(io::Error::other)
}

/// Writes a file from its start and syncs it piece by piece, so that other writes need not wait for all of it.
struct Pieces<'a, F: Files> {
    files: &'a F,
    file: &'a F::File,
    closing: &'a Closing,
    at: u64,
}

impl<F: Files> Write for Pieces<'_, F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.closing.check()?;
        let piece = &bytes[..bytes.len().min(PIECE)];
        self.files.write(self.file, self.at, piece)?;
        self.files.sync(self.file)?;
        self.at += piece.len() as u64;
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Creates a segment of zeros. It gets its name when all of it is durable, so that a file of the log never shrinks in a
/// crash. For long blocks the file system fills the segment: for such a block, the sync is not the main cost.
pub(super) fn new_segment<F: Files>(
    files: &F,
    name: &str,
    length: u64,
    sizes: Sizes,
    closing: &Closing,
) -> io::Result<F::File> {
    let new = format!("{name}{UNFINISHED}");
    let file = fill(files, &new, length, sizes, closing)?;
    files.rename(&new, name)?;
    Ok(file)
}

/// Creates a segment's file, durable except for its name. It is synced piece by piece, so that other writes need not
/// wait for all of it, and so that a store that is being closed waits for one piece only. If it fails, the file is removed,
/// because it takes space on a disk that may be full.
pub(super) fn fill<F: Files>(
    files: &F,
    name: &str,
    length: u64,
    sizes: Sizes,
    closing: &Closing,
) -> io::Result<F::File> {
    let file = files.create(name)?;
    let filled = fill_with_zeros(files, &file, length, sizes, closing);
    // A store that is being closed leaves the file to the next start.
    if filled.is_err() && closing.check().is_ok() {
        drop(files.remove(name));
    }
    filled.map(|()| file)
}

fn fill_with_zeros<F: Files>(
    files: &F,
    file: &F::File,
    length: u64,
    sizes: Sizes,
    closing: &Closing,
) -> io::Result<()> {
    let piece = if length <= sizes.longest { PIECE } else { PAGE };
    let zeros = vec![0; piece.min(length as usize)];
    let from = if length <= sizes.longest { 0 } else { length - PAGE as u64 };
    for at in (from..length).step_by(piece) {
        closing.check()?;
        files.write(file, at, &zeros[..(length - at).min(piece as u64) as usize])?;
        files.sync(file)?;
    }
    Ok(())
}
