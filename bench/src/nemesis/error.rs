//! Why a run cannot start, or what went wrong in a window.

use super::Fault;
use crate::server::ServeError;
use core::time::Duration;
use std::io;
use std::path::PathBuf;

/// Why a run cannot start, or what a cluster did that it must not do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NemesisError {
    /// There is no such fault.
    #[error("--faults: there is no fault `{0}`: `paxos-bench nemesis --list` lists them")]
    Unknown(String),
    /// A fault that this command does not have, and why.
    #[error("--faults: {0} is not here, because {1}; leave it out")]
    Absent(&'static str, &'static str),
    /// A fault is named twice.
    #[error("--faults names {0} twice: leave one of them out")]
    Twice(Fault),
    /// A variant without a leader has nothing to transfer.
    #[error("--faults: {0} needs a leader, and {1} has none: leave it out, or give another --variant")]
    Leaderless(Fault, &'static str),
    /// Reads by lease need a leader.
    #[error(
        "--reads lease needs a leader, and {0} has none: give --reads confirmed or quorum, or another --variant"
    )]
    NoLease(&'static str),
    /// The directory has files already.
    #[error("{} is not empty: name a new directory, because the run starts with empty disks", .0.display())]
    NotEmpty(PathBuf),
    /// The system refuses something.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: String,
        /// The system's error.
        source: io::Error,
    },
    /// A cluster does not start.
    #[error("the cluster does not start: {source}\ndata and logs: {}", dir.display())]
    Start {
        /// The directory of the cluster.
        dir: PathBuf,
        /// What went wrong.
        source: Box<NemesisError>,
    },
    /// The signals of this process cannot be awaited, or a directory cannot be made.
    #[error(transparent)]
    Serve(#[from] ServeError),
    /// A member has ended, although the command did not stop it.
    #[error("n{member} ended by itself ({status}). The end of its log:\n{log}")]
    Ended {
        /// The member.
        member: usize,
        /// How it ended.
        status: String,
        /// The end of its log.
        log: String,
    },
    /// A member did not do what it must do.
    #[error("n{member} did not {what} within {bound:?}. The end of its log:\n{log}")]
    Silent {
        /// The member.
        member: usize,
        /// What it did not do.
        what: String,
        /// How long the command waited for it.
        bound: Duration,
        /// The end of its log.
        log: String,
    },
    /// A member that has lost its disk was accepted.
    #[error("n{member} has lost its disk and was accepted by the others. The end of its log:\n{log}")]
    Accepted {
        /// The member.
        member: usize,
        /// The end of its log.
        log: String,
    },
    /// A process does not answer a client.
    #[error("{address} did not answer {request} within {bound:?}")]
    Unanswered {
        /// The address for clients.
        address: String,
        /// The request.
        request: String,
        /// How long the request was repeated.
        bound: Duration,
    },
    /// Clients got errors that no client should get.
    #[error("clients got answers that they should never get: {}", .0.join("; "))]
    Odd(Vec<String>),
}

impl NemesisError {
    /// Whether only the command line is wrong.
    pub fn is_input(&self) -> bool {
        match self {
            Self::Unknown(_)
            | Self::Absent(..)
            | Self::Twice(_)
            | Self::Leaderless(..)
            | Self::NoLease(_)
            | Self::NotEmpty(_) => true,
            Self::Serve(error) => error.is_input(),
            Self::Start { source, .. } => source.is_input(),
            Self::Io { .. }
            | Self::Ended { .. }
            | Self::Silent { .. }
            | Self::Accepted { .. }
            | Self::Unanswered { .. }
            | Self::Odd(_) => false,
        }
    }

    /// An error of the system.
    pub(super) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}
