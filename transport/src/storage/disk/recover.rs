//! What becomes of what is found when a store is opened, and where a new one begins. All of this blocks.

use super::block::{Block, Draft, Kind};
use super::error::StoreError;
use super::files::{Files, UNFINISHED};
use super::manifest::{self, FORMER, Manifest, Part, snapshot_name};
use super::segment::{self, Layout};
use super::store::{Closing, SPARE, Sizes, Store, new_segment};
use super::survey::{self, Piece, Survey, open_file};
use crate::identity::Identity;
use paxos_core::{Snapshot, StoreMark};
use std::io;
use std::path::Path;
use std::sync::Arc;

impl<F: Files> Store<F> {
    /// Opens the store in `dir`; a new one, if there is none and `create` allows it. What is in it is read once, and shown on the way: the
    /// snapshot is returned, and the content of each block that has some goes to `records`, which says why if it cannot be read.
    pub(super) fn open(
        files: F,
        dir: &Path,
        identity: &Identity,
        create: bool,
        sizes: Sizes,
        records: &mut dyn FnMut(&[u8]) -> Result<(), &'static str>,
    ) -> Result<(Self, Option<Snapshot>), StoreError> {
        let names = files.names().map_err(StoreError::io(dir))?;
        let manifest = match Manifest::read(&files, dir)? {
            Some(manifest) => manifest,
            None => begin(&files, dir, &names, identity, create, sizes)?,
        };
        manifest.check(identity, dir)?;
        let snapshot = survey::snapshot(&files, dir, &manifest)?;
        let found = survey::log(&files, dir, &manifest, &mut |block| {
            if block.head.kind == Kind::Begun {
                return Ok(());
            }
            records(block.content)
                .map_err(|why| format!("the records of block {} cannot be read: {why}", block.head.number))
        })?;
        let last = manifest.last();
        let path = dir.join(last.name());
        let file = open_file(&files, &path, &last.name())?;
        let mut store = Self {
            dir: dir.to_owned(),
            files,
            sizes,
            manifest,
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

    /// Writes again what is damaged and can be, and the newest block: the process may have ended before it was synced, and
    /// whoever reads it now may see what the disk does not have.
    fn settle(&mut self, found: Survey) -> Result<(), StoreError> {
        let Survey { newest, witnessed, mended, .. } = found;
        for Piece { part, at, bytes } in mended {
            let path = self.dir.join(part.name());
            tracing::warn!(
                file = %path.display(), at, bytes = bytes.len(),
                "a damaged block is written again from its copy; look after this disk"
            );
            let file = open_file(&self.files, &path, &part.name())?;
            self.mend(&file, Layout::of(part.length), at, &bytes).map_err(StoreError::io(&path))?;
        }
        // Of a long block there is one only, which is not written over in vain.
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

    /// The copy first, so that one of the two is whole at any time.
    fn mend(&self, file: &F::File, layout: Layout, at: u64, pages: &[u8]) -> io::Result<()> {
        if let Some(block) = Block::read(pages).filter(|_| pages.len() as u64 <= layout.slot) {
            self.files.write(file, layout.copy(block.head.number), pages)?;
            self.files.sync(file)?;
        }
        self.files.write(file, at, pages)?;
        self.files.sync(file)
    }

    /// Removes what a process that ended in the middle of something has left behind, once all of it has been looked at.
    fn sweep(&mut self) -> Result<(), StoreError> {
        // What the manifest refers to, and that it does, is durable before anything goes.
        self.files.sync_names().map_err(StoreError::io(&self.dir))?;
        let names = self.files.names().map_err(StoreError::io(&self.dir))?;
        let mut kept: Vec<String> = self.manifest.segments.iter().map(|part| part.name()).collect();
        kept.extend(self.manifest.snapshot_name());
        let read = |name| self.files.open(name).and_then(|file| self.files.read(&file));
        let mut left = Vec::new();
        for name in names.iter().filter(|name| !kept.contains(name)) {
            let number = |prefix| name.strip_prefix(prefix).and_then(|number| number.parse().ok());
            if name == SPARE {
                // An installation that did not come to its end may have left a block in it, which must not come into the log.
                let fit = read(name).ok().filter(|bytes| {
                    bytes.len() as u64 >= self.sizes.first
                        && segment::is_older(bytes, self.manifest.brand, &self.tail)
                });
                self.spare = fit.map(|bytes| bytes.len() as u64);
                left.extend(self.spare.is_none().then_some(name));
            } else if let Some(first) =
                number("log-").filter(|first| Part { first: *first, length: 0 }.name() == *name)
            {
                // What comes before the log was replaced by a snapshot; what comes after it was never part of it, or this
                // manifest is older.
                let path = self.dir.join(name);
                if first > self.tail.number
                    && segment::was_used(
                        &read(name).map_err(StoreError::io(&path))?,
                        self.manifest.brand,
                        first,
                    )
                {
                    let what = format!("it is older than it was, for it does not know of {name}");
                    return Err(StoreError::damaged(&self.dir.join(manifest::NAME), what));
                }
                left.push(name);
            } else if name.ends_with(UNFINISHED)
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

    /// Begins a new life: its number, from 0, and the store with its writes.
    pub(super) fn begin_life(&mut self) -> Result<(u32, StoreMark), StoreError> {
        let life = self.tail.life;
        self.tail.life = life
            .checked_add(1)
            .ok_or_else(|| StoreError::damaged(&self.dir, "it was loaded more often than can be counted"))?;
        self.append(Kind::Begun, Draft::empty())?;
        self.note()?;
        Ok((life, StoreMark { id: self.manifest.id, writes: self.tail.number }))
    }
}

/// A store in which nothing was promised yet. If it is not finished, it is begun anew the next time.
fn begin(
    files: &impl Files,
    dir: &Path,
    names: &[String],
    identity: &Identity,
    create: bool,
    sizes: Sizes,
) -> Result<Manifest, StoreError> {
    let part = Part { first: 1, length: sizes.first };
    let path = dir.join(manifest::NAME);
    if names.iter().any(|name| name == "identity" || name == "store.redb") {
        let (path, found) = (dir.to_owned(), FORMER);
        return Err(StoreError::Format { path, found, wanted: FORMER + 1 });
    }
    let whole = names.iter().filter(|name| !name.ends_with(UNFINISHED));
    for name in whole.filter(|name| name.starts_with("log-") || name.starts_with("snapshot-")) {
        // One that is blank may be the beginning of a beginning.
        let read = files.open(name).and_then(|file| files.read(&file));
        let blank = read.map_err(StoreError::io(&dir.join(name)))?.iter().all(|byte| *byte == 0);
        if !(blank && *name == part.name()) {
            return Err(StoreError::Missing { path });
        }
    }
    if !create {
        return Err(StoreError::Empty { path: dir.to_owned() });
    }
    let (mut id, mut brand) = ([0; 16], [0; 8]);
    getrandom::fill(&mut id).and_then(|()| getrandom::fill(&mut brand)).map_err(|error| StoreError::Io {
        path: path.clone(),
        source: io::Error::other(format!("the system gives no random numbers: {error}")),
    })?;
    new_segment(files, &part.name(), part.length, sizes)
        .and_then(|_| files.sync_names())
        .map_err(StoreError::io(&dir.join(part.name())))?;
    let manifest = Manifest::new(identity, u128::from_le_bytes(id), u64::from_le_bytes(brand), part);
    manifest.write(files, dir)?;
    Ok(manifest)
}
