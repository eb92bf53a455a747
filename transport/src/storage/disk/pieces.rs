//! Writes long files piece by piece, so that other writes wait for one piece only: snapshots, and new segments of the log,
//! which are made before they are needed.

use super::block::PAGE;
use super::error::StoreError;
use super::files::{Files, Job, UNFINISHED};
use super::manifest::Part;
use super::segment::Layout;
use super::store::{Closing, PIECE, SPARE, Sizes, Store};
use paxos_core::{Snapshot, SnapshotId};
use std::io::{self, BufWriter, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// An unused segment that is made before it is needed.
pub(super) const NEXT: &str = "next.new";

/// A disk that is too full for the next segment is tried again each time that this fraction of the last segment has been
/// written.
const AGAIN: u64 = 8;

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

/// The segment that is made before it is needed.
pub(super) enum Making {
    Running(Filling),
    /// It could not be made. This is tried again when the last segment has reached this position.
    Failed {
        again: u64,
    },
}

/// A segment that is being filled beside other writes.
pub(super) struct Filling {
    length: u64,
    /// Whether an earlier try failed, and the log says so.
    told: bool,
    awaited: Awaited,
    failed: Arc<AtomicBool>,
    made: Job,
}

/// Whether a write waits for the segment that is being filled.
#[derive(Clone, Default)]
pub(super) struct Awaited(Arc<AtomicBool>);

impl Awaited {
    pub(super) fn begin(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn has_begun(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Notes that a job has failed when it is dropped, also with a job that panics or never runs.
struct Failure(Option<Arc<AtomicBool>>);

impl Failure {
    fn avert(mut self) {
        self.0 = None;
    }
}

impl Drop for Failure {
    fn drop(&mut self) {
        if let Some(failed) = &self.0 {
            failed.store(true, Ordering::Relaxed);
        }
    }
}

impl Filling {
    fn begin<F: Files>(files: &F, length: u64, sizes: Sizes, closing: &Closing, told: bool) -> Self {
        let (awaited, failed) = (Awaited::default(), Arc::default());
        let failure = Failure(Some(Arc::clone(&failed)));
        let (beside, closing, waits) = (files.clone(), closing.clone(), awaited.clone());
        let made = files.aside(Box::new(move || {
            fill(&beside, NEXT, length, sizes, &closing, &waits)?;
            failure.avert();
            Ok(())
        }));
        Self { length, told, awaited, failed, made }
    }

    /// Waits until it is filled, with few syncs from now on.
    pub(super) fn wait(self) -> io::Result<()> {
        self.awaited.begin();
        (self.made)()
    }

    /// As [`Filling::wait`], and says in the log if it failed, once for several tries.
    fn wait_and_tell(self) -> io::Result<()> {
        let told = self.told;
        self.wait().inspect_err(|error| {
            if !told {
                tracing::warn!(
                    %error,
                    "cannot make the next segment of the log, which is tried again later: free the disk, or this member stops \
                     when the log is full"
                );
            }
        })
    }
}

impl<F: Files> Store<F> {
    /// Provides a segment for the next block, which is then appended to it.
    pub(super) fn provide(&mut self, room: u64) -> Result<Part, StoreError> {
        let last = self.manifest.last();
        let needed = Layout::length_for(room);
        let mut length = (2 * last.length).clamp(self.sizes.first, self.sizes.longest);
        if needed > length / 4 {
            // A block that does not fit leaves the rest of a segment empty: at most a quarter.
            length = length.max(Layout::length_for(4 * room));
        }
        let first = self.tail.number + 1;
        let name = Part { first, length: 0 }.name();
        let path = self.dir.join(&name);
        let (file, length) = self.fetch(&name, needed, length).map_err(StoreError::io(&path))?;
        self.file = file;
        self.end = Layout::of(length).blocks();
        Ok(Part { first, length })
    }

    /// Begins to make the next segment beside other writes, unless there is one.
    pub(super) fn prepare(&mut self) {
        let length = self.manifest.last().length;
        if self.spare.is_none() && self.making.is_none() && length <= self.sizes.longest {
            self.make((2 * length).min(self.sizes.longest), false);
        }
    }

    fn make(&mut self, length: u64, told: bool) {
        let filling = Filling::begin(&self.files, length, self.sizes, &self.closing, told);
        self.making = Some(Making::Running(filling));
    }

    /// Says so if the next segment could not be made, and tries again after a while. The disk is probably full, so try a
    /// short one then: it takes less of the space that others need.
    pub(super) fn prepare_again(&mut self) {
        match self.making.take() {
            Some(Making::Running(filling)) if filling.failed.load(Ordering::Relaxed) => {
                // Its error has been told.
                drop(filling.wait_and_tell());
                let again = self.end + self.manifest.last().length / AGAIN;
                self.making = Some(Making::Failed { again });
            }
            Some(Making::Failed { again }) if self.end >= again => self.make(self.sizes.first, true),
            other => self.making = other,
        }
    }

    /// Opens a segment of at least `needed` bytes under this name: the spare one, the one made in advance, or a new
    /// one, which is short on a disk that is too full for the `usual` length. Returns its length.
    fn fetch(&mut self, name: &str, needed: u64, usual: u64) -> io::Result<(F::File, u64)> {
        if let Some(length) = self.spare.take_if(|length| *length >= needed) {
            self.files.rename(SPARE, name)?;
            return Ok((self.files.open(name)?, length));
        }
        let fits = |making: &mut Making| match making {
            Making::Running(filling) => filling.length >= needed,
            Making::Failed { .. } => true,
        };
        let full = match self.making.take_if(fits) {
            Some(Making::Running(filling)) => {
                let length = filling.length;
                match filling.wait_and_tell() {
                    Ok(()) => {
                        self.files.rename(NEXT, name)?;
                        return Ok((self.files.open(name)?, length));
                    }
                    Err(error) => is_full(&error),
                }
            }
            Some(Making::Failed { .. }) => true,
            None => false,
        };
        let short = needed.max(self.sizes.first);
        let mut lengths = vec![usual, short, needed];
        lengths.dedup();
        lengths.retain(|length| !full || *length <= short);
        let mut made = Err(io::ErrorKind::StorageFull.into());
        for length in lengths {
            made =
                new_segment(&self.files, name, length, self.sizes, &self.closing).map(|file| (file, length));
            let Err(error) = made.as_ref() else { break };
            if !is_full(error) {
                break;
            }
            tracing::warn!(%error, length, "the disk is too full for a new segment of the log of this length: free the disk");
        }
        made
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Creates a segment of zeros. It gets its name when all of it is durable, so that a file of the log never shrinks in a
/// crash. The caller waits for all of it, so it is synced once. For long blocks the file system fills the segment: for
/// such a block, the sync is not the main cost.
pub(super) fn new_segment<F: Files>(
    files: &F,
    name: &str,
    length: u64,
    sizes: Sizes,
    closing: &Closing,
) -> io::Result<F::File> {
    let (new, awaited) = (format!("{name}{UNFINISHED}"), Awaited::default());
    awaited.begin();
    let file = fill(files, &new, length, sizes, closing, &awaited)?;
    files.rename(&new, name)?;
    Ok(file)
}

/// Creates a segment's file, durable except for its name. It is synced piece by piece, so that other writes need not
/// wait for all of it, and so that a store that is being closed waits for one piece only; what is left when a write
/// begins to wait for the segment is synced once. If it fails, the file is removed, because it takes space on a disk that
/// may be full.
pub(super) fn fill<F: Files>(
    files: &F,
    name: &str,
    length: u64,
    sizes: Sizes,
    closing: &Closing,
    awaited: &Awaited,
) -> io::Result<F::File> {
    let file = files.create(name)?;
    let filled = fill_with_zeros(files, &file, length, sizes, closing, awaited);
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
    awaited: &Awaited,
) -> io::Result<()> {
    let piece = if length <= sizes.longest { PIECE } else { PAGE };
    let zeros = vec![0; piece.min(length as usize)];
    let from = if length <= sizes.longest { 0 } else { length - PAGE as u64 };
    for at in (from..length).step_by(piece) {
        closing.check()?;
        files.write(file, at, &zeros[..(length - at).min(piece as u64) as usize])?;
        if at + piece as u64 >= length || !awaited.has_begun() {
            files.sync(file)?;
        }
    }
    Ok(())
}
