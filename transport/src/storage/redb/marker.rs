//! Whose directory it is, and that there must be a database in it.
//!
//! It is there before the database is, so that a database which is missing is not taken for one that never was.

use super::error::StoreError;
use crate::identity::Identity;
use paxos_core::{Digest, NodeId};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

/// The layout of the whole directory.
const FORMAT: u64 = 3;

/// What the file says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Marker {
    format: u64,
    cluster: String,
    node: NodeId,
    variant: String,
    /// Whether the other files are there, in full. Before, nothing was promised.
    pub(super) ready: bool,
}

impl Marker {
    pub(super) fn new(identity: &Identity, ready: bool) -> Self {
        let Identity { cluster, node, variant, .. } = identity.clone();
        Self { format: FORMAT, cluster, node, variant, ready }
    }

    /// Reads it; none if there is no such file.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, StoreError> {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(StoreError::io(path)(error)),
        };
        let text = String::from_utf8(bytes).ok();
        let lines = text.as_deref().and_then(|text| text.split_once('\n'));
        let marker = lines.and_then(|(said, check)| {
            let whole = check == format!("{:?}\n", Digest::of(said.as_bytes()));
            whole.then(|| serde_json::from_str::<Self>(said).ok()).flatten()
        });
        let marker = marker.ok_or_else(|| {
            StoreError::damaged(path, "it does not say what it said, whose directory this is")
        })?;
        if marker.format == FORMAT {
            Ok(Some(marker))
        } else {
            Err(StoreError::Format { path: path.to_owned(), found: marker.format, wanted: FORMAT })
        }
    }

    /// Writes it, in place of the one before or not at all.
    pub(super) fn write(&self, path: &Path) -> Result<(), StoreError> {
        let written = || -> io::Result<()> {
            let said = serde_json::to_string(self)?;
            let new = path.with_extension("new");
            let mut file = File::create(&new)?;
            write!(file, "{said}\n{:?}\n", Digest::of(said.as_bytes()))?;
            file.sync_all()?;
            fs::rename(&new, path)?;
            path.parent().map_or(Ok(()), sync_dir)
        };
        written().map_err(StoreError::io(path))
    }

    /// That the directory is this process's.
    pub(super) fn check(&self, identity: &Identity, path: &Path) -> Result<(), StoreError> {
        let wanted = Self { ready: self.ready, ..Self::new(identity, true) };
        if *self == wanted {
            return Ok(());
        }
        let (found, wanted) = (self.owner(), wanted.owner());
        Err(StoreError::Foreign { path: path.to_owned(), found, wanted })
    }

    fn owner(&self) -> String {
        format!("{} of cluster {:?}, running {:?}", self.node, self.cluster, self.variant)
    }
}

/// Makes what was created or renamed in a directory durable.
pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()
}
