//! Why a member or a cluster does not run.

use crate::server::FileError;
use paxos_core::QuorumError;
use paxos_transport::{BindError, HostError, StartError, StoreError};
use std::io;

/// Why a member or a cluster cannot start, or has stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// The cluster's file cannot be read or is wrong.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file does not name this member.
    #[error("the cluster's file names no process {0}: add it under [[members]] or [[spares]]")]
    Stranger(u16),
    /// The members form no valid quorum system.
    #[error(transparent)]
    Quorum(#[from] QuorumError),
    /// The host name in an address cannot be resolved.
    #[error("{what} `{address}` cannot be found: {source}; correct the name")]
    Address {
        /// The purpose of the address.
        what: &'static str,
        /// The address.
        address: String,
        /// The system's error.
        source: io::Error,
    },
    /// Listening on an address failed.
    #[error(
        "cannot listen at {address}: {source}; choose another address, or stop the process that uses this one"
    )]
    Listen {
        /// The address.
        address: String,
        /// The system's error.
        source: io::Error,
    },
    /// Reads by lease are requested, but leases are off.
    #[error(
        "--reads lease needs leases: give `lease_ms` in the cluster's file, shorter than election_ms, the same everywhere"
    )]
    NoLease,
    /// A directory cannot be created.
    #[error("cannot create the directory {path}: {source}; name one that you may write to")]
    Directory {
        /// The directory.
        path: String,
        /// The system's error.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write {path}: {source}")]
    Write {
        /// The file.
        path: String,
        /// The system's error.
        source: io::Error,
    },
    /// The directory holds another cluster than the one requested.
    #[error(
        "{path} describes a cluster with {found}, and {option} asks for another: leave the option out, or give another --data"
    )]
    Other {
        /// The cluster's file.
        path: String,
        /// What the file says.
        found: String,
        /// The option that disagrees.
        option: String,
    },
    /// The directory has members' stores, and no cluster's file, or an empty one.
    #[error(
        "{path} is missing or empty, but {store} holds the data of a member: put the file back, or write it anew: `paxos-bench store \
         inspect {store}` says with which members the cluster began. For another cluster, give another --data"
    )]
    FileLost {
        /// The cluster's file.
        path: String,
        /// The directory of one of the members.
        store: String,
    },
    /// No address for clients is given.
    #[error("there is no address for clients: give --resp ADDR, or `resp` in the cluster's file")]
    NoResp,
    /// Others can reach an address where nothing is encrypted.
    #[error(
        "others can reach {what} {address}, and nothing there is encrypted: {remedy}, or give \
         --insecure-bind if the network is trusted"
    )]
    Insecure {
        /// The purpose of the address.
        what: &'static str,
        /// The address.
        address: String,
        /// A safer alternative.
        remedy: &'static str,
    },
    /// A certificate or key cannot be read.
    #[error("cannot read a certificate or key: {0}")]
    Tls(io::Error),
    /// Certificates for clients cannot be used.
    #[error("[client_tls] in the cluster's file: {0}; correct the files")]
    ClientTls(paxos_transport::TlsError),
    /// The log level is unknown.
    #[error("--log {0} is not a level: use error, warn, info, debug or trace")]
    Log(String),
    /// The carrier cannot be set up.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The member stopped with an error.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The trace cannot be written.
    #[error(
        "cannot write the trace to {path}: {source}; name a file in a directory that exists and can be written to"
    )]
    Trace {
        /// The file.
        path: String,
        /// The system's error.
        source: io::Error,
    },
    /// A member of a local cluster stopped unexpectedly.
    #[error("member n{id} stopped unexpectedly: its last log lines are above, and its data is kept")]
    Died {
        /// The member's id.
        id: u16,
        /// Whether its exit code says that the command line or a file is wrong.
        input: bool,
    },
    /// The standard output cannot be written.
    #[error("cannot write to the standard output: {0}")]
    Output(io::Error),
    /// Another error of the system.
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl From<StartError> for ServeError {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Bind(error) => Self::Bind(error),
            StartError::Store(error) => Self::Store(error),
            StartError::Host(error) => Self::Host(error),
            error @ (StartError::NoStore | StartError::NoAddress(_) | StartError::Address { .. } | _) => {
                Self::Io(io::Error::other(error))
            }
        }
    }
}

impl ServeError {
    /// Whether only the command line or a file is wrong.
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
            | Self::FileLost { .. }
            | Self::NoResp
            | Self::Insecure { .. }
            | Self::Tls(_)
            | Self::ClientTls(_)
            | Self::Log(_)
            | Self::Bind(_)
            | Self::Trace { .. }
            | Self::Died { input: true, .. } => true,
            // A store error counts as wrong input only if it is the wrong store.
            Self::Store(error) => matches!(
                error,
                StoreError::Locked { .. }
                    | StoreError::Format { .. }
                    | StoreError::Foreign { .. }
                    | StoreError::Genesis { .. }
                    | StoreError::Empty { .. }
                    | StoreError::NotDirectory { .. }
            ),
            Self::Died { .. } | Self::Output(_) | Self::Host(_) | Self::Io(_) => false,
        }
    }
}
