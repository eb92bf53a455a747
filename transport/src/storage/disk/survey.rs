//! Reads the log, its snapshot, and their manifest, without changing them. All of this blocks.

use super::block::{Block, PAGE};
use super::error::StoreError;
use super::files::{Files, UNFINISHED};
use super::manifest::{self, FORMER, Manifest, Part};
use super::segment::{self, Tail};
use paxos_core::Snapshot;
use std::io;
use std::path::Path;

/// The result of a survey.
pub(super) struct Survey {
    /// The end of the log.
    pub(super) tail: Tail,
    /// The position of the next block in the last segment.
    pub(super) end: u64,
    /// The newest block, if there is one.
    pub(super) newest: Option<Piece>,
    /// The block before it, if that is in the same segment.
    pub(super) before: Option<Piece>,
    /// Whether the newest block is a long one with a witness that it was durable.
    pub(super) witnessed: bool,
    /// The repaired content of what is damaged.
    pub(super) mended: Vec<Piece>,
}

/// A range of bytes of a segment.
pub(super) struct Piece {
    pub(super) part: Part,
    pub(super) at: u64,
    pub(super) bytes: Vec<u8>,
}

/// Visits all blocks, oldest first.
pub(super) fn log(
    files: &impl Files,
    dir: &Path,
    manifest: &Manifest,
    visit: &mut dyn FnMut(&Block<'_>) -> Result<(), String>,
) -> Result<Survey, StoreError> {
    let tail = Tail { number: manifest.segments[0].first - 1, check: manifest.base, incarnation: 0 };
    let mut found = Survey { tail, end: 0, newest: None, before: None, witnessed: false, mended: Vec::new() };
    for part in manifest.segments.iter().copied() {
        let path = dir.join(part.name());
        let damaged = |what| StoreError::damaged(&path, what);
        let file = open_file(files, &path, &part.name())?;
        let read = files.read(&file).or_else(|error| salvage(files, file, part.length, &path, error));
        let mut bytes = read.map_err(StoreError::io(&path))?;
        if bytes.len() as u64 != part.length {
            return Err(damaged(format!("it has {} bytes instead of {}", bytes.len(), part.length)));
        }
        if found.tail.number + 1 != part.first {
            return Err(damaged(format!("block {} is damaged or missing", found.tail.number + 1)));
        }
        let walked = segment::walk(&mut bytes, manifest.brand, &mut found.tail, visit).map_err(damaged)?;
        let piece = |range: core::ops::Range<usize>| Piece {
            part,
            at: range.start as u64,
            bytes: bytes[range].to_vec(),
        };
        found.mended.extend(walked.mended.into_iter().map(piece));
        if walked.last.is_some() {
            found.witnessed = walked.witnessed;
            found.before = walked.before.map(piece);
        }
        found.newest = walked.last.map(piece).or(found.newest);
        found.end = walked.end as u64;
    }
    if found.tail.number < manifest.blocks {
        let path = dir.join(manifest.last().name());
        return Err(StoreError::RolledBack { path, found: found.tail.number, promised: manifest.blocks });
    }
    Ok(found)
}

/// Reads what can be read of a file that has a bad sector. A page that cannot be read is taken for zeros: if it is one of a
/// block that has a copy, it is repaired like any other damage. `error` is returned if nothing can be read.
fn salvage<F: Files>(
    files: &F,
    file: F::File,
    length: u64,
    path: &Path,
    error: io::Error,
) -> io::Result<Vec<u8>> {
    let (contents, mut bytes, mut lost) = (files.contents(file), Vec::new(), 0);
    while (bytes.len() as u64) < length {
        let mut page = [0; PAGE];
        match contents.read_at(bytes.len() as u64, &mut page) {
            Ok(0) => break,
            Ok(n) => bytes.extend_from_slice(&page[..n]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => {
                // The next read begins at a page again.
                bytes.resize((bytes.len() / PAGE + 1) * PAGE, 0);
                lost += 1;
            }
        }
    }
    if lost * PAGE >= bytes.len() {
        return Err(error);
    }
    tracing::warn!(file = %path.display(), %error, pages = lost, "parts of the log cannot be read; check this disk");
    Ok(bytes)
}

/// Refuses a manifest that is older than the log: blocks were appended to a file that it does not name. `tail` is the end
/// of the log that it names.
pub(super) fn later(
    files: &impl Files,
    dir: &Path,
    manifest: &Manifest,
    tail: &Tail,
) -> Result<(), StoreError> {
    for name in files.names().map_err(StoreError::io(dir))? {
        let named = manifest.segments.iter().any(|part| part.name() == name);
        // A segment before the log was replaced by a snapshot.
        let after = |first: &u64| !named && *first > tail.number;
        let Some(first) = Part::first_in(&name).filter(after) else { continue };
        let read = files.open(&name).and_then(|file| files.read(&file));
        let bytes = read.map_err(StoreError::io(&dir.join(&name)))?;
        // Otherwise it was never part of the log.
        if segment::was_used(&bytes, manifest.brand, first) {
            let what = format!("it is an older copy: it does not name {name}");
            return Err(StoreError::damaged(&dir.join(manifest::NAME), what));
        }
    }
    Ok(())
}

/// Refuses a directory without a manifest if anything else of a store is there.
pub(super) fn remains(files: &impl Files, dir: &Path) -> Result<(), StoreError> {
    let names = files.names().map_err(StoreError::io(dir))?;
    if names.iter().any(|name| name == "identity" || name == "store.redb") {
        let (path, found) = (dir.to_owned(), FORMER);
        return Err(StoreError::Format { path, found, wanted: manifest::FORMAT });
    }
    let whole = names.iter().filter(|name| !name.ends_with(UNFINISHED));
    for name in whole.filter(|name| name.starts_with("log-") || name.starts_with("snapshot-")) {
        // A blank segment may be left from an interrupted beginning.
        let read = files.open(name).and_then(|file| files.read(&file));
        let blank = read.map_err(StoreError::io(&dir.join(name)))?.iter().all(|byte| *byte == 0);
        if !(blank && Part::first_in(name) == Some(1)) {
            return Err(StoreError::Missing { path: dir.join(manifest::NAME) });
        }
    }
    Ok(())
}

/// Returns the snapshot, if there is one; an error if it differs from the installed one.
pub(super) fn snapshot(
    files: &impl Files,
    dir: &Path,
    manifest: &Manifest,
) -> Result<Option<Snapshot>, StoreError> {
    let (Some(id), Some(name)) = (manifest.snapshot, manifest.snapshot_name()) else {
        return Ok(None);
    };
    let path = dir.join(&name);
    let file = open_file(files, &path, &name)?;
    let found = Snapshot::open(files.contents(file))
        .map_err(|error| StoreError::damaged(&path, error.to_string()))?;
    if found.id() == id {
        Ok(Some(found))
    } else {
        Err(StoreError::damaged(&path, "its checksum differs from the one that it was written with"))
    }
}

pub(super) fn open_file<F: Files>(files: &F, path: &Path, name: &str) -> Result<F::File, StoreError> {
    files.open(name).map_err(|error| {
        let path = path.to_owned();
        if error.kind() == io::ErrorKind::NotFound {
            StoreError::Missing { path }
        } else {
            StoreError::Io { path, source: error }
        }
    })
}
