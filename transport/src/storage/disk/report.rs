//! What is in a directory, for whoever operates it.

use super::error::StoreError;
use super::files::Directory;
use super::manifest::Manifest;
use super::survey;
use core::ops::RangeInclusive;
use paxos_core::{NodeId, SnapshotId, StoreMark};
use std::path::{Path, PathBuf};

/// What a store on disk says of itself, and whether it can be believed. Reading it changes nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct StoreReport {
    /// The cluster to which it belongs.
    pub cluster: String,
    /// The process whose it is.
    pub node: NodeId,
    /// The variant that wrote it.
    pub variant: String,
    /// Which store it is, and how many writes it has made durable.
    pub store: StoreMark,
    /// How often it was loaded.
    pub lives: u32,
    /// The snapshot in it, if there is one.
    pub snapshot: Option<SnapshotId>,
    /// The numbers of the blocks behind the snapshot.
    pub blocks: RangeInclusive<u64>,
    /// How many bytes of records are in them.
    pub record_bytes: u64,
    /// The files of the log, each with its length in bytes.
    pub segments: Vec<(PathBuf, u64)>,
    /// How many of the blocks are damaged, and will be written again from their copies when it is opened.
    pub damaged: usize,
}

impl StoreReport {
    /// Reads all of a store that no process uses.
    ///
    /// # Errors
    /// What opening the store would say: [`StoreError`], which names the file and says what to do.
    pub fn read(dir: impl AsRef<Path>) -> Result<Self, StoreError> {
        let dir = dir.as_ref();
        let files = Directory::lock(dir, false)?;
        let Some(manifest) = Manifest::read(&files, dir)? else {
            return Err(StoreError::Empty { path: dir.to_owned() });
        };
        survey::snapshot(&files, dir, &manifest)?;
        let mut record_bytes = 0;
        let found = survey::log(&files, dir, &manifest, &mut |block| {
            record_bytes += block.content.len() as u64;
            Ok(())
        })?;
        Ok(Self {
            cluster: manifest.cluster.clone(),
            node: manifest.node,
            variant: manifest.variant.clone(),
            store: StoreMark { id: manifest.id, writes: found.tail.number },
            lives: found.tail.life,
            snapshot: manifest.snapshot,
            blocks: manifest.segments[0].first..=found.tail.number,
            record_bytes,
            segments: manifest.segments.iter().map(|part| (dir.join(part.name()), part.length)).collect(),
            damaged: found.mended.len(),
        })
    }
}
