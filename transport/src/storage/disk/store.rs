//! Writes the log, its snapshot, and their manifest. All of this blocks.

use super::block::{Block, Draft, Head, Kind};
use super::error::StoreError;
use super::files::{Files, Job, UNFINISHED};
use super::intake::Intake;
use super::manifest::{Manifest, snapshot_name};
use super::pieces::{Making, NEXT, write_snapshot};
use super::segment::{Layout, Tail};
use crate::uptime::Uptime;
use paxos_core::{Snapshot, SnapshotId};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The lengths of segments: the first one, and the longest. Each segment is twice as long as the one before, up to the
/// longest. A segment for a longer block is longer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    pub(super) first: u64,
    pub(super) longest: u64,
}

impl Default for Sizes {
    fn default() -> Self {
        Self { first: 1 << 20, longest: 32 << 20 }
    }
}

/// Snapshots and the zeros of a new segment are written in pieces of this size, each with its own sync, so a write of
/// the log waits at most for one piece. A write that waits for the segment itself ends those syncs.
pub(super) const PIECE: usize = 512 << 10;

/// A used segment that may be reused.
pub(super) const SPARE: &str = "spare";

/// Writes a snapshot beside other writes, so that installing it is quick.
pub(super) struct Stage<F: Files> {
    dir: PathBuf,
    files: F,
    staged: Staged,
    closing: Closing,
}

impl<F: Files> Stage<F> {
    /// Returns a snapshot of what `write` writes; all of it is durable except its name.
    pub(super) fn write(
        &self,
        write: impl FnOnce(&mut dyn Write) -> io::Result<SnapshotId>,
    ) -> Result<Snapshot, StoreError> {
        create_staged(&self.files, &self.staged, STAGED)
            .and_then(|file| {
                let written = write_snapshot(&self.files, file, &self.closing, write);
                written.inspect_err(|_| {
                    // The file takes space on a disk that may be full. If it cannot be removed, the next start removes
                    // it.
                    drop(self.files.remove(STAGED));
                })
            })
            .inspect(|staged| _ = lock(&self.staged).insert(STAGED, staged.id()))
            .map_err(StoreError::io(&self.dir.join(STAGED)))
    }
}

/// The complete snapshots that are not installed yet, by file name.
pub(super) type Staged = Arc<Mutex<BTreeMap<&'static str, SnapshotId>>>;

/// Whether the store is being closed: work beside other writes ends then, and begins anew at the next start.
#[derive(Clone, Default)]
pub(super) struct Closing(Arc<AtomicBool>);

impl Closing {
    pub(super) fn begin(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Returns an error once the store is being closed.
    pub(super) fn check(&self) -> io::Result<()> {
        if self.0.load(Ordering::Relaxed) {
            Err(io::Error::other("the store is being closed"))
        } else {
            Ok(())
        }
    }
}

/// The file of this process's own snapshot until it is installed.
const STAGED: &str = "staged.new";

/// Creates an empty file for a snapshot, in place of one that was never installed. A reader of the old one keeps its
/// file, which then has no name.
pub(super) fn create_staged<F: Files>(files: &F, staged: &Staged, name: &'static str) -> io::Result<F::File> {
    let mut staged = lock(staged);
    if staged.remove(name).is_some() {
        files.remove(name)?;
    }
    files.create(name)
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An open store.
pub(super) struct Store<F: Files> {
    pub(super) dir: PathBuf,
    pub(super) files: F,
    pub(super) sizes: Sizes,
    pub(super) manifest: Manifest,
    /// When it was opened, and the leases that the process grants in this incarnation.
    pub(super) opened: Uptime,
    pub(super) lease: Option<Duration>,
    /// The last segment, to which blocks are added.
    pub(super) file: F::File,
    /// The position of the next block in it.
    pub(super) end: u64,
    pub(super) tail: Tail,
    /// The length of the spare segment, if there is one.
    pub(super) spare: Option<u64>,
    /// The segment that is made beside other writes, before it is needed.
    pub(super) making: Option<Making>,
    pub(super) staged: Staged,
    /// Whether work beside other writes must end.
    pub(super) closing: Closing,
    /// Files that are being removed beside other writes.
    pub(super) removing: Option<Job>,
    /// Whether a write failed, so that the content on disk is unknown.
    pub(super) failed: bool,
}

impl<F: Files> Store<F> {
    /// Appends a block to the log. It is durable when this returns.
    pub(super) fn append(&mut self, kind: Kind, draft: Draft) -> Result<(), StoreError> {
        self.begin_write()?;
        let room = draft.room();
        let last = self.manifest.last();
        if self.end + room > last.length {
            let part = self.provide(room)?;
            self.files.sync_names().map_err(StoreError::io(&self.dir))?;
            self.manifest.segments.push(part);
            self.note()?;
            self.prepare();
        }
        self.put(kind, draft)?;
        self.failed = false;
        self.prepare_again();
        Ok(())
    }

    /// Replaces everything by a snapshot and a block. The manifest decides: before it is written, nothing has changed;
    /// files that it does not refer to are removed before this returns.
    pub(super) fn install(&mut self, snapshot: &Snapshot, draft: Draft) -> Result<(), StoreError> {
        self.begin_write()?;
        let former = self.manifest.clone();
        let number = self.tail.number + 1;
        self.place(&snapshot_name(number), snapshot)?;
        let part = self.provide(draft.room())?;
        self.manifest.base = self.tail.check;
        self.manifest.snapshot = Some(snapshot.id());
        self.manifest.segments = vec![part];
        self.put(Kind::Installed, draft)?;
        self.files.sync_names().map_err(StoreError::io(&self.dir))?;
        self.note()?;
        self.remove(&former).map_err(StoreError::io(&self.dir))?;
        self.failed = false;
        Ok(())
    }

    /// Returns a writer for a snapshot of this process that will be installed later.
    pub(super) fn stage(&self) -> Stage<F> {
        let (dir, files) = (self.dir.clone(), self.files.clone());
        Stage { dir, files, staged: self.staged.clone(), closing: self.closing.clone() }
    }

    /// Returns a writer for a snapshot that arrives in pieces and will be installed later.
    pub(super) fn intake(&self) -> Intake<F> {
        let (dir, files) = (self.dir.clone(), self.files.clone());
        Intake { dir, files, staged: self.staged.clone(), closing: self.closing.clone(), coming: None }
    }

    /// Gives a snapshot its name, and writes it down first if it is not on disk yet.
    fn place(&self, name: &str, snapshot: &Snapshot) -> Result<(), StoreError> {
        let rename = |from: &str| self.files.rename(from, name);
        // Keep the lock until the snapshot has its name, so that no other file is created under the former one.
        let mut staged = lock(&self.staged);
        let there = staged.iter().find(|(_, there)| **there == snapshot.id()).map(|(name, _)| *name);
        let placed = if let Some(there) = there {
            staged.remove(there);
            rename(there)
        } else {
            drop(staged);
            let unfinished = format!("{name}{UNFINISHED}");
            let copy = |out: &mut dyn Write| {
                let length = io::copy(&mut snapshot.read_from(0), out)?;
                let whole = length == snapshot.id().length;
                if whole { Ok(snapshot.id()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
            };
            let file = self.files.create(&unfinished);
            file.and_then(|file| write_snapshot(&self.files, file, &self.closing, copy))
                .and_then(|_| rename(&unfinished))
        };
        placed.map_err(StoreError::io(&self.dir.join(name)))
    }

    /// Begins a write: until it has succeeded, the content on disk is unknown.
    fn begin_write(&mut self) -> Result<(), StoreError> {
        if self.failed {
            let source = io::Error::other("an earlier write failed");
            return Err(StoreError::Io { path: self.dir.clone(), source });
        }
        self.failed = true;
        Ok(())
    }

    /// Writes a block at the end of the last segment, which must have room for it.
    fn put(&mut self, kind: Kind, draft: Draft) -> Result<(), StoreError> {
        let last = self.manifest.last();
        let Tail { number, check, incarnation } = self.tail;
        let head = Head {
            kind,
            witness: false,
            incarnation,
            brand: self.manifest.brand,
            number: number + 1,
            before: check,
        };
        let (pages, sealed) = draft.seal(&head);
        self.write_twice(&self.file, Layout::of(last.length), self.end, &pages)
            .map_err(StoreError::io(&self.dir.join(last.name())))?;
        self.tail = Tail { number: number + 1, check: sealed, incarnation };
        self.end += pages.len() as u64;
        Ok(())
    }

    /// Writes a block and its copy with one sync or, if the block is long, the block and then its witness.
    pub(super) fn write_twice(
        &self,
        file: &F::File,
        layout: Layout,
        at: u64,
        pages: &[u8],
    ) -> io::Result<()> {
        let Some(block) = Block::read(pages) else { return Err(io::Error::other("no block")) };
        let copy = layout.copy(block.head.number);
        self.files.write(file, at, pages)?;
        if pages.len() as u64 <= layout.slot {
            self.files.write(file, copy, pages)?;
        } else {
            self.files.sync(file)?;
            let head = Head { witness: true, ..block.head };
            self.files.write(file, copy, &Draft::empty().seal(&head).0)?;
        }
        self.files.sync(file)
    }

    /// Writes the manifest, with the current end of the log.
    pub(super) fn note(&mut self) -> Result<(), StoreError> {
        // What former incarnations granted has ended.
        if self.manifest.lease.is_some_and(|longest| self.opened.elapsed() > longest) {
            self.manifest.lease = self.lease;
        }
        self.manifest.blocks = self.tail.number;
        self.manifest.write(&self.files, &self.dir)
    }

    /// Takes the names of the files of `former` before the write is acknowledged, and removes the files beside other
    /// writes, because freeing a large file takes time. The longest segment of a usual length is kept for reuse.
    fn remove(&mut self, former: &Manifest) -> io::Result<()> {
        let mut nameless = Vec::new();
        for part in &former.segments {
            if part.length <= self.sizes.longest && self.spare.is_none_or(|spare| spare < part.length) {
                self.files.rename(&part.name(), SPARE)?;
                self.spare = Some(part.length);
            } else {
                nameless.push(part.name());
            }
        }
        nameless.extend(former.snapshot_name());
        for name in &mut nameless {
            let without = format!("{name}{UNFINISHED}");
            self.files.rename(name, &without)?;
            *name = without;
        }
        self.files.sync_names()?;
        let (files, closing, before) = (self.files.clone(), self.closing.clone(), self.removing.take());
        let work = move || {
            if let Some(before) = before {
                warn_of_rest(before());
            }
            // The next start removes the remaining files.
            for name in nameless.iter().take_while(|_| closing.check().is_ok()) {
                if let Err(error) = files.remove(name) {
                    tracing::warn!(%error, name, "cannot remove a file that is of no use any more");
                }
            }
            Ok(())
        };
        self.removing = Some(self.files.aside(Box::new(work)));
        Ok(())
    }

    /// Waits until the last removal ends.
    fn finish_removal(&mut self) {
        if let Some(removed) = self.removing.take() {
            warn_of_rest(removed());
        }
    }
}

/// Warns if a removal could not begin. Later removals do not depend on it.
fn warn_of_rest(removed: io::Result<()>) {
    if let Err(error) = removed {
        tracing::warn!(%error, "files that are of no use any more are removed at the next start");
    }
}

impl<F: Files> Drop for Store<F> {
    fn drop(&mut self) {
        // The note makes an older log noticeable if one is restored later.
        if !self.failed
            && self.manifest.blocks < self.tail.number
            && let Err(error) = self.note()
        {
            tracing::warn!(%error, "closed without a note of how far the log has come");
        }
        self.closing.begin();
        self.finish_removal();
        // The job uses the directory, so wait for it; it ends with the piece that it writes. The next start removes a
        // segment that is unfinished or cannot be renamed.
        if let Some(Making::Running(filling)) = self.making.take()
            && filling.wait().is_ok()
            && !self.failed
            && self.spare.is_none()
            && let Err(error) = self.files.rename(NEXT, SPARE)
        {
            tracing::warn!(%error, "closed without the segment that was made in advance");
        }
    }
}
