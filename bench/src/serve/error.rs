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
    /// An address is none.
    #[error("{what} `{address}` cannot be used: {source}; write host:port")]
    Address {
        /// What it is for.
        what: &'static str,
        /// The address.
        address: String,
        /// What the system says.
        source: io::Error,
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
    #[error("cannot write the trace to {path}: {source}")]
    Trace {
        /// The file.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// A member of a local cluster ended by itself.
    #[error("member n{0} ended by itself: its last words are above, its data is kept")]
    Died(u16),
    /// The system.
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl ServeError {
    /// Whether the command line or a file is wrong, and nothing else.
    pub fn is_input(&self) -> bool {
        matches!(
            self,
            Self::File(_)
                | Self::Stranger(_)
                | Self::Quorum(_)
                | Self::Address { .. }
                | Self::NoResp
                | Self::Insecure { .. }
                | Self::Tls(_)
                | Self::Log(_)
        )
    }
}
