//! Why a store cannot be used.

use std::io;
use std::path::{Path, PathBuf};

/// Why a store on disk cannot be opened, read or written. The process must not run on, or start, without it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The system refuses.
    #[error("cannot use {path}: {source}; free or repair the disk, or correct the permissions, then restart", path = path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Another process has the directory open.
    #[error("{path} is used by another process: stop that one first", path = path.display())]
    Locked {
        /// The directory.
        path: PathBuf,
    },
    /// It was written by another version of this library.
    #[error(
        "{path} has format {found}, and this program reads format {wanted}: use the program that wrote it, or replace \
         the process by a new member, which gets everything from the others",
        path = path.display()
    )]
    Format {
        /// The file.
        path: PathBuf,
        /// The number in it.
        found: u64,
        /// The number that can be read.
        wanted: u64,
    },
    /// It belongs to another process.
    #[error("{path} belongs to {found}, and this is {wanted}: start it as what the directory belongs to, or give this process a directory of its own", path = path.display())]
    Foreign {
        /// The file that says so.
        path: PathBuf,
        /// Whose it is.
        found: String,
        /// Who wants it.
        wanted: String,
    },
    /// A file that must be there is not.
    #[error(
        "{path} is missing, so that what this process promised is not known: put the file back, \
         or replace the process by a new member",
        path = path.display()
    )]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The directory is that of a process which never ran.
    #[error("{path} holds no store: name the directory that this process used before", path = path.display())]
    Empty {
        /// The directory.
        path: PathBuf,
    },
    /// A file is not what it was.
    #[error(
        "{path} is damaged: {what}; put the whole directory back from a copy made after the process stopped, \
         or replace the process by a new member",
        path = path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The file is older than it was.
    #[error(
        "{path} ends with write {found}, and had {promised} before: it is damaged, or an older copy; put the newest \
         one back, or replace the process by a new member",
        path = path.display()
    )]
    RolledBack {
        /// The file.
        path: PathBuf,
        /// The last write in it.
        found: u64,
        /// The last write that was told to be durable.
        promised: u64,
    },
}

impl StoreError {
    pub(super) fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { path: path.to_owned(), source }
    }

    pub(super) fn damaged(path: &Path, what: impl Into<String>) -> Self {
        Self::Damaged { path: path.to_owned(), what: what.into() }
    }
}
