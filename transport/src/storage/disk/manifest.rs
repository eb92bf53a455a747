//! The owner of a directory, and the files that make up the store: text with a checksum, always rewritten as a whole.

use super::error::StoreError;
use super::files::{Files, UNFINISHED};
use crate::identity::Identity;
use paxos_core::{Digest, NodeId, SnapshotId, Start};
use serde::{Deserialize, Serialize};
use std::io;
use std::path::Path;
use std::time::Duration;

/// The name of the manifest's file.
pub(super) const NAME: &str = "manifest";

/// The format of the whole directory.
pub(super) const FORMAT: u64 = 8;

/// The previous format, which used other files.
pub(super) const FORMER: u64 = 3;

/// The content of the manifest.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Manifest {
    format: u64,
    pub(super) cluster: String,
    pub(super) node: NodeId,
    pub(super) variant: String,
    /// What the cluster began with ([`Identity::genesis`]).
    pub(super) genesis: String,
    /// The longest leases that the process may have granted and that may not have ended ([`Identity::lease`]).
    pub(super) lease: Option<Duration>,
    /// The unique id of the store ([`paxos_core::StoreMark::id`]).
    pub(super) id: u128,
    /// The starts of the process with this store ([`paxos_core::Former`]).
    pub(super) starts: Vec<Start>,
    /// A secret in every block, known only to those who can read this directory, so that no client's value passes for a
    /// block.
    pub(super) brand: u64,
    /// The number of blocks that were durable when this was written. There may be more.
    pub(super) blocks: u64,
    /// The check of the block before the first kept one.
    pub(super) base: Digest,
    /// The snapshot that replaced the blocks before the first kept one.
    pub(super) snapshot: Option<SnapshotId>,
    /// The files of the log, in order.
    pub(super) segments: Vec<Part>,
}

/// The part of the manifest that all formats share.
#[derive(Deserialize)]
struct Format {
    format: u64,
}

/// A file of the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Part {
    /// The number of the first block in it.
    pub(super) first: u64,
    /// The length of the file, in bytes.
    pub(super) length: u64,
}

impl Part {
    pub(super) fn name(self) -> String {
        format!("log-{:016}", self.first)
    }

    /// The number of the first block in the file of this name, if a file of the log can have it.
    pub(super) fn first_in(name: &str) -> Option<u64> {
        let first = name.strip_prefix("log-")?.parse().ok()?;
        (Self { first, length: 0 }.name() == name).then_some(first)
    }
}

impl Manifest {
    /// Creates the manifest of a store with one empty segment.
    pub(super) fn new(identity: &Identity, id: u128, brand: u64, segment: Part) -> Self {
        let Identity { cluster, node, variant, genesis, lease, .. } = identity.clone();
        let (base, segments) = (Digest::default(), vec![segment]);
        let (format, blocks, snapshot, starts) = (FORMAT, 0, None, Vec::new());
        Self {
            format,
            cluster,
            node,
            variant,
            genesis,
            lease,
            id,
            starts,
            brand,
            blocks,
            base,
            snapshot,
            segments,
        }
    }

    /// Reads the manifest; `None` if there is no such file.
    pub(super) fn read(files: &impl Files, dir: &Path) -> Result<Option<Self>, StoreError> {
        let path = &dir.join(NAME);
        let bytes = match files.open(NAME).and_then(|file| files.read(&file)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StoreError::io(path)(error)),
        };
        let text = String::from_utf8(bytes).ok();
        let lines = text.as_deref().and_then(|text| text.split_once('\n'));
        let said = lines.filter(|(said, check)| *check == format!("{:?}\n", Digest::of(said.as_bytes())));
        let said = said.map(|(said, _)| said);
        let damaged = || StoreError::damaged(path, "its text does not match its checksum");
        let Format { format } = said.and_then(|said| serde_json::from_str(said).ok()).ok_or_else(damaged)?;
        if format != FORMAT {
            return Err(StoreError::Format { path: path.to_owned(), found: format, wanted: FORMAT });
        }
        let manifest: Self = said.and_then(|said| serde_json::from_str(said).ok()).ok_or_else(damaged)?;
        if manifest.segments.is_empty() { Err(damaged()) } else { Ok(Some(manifest)) }
    }

    /// Writes the manifest: atomically replaces the former one. It is durable when this returns.
    pub(super) fn write(&self, files: &impl Files, dir: &Path) -> Result<(), StoreError> {
        let new = format!("{NAME}{UNFINISHED}");
        let written = || -> io::Result<()> {
            let said = serde_json::to_string(self)?;
            let file = files.create(&new)?;
            files.write(&file, 0, format!("{said}\n{:?}\n", Digest::of(said.as_bytes())).as_bytes())?;
            files.sync(&file)?;
            files.rename(&new, NAME)?;
            files.sync_names()
        };
        written().map_err(StoreError::io(&dir.join(NAME)))
    }

    /// Checks that the directory belongs to this process.
    pub(super) fn check(&self, identity: &Identity, dir: &Path) -> Result<(), StoreError> {
        let Identity { cluster, node, variant, genesis, .. } = identity;
        if (&self.cluster, &self.node, &self.variant) == (cluster, node, variant) {
            if self.genesis == *genesis {
                return Ok(());
            }
            let (path, found, wanted) = (dir.join(NAME), self.genesis.clone(), genesis.clone());
            return Err(StoreError::Genesis { path, found, wanted });
        }
        let owner = |cluster, node, variant| format!("{node} of cluster {cluster:?}, running {variant:?}");
        let (found, wanted) =
            (owner(&self.cluster, &self.node, &self.variant), owner(cluster, node, variant));
        Err(StoreError::Foreign { path: dir.join(NAME), found, wanted })
    }

    /// The segment to which blocks are added.
    pub(super) fn last(&self) -> Part {
        self.segments[self.segments.len() - 1]
    }

    /// The file of the snapshot.
    pub(super) fn snapshot_name(&self) -> Option<String> {
        self.snapshot.map(|_| snapshot_name(self.segments[0].first))
    }
}

/// Returns the file name of a snapshot that was installed with the block of this number.
pub(super) fn snapshot_name(number: u64) -> String {
    format!("snapshot-{number:016}")
}
