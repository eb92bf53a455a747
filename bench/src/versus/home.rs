//! The directory in which all run, so that all write to the same file system.

use super::VersusError;
use std::io;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A directory for one run, removed at its end.
#[derive(Debug)]
pub(super) struct Home {
    dir: TempDir,
    /// Where it was made.
    parent: PathBuf,
}

impl Home {
    /// Makes one in `data`, or in the current directory: where systems put temporary files, nothing may ever reach a disk.
    pub(super) fn create(data: Option<&Path>) -> Result<Self, VersusError> {
        let asked = data.unwrap_or(Path::new("."));
        let wrong = |source: io::Error| {
            // Without a path: that is named already, and what is to be made below it says nothing.
            let source = io::Error::from(source.kind());
            VersusError::Data { path: asked.display().to_string(), source }
        };
        let parent = asked.canonicalize().map_err(wrong)?;
        let dir = tempfile::Builder::new().prefix("paxos-versus-").tempdir_in(&parent).map_err(wrong)?;
        Ok(Self { dir, parent })
    }

    /// The directory.
    pub(super) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The directory that is there after the run.
    pub(super) fn parent(&self) -> &Path {
        &self.parent
    }

    /// A directory of its own for a process.
    pub(super) fn directory(&self, name: &str) -> io::Result<String> {
        let directory = self.path().join(name);
        std::fs::create_dir(&directory)?;
        Ok(directory.display().to_string())
    }

    /// Whether it is in memory, where a sync costs nothing; none if the system does not say.
    #[cfg(target_os = "linux")]
    pub(super) fn in_memory(&self) -> Option<bool> {
        /// `TMPFS_MAGIC` and `RAMFS_MAGIC`, from `statfs(2)`.
        const MEMORY: [u64; 2] = [0x0102_1994, 0x8584_58f6];
        let found = rustix::fs::statfs(self.path()).ok()?;
        Some(MEMORY.contains(&(found.f_type as u64)))
    }

    /// Whether it is in memory, where a sync costs nothing; none if the system does not say.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn in_memory(&self) -> Option<bool> {
        None
    }
}
