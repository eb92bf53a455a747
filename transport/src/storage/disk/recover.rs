//! The log, its snapshot, and their manifest: what is there when they are opened. All of this blocks.

use super::block::{Draft, Kind};
use super::error::StoreError;
use super::files::{Files, UNFINISHED};
use super::manifest::{self, FORMER, Manifest, Part};
use super::segment::{self, Layout, Tail};
use super::store::{SPARE, Sizes, Store, new_segment};
use crate::identity::Identity;
use paxos_core::{Snapshot, StoreMark};
use std::io;
use std::path::Path;
use std::sync::Arc;

/// What is loaded: the number of this life, the store with its writes, the snapshot, the records.
pub(super) type Loaded<R> = (u32, StoreMark, Option<Snapshot>, Vec<R>);

/// Reads the records of a block, or says why it cannot.
type Decode<R> = fn(&[u8]) -> Result<Vec<R>, &'static str>;

impl<F: Files> Store<F> {
    /// Opens the store in `dir`; a new one, if there is none and `create` allows it.
    pub(super) fn open(
        files: F,
        dir: &Path,
        identity: &Identity,
        create: bool,
        sizes: Sizes,
    ) -> Result<Self, StoreError> {
        let names = files.names().map_err(StoreError::io(dir))?;
        let manifest = match Manifest::read(&files, dir)? {
            Some(manifest) => manifest,
            None => begin(&files, dir, &names, identity, create, sizes)?,
        };
        manifest.check(identity, dir)?;
        let tail = Tail { number: manifest.segments[0].first - 1, check: manifest.base, life: 0 };
        let last = manifest.last();
        let path = dir.join(last.name());
        let file = open_file(&files, &path, &last.name())?;
        let mut store = Self {
            dir: dir.to_owned(),
            files,
            sizes,
            manifest,
            file,
            end: 0,
            tail,
            spare: None,
            staged: Arc::default(),
            failed: true,
        };
        store.recover()?;
        store.sweep()?;
        store.failed = false;
        Ok(store)
    }

    /// Finds the end of the log, and writes again what is damaged and can be.
    fn recover(&mut self) -> Result<(), StoreError> {
        self.snapshot()?;
        let mut tail = self.tail;
        let mut newest = None;
        for part in self.manifest.segments.clone() {
            let path = self.dir.join(part.name());
            let (file, mut bytes) = self.segment(part, tail)?;
            let walked = segment::walk(&mut bytes, self.store(), &mut tail, &mut |_| Ok(()))
                .map_err(|what| StoreError::damaged(&path, what))?;
            for mended in walked.mended {
                tracing::warn!(
                    file = %path.display(), at = mended.start, bytes = mended.len(),
                    "a damaged block is written again from its copy; look after this disk"
                );
                self.files
                    .write(&file, mended.start as u64, &bytes[mended])
                    .map_err(StoreError::io(&path))?;
            }
            self.end = walked.end as u64;
            if let Some(last) = walked.last {
                newest = Some((part, file, last.start as u64, bytes[last].to_vec()));
            }
        }
        let last = self.manifest.last();
        if tail.number < self.manifest.blocks {
            let path = self.dir.join(last.name());
            return Err(StoreError::RolledBack { path, found: tail.number, promised: self.manifest.blocks });
        }
        self.tail = tail;
        // The process may have ended before the newest block was synced, and whoever reads it now may see what the disk does not have.
        if let Some((part, file, at, pages)) = newest {
            self.write_twice(&file, Layout::of(part.length), at, &pages)
                .map_err(StoreError::io(&self.dir.join(part.name())))?;
        }
        Ok(())
    }

    /// A segment, with all that is in it, before which the log has come to `tail`.
    fn segment(&self, part: Part, tail: Tail) -> Result<(F::File, Vec<u8>), StoreError> {
        let path = self.dir.join(part.name());
        let file = open_file(&self.files, &path, &part.name())?;
        let bytes = self.files.read(&file).map_err(StoreError::io(&path))?;
        if bytes.len() as u64 != part.length {
            let what = format!("it has {} bytes, and had {}", bytes.len(), part.length);
            return Err(StoreError::damaged(&path, what));
        }
        if tail.number + 1 != part.first {
            let what = format!("block {} is damaged or missing", tail.number + 1);
            return Err(StoreError::damaged(&path, what));
        }
        Ok((file, bytes))
    }

    /// The snapshot, if there is one, as it was when it was installed.
    fn snapshot(&self) -> Result<Option<Snapshot>, StoreError> {
        let (Some(id), Some(name)) = (self.manifest.snapshot, self.manifest.snapshot_name()) else {
            return Ok(None);
        };
        let path = self.dir.join(&name);
        let file = open_file(&self.files, &path, &name)?;
        let bytes = self.files.read(&file).map_err(StoreError::io(&path))?;
        let found = Snapshot::decode(bytes).map_err(|error| StoreError::damaged(&path, error.to_string()))?;
        if found.id() == id {
            Ok(Some(found))
        } else {
            Err(StoreError::damaged(&path, "it has another checksum than when it was written"))
        }
    }

    /// Removes what a process that ended in the middle of something has left behind.
    fn sweep(&mut self) -> Result<(), StoreError> {
        let names = self.files.names().map_err(StoreError::io(&self.dir))?;
        let mut kept: Vec<String> = self.manifest.segments.iter().map(|part| part.name()).collect();
        kept.extend(self.manifest.snapshot_name());
        for name in names.iter().filter(|name| !kept.contains(name)) {
            let path = self.dir.join(name);
            if name == SPARE {
                let file = open_file(&self.files, &path, name)?;
                self.spare = Some(self.files.read(&file).map_err(StoreError::io(&path))?.len() as u64);
                continue;
            }
            // What comes before the log was replaced by a snapshot; what comes after it was never part of it, or this manifest is older.
            let first = name.strip_prefix("log-").and_then(|number| number.parse().ok());
            if let Some(first) = first.filter(|first| *first > self.tail.number) {
                let file = open_file(&self.files, &path, name)?;
                let bytes = self.files.read(&file).map_err(StoreError::io(&path))?;
                if segment::was_used(&bytes, self.store(), first) {
                    let what = format!("it is older than it was, for it does not know of {name}");
                    return Err(StoreError::damaged(&self.dir.join(manifest::NAME), what));
                }
            }
            let ours = ["log-", "snapshot-"].iter().any(|prefix| name.starts_with(prefix));
            if ours || name.ends_with(UNFINISHED) {
                self.files.remove(name).map_err(StoreError::io(&path))?;
            }
        }
        Ok(())
    }

    /// Begins a new life, with all that was stored.
    pub(super) fn load<R>(&mut self, decode: Decode<R>) -> Result<Loaded<R>, StoreError> {
        let snapshot = self.snapshot()?;
        let mut records = Vec::new();
        let mut tail =
            Tail { number: self.manifest.segments[0].first - 1, check: self.manifest.base, life: 0 };
        for part in self.manifest.segments.clone() {
            let (_, mut bytes) = self.segment(part, tail)?;
            segment::walk(&mut bytes, self.store(), &mut tail, &mut |block| {
                if block.head.kind == Kind::Begun {
                    return Ok(());
                }
                let some = decode(block.content).map_err(|why| {
                    format!("the records of block {} cannot be read: {why}", block.head.number)
                })?;
                records.extend(some);
                Ok(())
            })
            .map_err(|what| StoreError::damaged(&self.dir.join(part.name()), what))?;
        }
        let life = self.tail.life;
        let path = self.dir.join(manifest::NAME);
        if tail != self.tail {
            return Err(StoreError::damaged(&path, "the log is not what it was when it was opened"));
        }
        self.tail.life = life
            .checked_add(1)
            .ok_or_else(|| StoreError::damaged(&path, "it was loaded more often than can be counted"))?;
        self.append(Kind::Begun, Draft::empty())?;
        self.note()?;
        let mark = StoreMark { id: self.manifest.id, writes: self.tail.number };
        Ok((life, mark, snapshot, records))
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
    let mut id = [0; 16];
    getrandom::fill(&mut id).map_err(|error| StoreError::Io {
        path: path.clone(),
        source: io::Error::other(format!("the system gives no random numbers: {error}")),
    })?;
    new_segment(files, &part.name(), part.length)
        .and_then(|_| files.sync_names())
        .map_err(StoreError::io(&dir.join(part.name())))?;
    let manifest = Manifest::new(identity, u128::from_le_bytes(id), part);
    manifest.write(files, dir)?;
    Ok(manifest)
}

fn open_file<F: Files>(files: &F, path: &Path, name: &str) -> Result<F::File, StoreError> {
    files.open(name).map_err(|error| {
        let path = path.to_owned();
        if error.kind() == io::ErrorKind::NotFound {
            StoreError::Missing { path }
        } else {
            StoreError::Io { path, source: error }
        }
    })
}
