//! The directory that all systems write to, so that they use the same file system.

use super::VersusError;
use std::io;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A directory for one run, removed at its end.
#[derive(Debug)]
pub(super) struct Home {
    dir: TempDir,
    /// The directory in which it was created.
    parent: PathBuf,
}

impl Home {
    /// Creates it in `data` or the current directory, because temporary directories may never reach a disk.
    pub(super) fn create(data: Option<&Path>) -> Result<Self, VersusError> {
        let asked = data.unwrap_or(Path::new("."));
        let wrong = |source: io::Error| {
            // Drop the error's own path: the message names the parent, and the path below it is meaningless.
            let source = io::Error::from(source.kind());
            VersusError::Data { path: asked.display().to_string(), source }
        };
        let parent = asked.canonicalize().map_err(wrong)?;
        let dir = tempfile::Builder::new().prefix("paxos-versus-").tempdir_in(&parent).map_err(wrong)?;
        Ok(Self { dir, parent })
    }

    /// The path of the directory.
    pub(super) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The parent directory, which remains after the run.
    pub(super) fn parent(&self) -> &Path {
        &self.parent
    }

    /// Creates a directory for one process, and returns its path.
    pub(super) fn directory(&self, name: &str) -> io::Result<String> {
        let directory = self.path().join(name);
        std::fs::create_dir(&directory)?;
        Ok(directory.display().to_string())
    }

    /// Whether the directory is in memory, where a sync costs nothing; `None` if the system does not say.
    #[cfg(target_os = "linux")]
    pub(super) fn in_memory(&self) -> Option<bool> {
        /// `TMPFS_MAGIC` and `RAMFS_MAGIC`, from `statfs(2)`.
        const MEMORY: [u64; 2] = [0x0102_1994, 0x8584_58f6];
        let found = rustix::fs::statfs(self.path()).ok()?;
        Some(MEMORY.contains(&(found.f_type as u64)))
    }

    /// Whether the directory is in memory, where a sync costs nothing; `None` if the system does not say.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn in_memory(&self) -> Option<bool> {
        None
    }
}
