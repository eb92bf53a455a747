//! Why a soak cannot begin.

use std::io;
use std::path::{Path, PathBuf};

/// Why a soak cannot be started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SoakError {
    /// The option needs a single seed.
    #[error("`{0}` works with a single seed only: give one, such as `--seeds 7`")]
    OneSeed(&'static str),
    /// The option needs several seeds.
    #[error(
        "`{0}` works with several seeds only: give more, such as `--seeds 0..10000`, or leave the option out"
    )]
    ManySeeds(&'static str),
    /// The seed has fewer mishaps.
    #[error("the seed has {mishaps} mishaps, numbered from 0: there is no mishap {number}")]
    NoMishap {
        /// The number of mishaps.
        mishaps: usize,
        /// The requested mishap.
        number: usize,
    },
    /// Each round of a steered soak depends on all before it.
    #[error("a steered soak cannot be continued: leave out `--journal` or `--steer`")]
    Steered,
    /// A journal cannot be read or written, or has other results.
    #[error("{}: {why}", path.display())]
    Journal {
        /// The file.
        path: PathBuf,
        /// The reason.
        why: String,
    },
    /// Results are missing.
    #[error("{0}; run it again with its --journal, and name the journals of all shares")]
    Missing(String),
}

impl SoakError {
    pub(super) fn unfit(path: &Path, why: impl Into<String>) -> Self {
        Self::Journal { path: path.to_owned(), why: why.into() }
    }

    pub(super) fn file(path: &Path, source: &io::Error) -> Self {
        Self::unfit(path, format!("it cannot be used: {source}"))
    }
}
