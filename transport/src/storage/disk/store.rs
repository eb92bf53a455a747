//! The log, its snapshot, and their manifest: how they are written. All of this blocks.

use super::block::{Block, Draft, Head, Kind, PAGE};
use super::error::StoreError;
use super::files::{Files, Job, UNFINISHED};
use super::manifest::{Manifest, Part, snapshot_name};
use super::segment::{Layout, Tail};
use paxos_core::{Snapshot, SnapshotId};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How long segments are: the first, and then each twice as long as the one before, up to the longest. One that is made for a
/// longer block is longer.
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

/// Snapshots, and the zeros of a new segment, are written in pieces of so many bytes.
const PIECE: usize = 4 << 20;

/// A segment that was used and may be used again.
pub(super) const SPARE: &str = "spare";

/// A segment that was never used, and is made before it is needed.
const NEXT: &str = "next.new";

/// Writes a snapshot down beside other writes, so that to install it is quick.
pub(super) struct Stage<F: Files> {
    dir: PathBuf,
    files: F,
    /// Which snapshot is there in full.
    staged: Arc<Mutex<Option<SnapshotId>>>,
}

impl<F: Files> Stage<F> {
    pub(super) fn write(&self, snapshot: &Snapshot) -> Result<(), StoreError> {
        // One that nobody came for is of no use any more.
        let former = lock(&self.staged).take().map(staged_name);
        let name = staged_name(snapshot.id());
        former
            .map_or(Ok(()), |former| self.files.remove(&former))
            .and_then(|()| write_snapshot(&self.files, &name, snapshot))
            .map_err(StoreError::io(&self.dir.join(name)))?;
        *lock(&self.staged) = Some(snapshot.id());
        Ok(())
    }
}

fn staged_name(snapshot: SnapshotId) -> String {
    format!("staged-{:?}{UNFINISHED}", snapshot.digest)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An open store.
pub(super) struct Store<F: Files> {
    pub(super) dir: PathBuf,
    pub(super) files: F,
    pub(super) sizes: Sizes,
    pub(super) manifest: Manifest,
    /// The last segment, to which blocks are added.
    pub(super) file: F::File,
    /// Where in it the next block belongs.
    pub(super) end: u64,
    pub(super) tail: Tail,
    /// How long the spare segment is, if there is one.
    pub(super) spare: Option<u64>,
    /// How long the segment is that is being made beside other writes, and what waits for it.
    pub(super) making: Option<(u64, Job)>,
    pub(super) staged: Arc<Mutex<Option<SnapshotId>>>,
    /// A write failed, so that what is on disk is not known any more.
    pub(super) failed: bool,
}

impl<F: Files> Store<F> {
    /// Adds a block to the log. It is durable when this returns.
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
        Ok(())
    }

    /// Puts a snapshot and a block in the place of all that is there. The manifest decides: before it is written, all is as it was;
    /// what it does not refer to afterwards is removed before anybody is told.
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

    /// To write a snapshot down before it is installed.
    pub(super) fn stage(&self) -> Stage<F> {
        Stage { dir: self.dir.clone(), files: self.files.clone(), staged: self.staged.clone() }
    }

    /// Gives a snapshot its name, and writes it down if that was not done before.
    fn place(&self, name: &str, snapshot: &Snapshot) -> Result<(), StoreError> {
        let mut unfinished = format!("{name}{UNFINISHED}");
        let staged = lock(&self.staged).take_if(|staged| *staged == snapshot.id());
        let placed = if let Some(staged) = staged {
            unfinished = staged_name(staged);
            Ok(())
        } else {
            write_snapshot(&self.files, &unfinished, snapshot)
        };
        placed
            .and_then(|()| self.files.rename(&unfinished, name))
            .map_err(StoreError::io(&self.dir.join(name)))
    }

    /// From here until it has succeeded, what is on disk is not known.
    fn begin_write(&mut self) -> Result<(), StoreError> {
        if self.failed {
            let source = io::Error::other("an earlier write failed");
            return Err(StoreError::Io { path: self.dir.clone(), source });
        }
        self.failed = true;
        Ok(())
    }

    /// A segment for the next block, to which it will be added.
    fn provide(&mut self, room: u64) -> Result<Part, StoreError> {
        let last = self.manifest.last();
        let needed = Layout::length_for(room);
        let mut length = (2 * last.length).clamp(self.sizes.first, self.sizes.longest);
        if needed > length / 4 {
            // What does not fit is left empty: at most a quarter.
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

    /// Has the segment made that will be needed next, while others are written, unless there is one.
    fn prepare(&mut self) {
        let length = self.manifest.last().length;
        if self.spare.is_none() && self.making.is_none() && length <= self.sizes.longest {
            let (files, sizes) = (self.files.clone(), self.sizes);
            let length = (2 * length).min(sizes.longest);
            let made = self.files.aside(Box::new(move || fill(&files, NEXT, length, sizes).map(drop)));
            self.making = Some((length, made));
        }
    }

    /// A segment under this name: the spare one, the one that was made in time, or a new one; and how long it is, at least `needed`.
    fn fetch(&mut self, name: &str, needed: u64, usual: u64) -> io::Result<(F::File, u64)> {
        if let Some(length) = self.spare.take_if(|length| *length >= needed) {
            self.files.rename(SPARE, name)?;
            return Ok((self.files.open(name)?, length));
        }
        // If it failed, to make one here fails as well, or does not.
        if let Some((length, made)) = self.making.take_if(|(length, _)| *length >= needed)
            && made().is_ok()
        {
            self.files.rename(NEXT, name)?;
            return Ok((self.files.open(name)?, length));
        }
        Ok((new_segment(&self.files, name, usual, self.sizes)?, usual))
    }

    /// Writes a block at the end of the last segment, for which there is room.
    fn put(&mut self, kind: Kind, draft: Draft) -> Result<(), StoreError> {
        let last = self.manifest.last();
        let Tail { number, check, life } = self.tail;
        let head = Head {
            kind,
            witness: false,
            life,
            brand: self.manifest.brand,
            number: number + 1,
            before: check,
        };
        let (pages, sealed) = draft.seal(&head);
        self.write_twice(&self.file, Layout::of(last.length), self.end, &pages)
            .map_err(StoreError::io(&self.dir.join(last.name())))?;
        self.tail = Tail { number: number + 1, check: sealed, life };
        self.end += pages.len() as u64;
        Ok(())
    }

    /// A block and its copy with one sync, or, if it is long, a block and then its witness.
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

    /// Writes the manifest, with how far the log has come.
    pub(super) fn note(&mut self) -> Result<(), StoreError> {
        self.manifest.blocks = self.tail.number;
        self.manifest.write(&self.files, &self.dir)
    }

    /// What `former` referred to; but its longest segment of a usual length may be used again.
    fn remove(&mut self, former: &Manifest) -> io::Result<()> {
        for part in &former.segments {
            if part.length <= self.sizes.longest && self.spare.is_none_or(|spare| spare < part.length) {
                self.files.rename(&part.name(), SPARE)?;
                self.spare = Some(part.length);
            } else {
                self.files.remove(&part.name())?;
            }
        }
        former.snapshot_name().map_or(Ok(()), |name| self.files.remove(&name))?;
        self.files.sync_names()
    }
}

impl<F: Files> Drop for Store<F> {
    fn drop(&mut self) {
        // Whoever puts an older log back afterwards is found out by this.
        if !self.failed
            && self.manifest.blocks < self.tail.number
            && let Err(error) = self.note()
        {
            tracing::warn!(%error, "closed without a note of how far the log has come");
        }
        // It uses the directory, which is free afterwards. Without a name, what was made is removed the next time.
        if let Some((_, made)) = self.making.take()
            && made().is_ok()
            && !self.failed
            && self.spare.is_none()
            && let Err(error) = self.files.rename(NEXT, SPARE)
        {
            tracing::warn!(%error, "closed without the segment that was made in advance");
        }
    }
}

fn write_snapshot(files: &impl Files, name: &str, snapshot: &Snapshot) -> io::Result<()> {
    let file = files.create(name)?;
    for (at, piece) in (0..).step_by(PIECE).zip(snapshot.bytes().chunks(PIECE)) {
        files.write(&file, at, piece)?;
    }
    files.sync(&file)
}

/// A segment of zeros. It gets its name when all of it is durable, so that a file of the log is never shorter than it was. One for
/// long blocks is left to the file system to fill: what such a block costs is not the sync.
pub(super) fn new_segment<F: Files>(files: &F, name: &str, length: u64, sizes: Sizes) -> io::Result<F::File> {
    let new = format!("{name}{UNFINISHED}");
    let file = fill(files, &new, length, sizes)?;
    files.rename(&new, name)?;
    Ok(file)
}

/// The file of a segment, durable but for its name. It is synced piece by piece, so that other writes need not wait for all of it.
fn fill<F: Files>(files: &F, name: &str, length: u64, sizes: Sizes) -> io::Result<F::File> {
    let file = files.create(name)?;
    let piece = if length <= sizes.longest { PIECE } else { PAGE };
    let zeros = vec![0; piece.min(length as usize)];
    let from = if length <= sizes.longest { 0 } else { length - PAGE as u64 };
    for at in (from..length).step_by(piece) {
        files.write(&file, at, &zeros[..(length - at).min(piece as u64) as usize])?;
        files.sync(&file)?;
    }
    Ok(file)
}
