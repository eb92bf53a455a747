//! Why a member or a cluster does not run.

use super::FileError;
use paxos_core::QuorumError;
use paxos_transport::{BindError, HostError, StoreError};
use std::io;

/// Why a member or a cluster does not run, or does not run any more.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The cluster's file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file does not name this member.
    #[error("the cluster's file names no process {0}: add it under [[members]] or [[spares]]")]
    Stranger(u16),
    /// The members form no quorums.
    #[error(transparent)]
    Quorum(#[from] QuorumError),
    /// Nobody knows the name in an address.
    #[error("{what} `{address}` cannot be found: {source}; correct the name")]
    Address {
        /// What it is for.
        what: &'static str,
        /// The address.
        address: String,
        /// What the system says.
        source: io::Error,
    },
    /// An address cannot be listened at.
    #[error(
        "cannot listen at {address}: {source}; choose another address, or stop the process that uses this one"
    )]
    Listen {
        /// The address.
        address: String,
        /// What the system says.
        source: io::Error,
    },
    /// Reads by lease without leases.
    #[error(
        "--reads lease needs leases: give `lease_ms` in the cluster's file, shorter than election_ms, the same everywhere"
    )]
    NoLease,
    /// A directory cannot be made.
    #[error("cannot make the directory {path}: {source}; name one that you may write to")]
    Directory {
        /// The directory.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write {path}: {source}")]
    Write {
        /// The file.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// A directory holds another cluster than the one asked for.
    #[error(
        "{path} describes a cluster with {found}, and {option} asks for another: leave the option out, or give another --data"
    )]
    Other {
        /// The cluster's file.
        path: String,
        /// What it has.
        found: String,
        /// The option that says otherwise.
        option: String,
    },
    /// No address for clients is known.
    #[error("it is not known where to listen to clients: give --resp ADDR, or `resp` in the cluster's file")]
    NoResp,
    /// Others could reach an address, and nothing is encrypted.
    #[error(
        "{what} {address} can be reached by others, and nothing there is encrypted: {remedy}, or give \
         --insecure-bind if the network is trusted"
    )]
    Insecure {
        /// What it is for.
        what: &'static str,
        /// The address.
        address: String,
        /// What would be better.
        remedy: &'static str,
    },
    /// Certificates.
    #[error("cannot read a certificate or key: {0}")]
    Tls(io::Error),
    /// The level of the log.
    #[error("--log {0} is no level: error, warn, info, debug or trace")]
    Log(String),
    /// The carrier.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The member.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The trace.
    #[error(
        "cannot write the trace to {path}: {source}; name a file in a directory that exists and can be written to"
    )]
    Trace {
        /// The file.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// A member of a local cluster ended by itself.
    #[error("member n{id} ended by itself: its last words are above, its data is kept")]
    Died {
        /// Its number.
        id: u16,
        /// Whether it said that the command line or a file is wrong.
        input: bool,
    },
    /// Nobody can be told that it runs.
    #[error("cannot write to the standard output: {0}")]
    Output(io::Error),
    /// The system.
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl ServeError {
    /// Whether the command line or a file is wrong, and nothing else.
    pub fn is_input(&self) -> bool {
        match self {
            Self::File(_)
            | Self::Stranger(_)
            | Self::Quorum(_)
            | Self::Address { .. }
            | Self::Listen { .. }
            | Self::NoLease
            | Self::Directory { .. }
            | Self::Write { .. }
            | Self::Other { .. }
            | Self::NoResp
            | Self::Insecure { .. }
            | Self::Tls(_)
            | Self::Log(_)
            | Self::Bind(_)
            | Self::Trace { .. }
            | Self::Died { input: true, .. } => true,
            // Of all that may be wrong with a store, that it is the wrong one.
            Self::Store(error) => matches!(
                error,
                StoreError::Locked { .. }
                    | StoreError::Format { .. }
                    | StoreError::Foreign { .. }
                    | StoreError::Empty { .. }
            ),
            Self::Died { .. } | Self::Output(_) | Self::Host(_) | Self::Io(_) => false,
        }
    }
}
