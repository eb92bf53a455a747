//! Opens a store and recovers its content, or begins a new one. All of this blocks.

use super::block::{Block, Draft, Kind};
use super::error::StoreError;
use super::files::{Files, UNFINISHED};
use super::manifest::{self, Manifest, Part, snapshot_name};
use super::pieces::new_segment;
use super::segment::{self, Layout};
use super::store::{Closing, SPARE, Sizes, Store};
use super::survey::{self, Piece, Survey, open_file};
use crate::identity::Identity;
use crate::uptime::Uptime;
use paxos_core::{Former, Incarnation, Snapshot, StoreMark};
use std::io;
use std::path::Path;
use std::sync::Arc;

impl<F: Files> Store<F> {
    /// Opens the store in `dir`, or begins a new one if there is none and `create` allows it. The content is read once:
    /// the snapshot is returned, and `records` gets the content of each block with records, and says why if it cannot
    /// read one.
    pub(super) fn open(
        files: F,
        dir: &Path,
        identity: &Identity,
        create: bool,
        sizes: Sizes,
        records: &mut dyn FnMut(&[u8]) -> Result<(), &'static str>,
    ) -> Result<(Self, Option<Snapshot>), StoreError> {
        let opened = Uptime::new();
        let mut manifest = match Manifest::read(&files, dir)? {
            Some(manifest) => manifest,
            None => begin(&files, dir, identity, create, sizes)?,
        };
        manifest.check(identity, dir)?;
        // It is durable when the next incarnation begins, before the process grants a lease.
        manifest.lease = manifest.lease.max(identity.lease);
        let snapshot = survey::snapshot(&files, dir, &manifest)?;
        let found = survey::log(&files, dir, &manifest, &mut |block| block.read_into(records))?;
        survey::later(&files, dir, &manifest, &found.tail)?;
        let last = manifest.last();
        let path = dir.join(last.name());
        let file = open_file(&files, &path, &last.name())?;
        let mut store = Self {
            dir: dir.to_owned(),
            files,
            sizes,
            manifest,
            opened,
            lease: identity.lease,
            file,
            end: found.end,
            tail: found.tail,
            spare: None,
            making: None,
            staged: Arc::default(),
            closing: Closing::default(),
            removing: None,
            failed: true,
        };
        store.settle(found)?;
        store.sweep()?;
        store.failed = false;
        Ok((store, snapshot))
    }

    /// Rewrites damaged blocks that can be repaired, the newest block, and the one before it. The process may have ended
    /// before the newest was synced, or a sync of the repair may have failed at the last start: then a read may return what
    /// the disk does not have. The next block overwrites the copy of the one before the newest.
    fn settle(&mut self, found: Survey) -> Result<(), StoreError> {
        let Survey { newest, before, witnessed, mended, .. } = found;
        for Piece { part, at, bytes } in mended {
            let path = self.dir.join(part.name());
            tracing::warn!(
                file = %path.display(), at, bytes = bytes.len(),
                "a damaged block is rewritten from its copy; check this disk"
            );
            let file = open_file(&self.files, &path, &part.name())?;
            self.mend(&file, Layout::of(part.length), at, &bytes).map_err(StoreError::io(&path))?;
        }
        if let Some(Piece { part, at, bytes }) = before
            && bytes.len() as u64 <= Layout::of(part.length).slot
        {
            let path = self.dir.join(part.name());
            let file = open_file(&self.files, &path, &part.name())?;
            self.mend(&file, Layout::of(part.length), at, &bytes).map_err(StoreError::io(&path))?;
        }
        // A long block exists only once. It is not overwritten if a witness shows that it is durable.
        if let Some(Piece { part, at, bytes }) = newest.filter(|_| !witnessed) {
            let path = self.dir.join(part.name());
            let layout = Layout::of(part.length);
            let file = open_file(&self.files, &path, &part.name())?;
            let settled = if bytes.len() as u64 <= layout.slot {
                self.mend(&file, layout, at, &bytes)
            } else {
                self.write_twice(&file, layout, at, &bytes)
            };
            settled.map_err(StoreError::io(&path))?;
        }
        Ok(())
    }

    /// Writes the copy first, so that one of the two is whole at any time.
    fn mend(&self, file: &F::File, layout: Layout, at: u64, pages: &[u8]) -> io::Result<()> {
        if let Some(block) = Block::read(pages).filter(|_| pages.len() as u64 <= layout.slot) {
            self.files.write(file, layout.copy(block.head.number), pages)?;
            self.files.sync(file)?;
        }
        self.files.write(file, at, pages)?;
        self.files.sync(file)
    }

    /// Removes what an interrupted process has left behind, after all of it has been examined.
    fn sweep(&mut self) -> Result<(), StoreError> {
        // The manifest and the names that it refers to must be durable before anything is removed.
        self.files.sync_names().map_err(StoreError::io(&self.dir))?;
        let names = self.files.names().map_err(StoreError::io(&self.dir))?;
        let mut kept: Vec<String> = self.manifest.segments.iter().map(|part| part.name()).collect();
        kept.extend(self.manifest.snapshot_name());
        let read = |name| self.files.open(name).and_then(|file| self.files.read(&file));
        let mut left = Vec::new();
        for name in names.iter().filter(|name| !kept.contains(name)) {
            let number = |prefix| name.strip_prefix(prefix).and_then(|number| number.parse().ok());
            if name == SPARE {
                // An interrupted installation may have left a block in it, which must not get into the log.
                let fit = read(name).ok().filter(|bytes| {
                    bytes.len() as u64 >= self.sizes.first
                        && segment::is_older(bytes, self.manifest.brand, &self.tail)
                });
                self.spare = fit.map(|bytes| bytes.len() as u64);
                left.extend(self.spare.is_none().then_some(name));
            } else if name.ends_with(UNFINISHED)
                || Part::first_in(name).is_some()
                || number("snapshot-").is_some_and(|number| snapshot_name(number) == *name)
            {
                left.push(name);
            }
        }
        for name in left {
            self.files.remove(name).map_err(StoreError::io(&self.dir.join(name)))?;
        }
        Ok(())
    }

    /// Begins a new incarnation. Returns its number, from 0, the incarnation, and the starts before it.
    pub(super) fn begin_incarnation(&mut self) -> Result<(u32, Incarnation, Former), StoreError> {
        let incarnation = self.tail.incarnation;
        self.tail.incarnation = incarnation
            .checked_add(1)
            .ok_or_else(|| StoreError::damaged(&self.dir, "it was loaded more often than can be counted"))?;
        let mut nonce = [0; 4];
        draw(&mut nonce, &self.dir)?;
        let mark = StoreMark { id: self.manifest.id, writes: self.tail.number + 1 };
        let store = Incarnation::begin(mark, u32::from_le_bytes(nonce));
        let former = Former::new(&self.manifest.starts);
        // A start that is listed and never begins does no harm. One that counts and is not listed would make an older copy
        // look newer.
        Former::add(&mut self.manifest.starts, store.start());
        self.note()?;
        self.append(Kind::Begun, Draft::empty())?;
        self.note()?;
        Ok((incarnation, store, former))
    }
}

/// Begins a store without records. If this is interrupted, the next start begins anew.
fn begin(
    files: &impl Files,
    dir: &Path,
    identity: &Identity,
    create: bool,
    sizes: Sizes,
) -> Result<Manifest, StoreError> {
    let part = Part { first: 1, length: sizes.first };
    let path = dir.join(manifest::NAME);
    survey::remains(files, dir)?;
    if !create {
        return Err(StoreError::Empty { path: dir.to_owned() });
    }
    let (mut id, mut brand) = ([0; 16], [0; 8]);
    draw(&mut id, &path).and_then(|()| draw(&mut brand, &path))?;
    new_segment(files, &part.name(), part.length, sizes, &Closing::default())
        .and_then(|_| files.sync_names())
        .map_err(StoreError::io(&dir.join(part.name())))?;
    let manifest = Manifest::new(identity, u128::from_le_bytes(id), u64::from_le_bytes(brand), part);
    manifest.write(files, dir)?;
    Ok(manifest)
}

/// Fills `bytes` with random numbers for the store at `path`.
fn draw(bytes: &mut [u8], path: &Path) -> Result<(), StoreError> {
    getrandom::fill(bytes).map_err(|error| StoreError::Io {
        path: path.to_owned(),
        source: io::Error::other(format!("the system gives no random numbers: {error}")),
    })
}
