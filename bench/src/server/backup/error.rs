//! Why there is no backup, or why it is not restored.

use std::io;
use std::path::Path;

/// Why there is no backup, or why it is not restored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BackupError {
    /// The file to be written exists.
    #[error("{0} exists: name a new file, or remove this one")]
    Exists(String),
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: String,
        /// What the system says.
        source: io::Error,
    },
    /// The file is no backup, or is not the one that was written.
    #[error("{path} is not a complete backup: {what}; use another copy")]
    Damaged {
        /// The file.
        path: String,
        /// What is wrong.
        what: String,
    },
    /// Certificates.
    #[error(transparent)]
    Tls(#[from] crate::options::arguments::TlsArgumentError),
    /// The cluster is not empty.
    #[error(
        "the store at {address} has {keys} keys: restore into an empty cluster, or give --merge, which replaces the keys \
         that the backup has and keeps the others"
    )]
    NotEmpty {
        /// Which server.
        address: String,
        /// How many keys it has.
        keys: i64,
    },
    /// A server refuses.
    #[error("{address} refuses: {text}")]
    Refused {
        /// Which server.
        address: String,
        /// What it says.
        text: String,
    },
    /// No server can be reached.
    #[error("{address} does not answer: {what}; start the cluster, or correct --addr")]
    Unreachable {
        /// The server that was asked last.
        address: String,
        /// Why not.
        what: String,
    },
    /// A backup breaks off.
    #[error("the backup broke off after {megabytes} MB: {why}; take it again")]
    Broken {
        /// How much had come.
        megabytes: u64,
        /// What the server said, or why it did not answer.
        why: String,
    },
    /// The command was told to stop.
    #[error("interrupted: there is no backup")]
    Stopped,
    /// A restore does not come to its end.
    #[error("gave up after {done} of {keys} keys: {what}. Then restore again with --merge")]
    Interrupted {
        /// What the last server said, and what to do.
        what: String,
        /// How many keys were acknowledged.
        done: u64,
        /// How many keys there are.
        keys: u64,
    },
    /// A store on disk cannot be read.
    #[error(transparent)]
    Store(#[from] paxos_transport::StoreError),
    /// The cluster's file.
    #[error(transparent)]
    Cluster(#[from] crate::server::FileError),
    /// The cluster's file and the store do not belong to each other.
    #[error(
        "{store} belongs to {owner}, and {file} describes {other}: give the cluster's file of that store"
    )]
    Foreign {
        /// The directory.
        store: String,
        /// To whom it belongs.
        owner: String,
        /// The cluster's file.
        file: String,
        /// What that describes.
        other: String,
    },
    /// What is on disk cannot be executed.
    #[error("{store} cannot be executed: {what}")]
    State {
        /// The directory.
        store: String,
        /// What is wrong.
        what: String,
    },
    /// The members cannot tell what was chosen.
    #[error(
        "the members of these directories cannot tell what was chosen: {0}. Give the directories of a quorum, as they \
         are now, or use --survivor"
    )]
    NoQuorum(String),
    /// The members are a quorum, and did not agree in time.
    #[error(
        "the members of these directories did not agree within {seconds} s: {why}. Nothing is missing: take the backup again \
         when this machine has less to do"
    )]
    Late {
        /// How long they had.
        seconds: u64,
        /// What each of them said.
        why: String,
    },
    /// Two directories are of one member.
    #[error("{store} is another directory of {node}: give one directory of each member, the current one")]
    Twice {
        /// The second directory.
        store: String,
        /// The member.
        node: paxos_core::NodeId,
    },
    /// A member cannot run in memory.
    #[error("a member cannot run from its directory: {0}")]
    Memory(String),
    /// The system.
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl BackupError {
    /// Whether the command line or a file is wrong, and nothing else.
    pub fn is_input(&self) -> bool {
        match self {
            Self::Exists(_)
            | Self::Tls(_)
            | Self::Twice { .. }
            | Self::File { .. }
            | Self::NotEmpty { .. }
            | Self::Cluster(_)
            | Self::Foreign { .. } => true,
            Self::Damaged { .. }
            | Self::Refused { .. }
            | Self::Unreachable { .. }
            | Self::Broken { .. }
            | Self::NoQuorum(_)
            | Self::Late { .. }
            | Self::Stopped
            | Self::Interrupted { .. }
            | Self::Store(_)
            | Self::State { .. }
            | Self::Memory(_)
            | Self::Io(_) => false,
        }
    }

    /// Names the file in an error of the system.
    pub(crate) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::File { path: path.display().to_string(), source }
    }
}
