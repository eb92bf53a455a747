//! A report on a store directory, for operators.

use super::block;
use super::error::StoreError;
use super::files::{Directory, Files};
use super::manifest::Manifest;
use super::survey;
use crate::identity::Portable;
use crate::storage::Saved;
use core::ops::RangeInclusive;
use core::time::Duration;
use paxos_core::{Former, Incarnation, NodeId, Snapshot, SnapshotId, Start, StoreMark};
use std::path::{Path, PathBuf};

/// The content of a store on disk, and whether it is intact. Reading it changes nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct StoreReport {
    /// The cluster to which it belongs.
    pub cluster: String,
    /// The process to which it belongs.
    pub node: NodeId,
    /// The variant that wrote it.
    pub variant: String,
    /// What the cluster began with ([`crate::genesis`]).
    pub genesis: String,
    /// The longest leases that the process may have granted.
    pub lease: Option<Duration>,
    /// The identity of the store, and the number of writes that it has made durable.
    pub store: StoreMark,
    /// The number of times the store was loaded.
    pub incarnations: u32,
    /// The starts of its process that it remembers, oldest first.
    pub starts: Vec<Start>,
    /// The snapshot in it, if there is one.
    pub snapshot: Option<SnapshotId>,
    /// The numbers of the blocks after the snapshot.
    pub blocks: RangeInclusive<u64>,
    /// The number of bytes of records in them.
    pub record_bytes: u64,
    /// The files of the log, each with its length in bytes.
    pub segments: Vec<(PathBuf, u64)>,
    /// The number of damaged blocks, which are rewritten from their copies when the store is opened.
    pub damaged: usize,
}

impl StoreReport {
    /// Reads the whole store, which no process may use.
    ///
    /// # Errors
    /// The error that opening the store would return: [`StoreError`], which names the file and says what to do.
    pub fn read(dir: impl AsRef<Path>) -> Result<Self, StoreError> {
        let (report, _) = Self::survey(dir.as_ref(), &mut |_| Ok(()))?;
        Ok(report)
    }

    /// As [`StoreReport::read`], with what the store would give to a process of `P`.
    ///
    /// # Errors
    /// [`StoreError`], also if another variant wrote the records.
    pub fn read_all<P: Portable>(dir: impl AsRef<Path>) -> Result<(Self, Saved<P>), StoreError> {
        let mut records = Vec::new();
        let (report, snapshot) = Self::survey(dir.as_ref(), &mut |content| {
            block::decode(content).map(|some| records.extend::<Vec<P::Record>>(some))
        })?;
        let (session, lease, mark) = (report.incarnations, report.lease, report.store);
        let (former, store) = match report.starts.split_last() {
            Some((&Start { opened, nonce }, former)) => (former, Some(Incarnation { mark, opened, nonce })),
            None => (&[][..], None),
        };
        let saved = Saved { session, store, former: Former::new(former), lease, snapshot, records };
        Ok((report, saved))
    }

    /// Goes through the store; the content of each block that has some goes to `records`.
    fn survey(
        dir: &Path,
        records: &mut dyn FnMut(&[u8]) -> Result<(), &'static str>,
    ) -> Result<(Self, Option<Snapshot>), StoreError> {
        Self::of(&Directory::lock(dir, false)?, dir, records)
    }

    /// As [`StoreReport::survey`], for the files of a directory that is locked. It refuses what [`super::Store::open`]
    /// refuses.
    pub(super) fn of(
        files: &impl Files,
        dir: &Path,
        records: &mut dyn FnMut(&[u8]) -> Result<(), &'static str>,
    ) -> Result<(Self, Option<Snapshot>), StoreError> {
        let Some(manifest) = Manifest::read(files, dir)? else {
            survey::remains(files, dir)?;
            return Err(StoreError::Empty { path: dir.to_owned() });
        };
        let snapshot = survey::snapshot(files, dir, &manifest)?;
        let mut record_bytes = 0;
        let found = survey::log(files, dir, &manifest, &mut |block| {
            record_bytes += block.content.len() as u64;
            block.read_into(records)
        })?;
        survey::later(files, dir, &manifest, &found.tail)?;
        let report = Self {
            cluster: manifest.cluster.clone(),
            node: manifest.node,
            variant: manifest.variant.clone(),
            genesis: manifest.genesis.clone(),
            lease: manifest.lease,
            store: StoreMark { id: manifest.id, writes: found.tail.number },
            incarnations: found.tail.incarnation,
            starts: manifest.starts.clone(),
            snapshot: manifest.snapshot,
            blocks: manifest.segments[0].first..=found.tail.number,
            record_bytes,
            segments: manifest.segments.iter().map(|part| (dir.join(part.name()), part.length)).collect(),
            damaged: found.mended.len(),
        };
        Ok((report, snapshot))
    }
}
