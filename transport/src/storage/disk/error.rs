//! The errors of a store on disk.

use std::io;
use std::path::{Path, PathBuf};

/// Why a store on disk cannot be opened, read or written. The process must not start or continue without it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The operating system reports an error.
    #[error("cannot use {path}: {source}; free or repair the disk, or correct the permissions, then restart", path = path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// What is named is a file.
    #[error("{path} is not a directory: name the directory of a member's store", path = path.display())]
    NotDirectory {
        /// The file.
        path: PathBuf,
    },
    /// Another process has the directory open.
    #[error("{path} is used by another process: stop that one first", path = path.display())]
    Locked {
        /// The directory.
        path: PathBuf,
    },
    /// Another version of this library wrote the store.
    #[error(
        "{path} has format {found}, and this program reads format {wanted}: use the program that wrote it; \
         docs/upgrades.md says how a cluster goes on with this one",
        path = path.display()
    )]
    Format {
        /// The file.
        path: PathBuf,
        /// The format of the file.
        found: u64,
        /// The format that this program reads.
        wanted: u64,
    },
    /// The store belongs to another process.
    #[error("{path} belongs to {found}, and this is {wanted}: start the process that owns the directory, or give this process its own directory", path = path.display())]
    Foreign {
        /// The file that names the owner.
        path: PathBuf,
        /// The owner.
        found: String,
        /// The process that tried to open it.
        wanted: String,
    },
    /// The cluster began with other members, quorums or limits.
    #[error(
        "{path} is of a cluster that began with {found}, and this process's configuration begins with {wanted}: give the \
         configuration with which it began, or acknowledged commands may be lost. Members are changed while the cluster \
         runs. If only this process was ever started with the other configuration, and never with the right one, empty \
         its directory alone",
        path = path.display()
    )]
    Genesis {
        /// The file that says what the cluster began with.
        path: PathBuf,
        /// What it began with: [`crate::genesis`].
        found: String,
        /// What this process's configuration begins with.
        wanted: String,
    },
    /// A required file is missing.
    #[error(
        "{path} is missing, so the promises of this process are unknown: restore the file, \
         or replace the process with a new member",
        path = path.display()
    )]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The directory holds no store, although the process ran before.
    #[error("{path} holds no store: name the directory that this process used before", path = path.display())]
    Empty {
        /// The directory.
        path: PathBuf,
    },
    /// The content of a file has changed.
    #[error(
        "{path} is damaged: {what}; restore the whole directory from a copy made after the process stopped, \
         or replace the process with a new member",
        path = path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The file is older than the last acknowledged write.
    #[error(
        "{path} ends with write {found}, and had {promised} before: it is damaged, or an older copy; restore the newest \
         one, or replace the process with a new member",
        path = path.display()
    )]
    RolledBack {
        /// The file.
        path: PathBuf,
        /// The last write in it.
        found: u64,
        /// The last write known to have been durable.
        promised: u64,
    },
}

impl StoreError {
    /// The error without what to do about it, if another error says that.
    pub(super) fn into_cause(self) -> io::Error {
        if let Self::Io { path, source } = self {
            return io::Error::new(source.kind(), format!("{}: {source}", path.display()));
        }
        io::Error::other(self)
    }

    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { path: path.to_owned(), source }
    }

    pub(super) fn damaged(path: &Path, what: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_owned(), what: what.into() }
    }
}
