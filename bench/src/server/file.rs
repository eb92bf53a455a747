//! The cluster's file: who the members are, and what all of them must be told alike.

mod certificates;
pub(in crate::server) mod durable;
mod sense;

pub use certificates::{ClientTls, Tls};

use super::options::PATIENCE;
use super::{Reads, ServeError};
use core::time::Duration;
use paxos_core::{Announce, Config, Counts, Leadership, Limits, NodeId, NodeSet, QuorumError, Timeouts};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A cluster, as its file describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterFile {
    /// The name of the cluster: members of another are refused.
    pub name: String,
    /// The members that the cluster begins with.
    pub members: Vec<Place>,
    /// Processes that may become members later.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spares: Vec<Place>,
    /// Certificates for mutual TLS between members.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Tls>,
    /// Certificates for TLS between members and clients.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_tls: Option<ClientTls>,
    /// Waiting times.
    #[serde(default, skip_serializing_if = "is_default")]
    pub timeouts: Waits,
}

/// A process and where it is found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Its name, 0 to 63.
    pub id: u16,
    /// Where the others find it, `host:port`.
    pub peer: String,
    /// Where clients find it, `host:port`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub resp: String,
}

/// Waiting times in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Waits {
    /// As [`Timeouts::heartbeat`].
    pub heartbeat_ms: u64,
    /// As [`Timeouts::election`].
    pub election_ms: u64,
    /// As [`Timeouts::resend`].
    pub resend_ms: u64,
    /// As [`Timeouts::client`].
    pub client_ms: u64,
    /// As [`Timeouts::gossip`].
    pub gossip_ms: u64,
    /// As [`Timeouts::lease`]; 0, the default: no leases. Not for virtual machines that are paused or put back from
    /// images while they run.
    pub lease_ms: u64,
    /// As [`Timeouts::give_up`], and how long a read waits for the cluster.
    pub give_up_ms: u64,
}

impl Default for Waits {
    fn default() -> Self {
        Self {
            heartbeat_ms: 50,
            election_ms: 400,
            resend_ms: 200,
            client_ms: 500,
            gossip_ms: 100,
            lease_ms: 0,
            give_up_ms: PATIENCE.as_millis() as u64,
        }
    }
}

fn is_default(waits: &Waits) -> bool {
    *waits == Waits::default()
}

/// Why a cluster's file cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// It cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It is no TOML, or something is missing in it.
    #[error("{}: {text}", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        text: String,
    },
    /// It has a key that nobody reads.
    #[error("{}: nothing is called `{key}` here{}", path.display(), hint.as_ref().map(|hint| format!("; did you mean `{hint}`?")).unwrap_or_default())]
    Key {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// One that is read and looks like it.
        hint: Option<&'static str>,
    },
    /// It says what cannot be.
    #[error("{}: {text}", path.display())]
    Sense {
        /// The file.
        path: PathBuf,
        /// What cannot be.
        text: String,
    },
}

const TOP: &[&str] = &["name", "members", "spares", "tls", "client_tls", "timeouts"];
const PLACE: &[&str] = &["id", "peer", "resp"];
const TLS: &[&str] = &["authorities", "certificate", "key", "domain"];
const CLIENT_TLS: &[&str] = &["certificate", "key", "ca", "authorities"];
const WAITS: &[&str] =
    &["heartbeat_ms", "election_ms", "resend_ms", "client_ms", "gossip_ms", "lease_ms", "give_up_ms"];

impl ClusterFile {
    /// Reads a file. Paths in it are seen from its directory.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn read(path: &Path) -> Result<Self, FileError> {
        let text =
            fs::read_to_string(path).map_err(|source| FileError::Read { path: path.to_owned(), source })?;
        let mut file = Self::parse(path, &text)?;
        if let Some(dir) = path.parent() {
            let members = file.tls.iter_mut().flat_map(Tls::paths);
            let clients = file.client_tls.iter_mut().flat_map(ClientTls::paths);
            members.chain(clients).for_each(|path| *path = dir.join(&*path));
        }
        Ok(file)
    }

    fn parse(path: &Path, text: &str) -> Result<Self, FileError> {
        let form = |text: String| FileError::Form { path: path.to_owned(), text: text.trim_end().to_owned() };
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| form(error.to_string()))?;
        let unknown = |table: &toml::Table, known: &'static [&'static str]| match table
            .keys()
            .find(|key| !known.contains(&key.as_str()))
        {
            Some(key) => {
                Err(FileError::Key { path: path.to_owned(), key: key.clone(), hint: like(key, known) })
            }
            None => Ok(()),
        };
        unknown(&table, TOP)?;
        for (name, known) in [
            ("members", PLACE),
            ("spares", PLACE),
            ("tls", TLS),
            ("client_tls", CLIENT_TLS),
            ("timeouts", WAITS),
        ] {
            match table.get(name) {
                Some(toml::Value::Table(inner)) => unknown(inner, known)?,
                Some(toml::Value::Array(parts)) => {
                    parts
                        .iter()
                        .filter_map(toml::Value::as_table)
                        .try_for_each(|inner| unknown(inner, known))?;
                }
                _ => {}
            }
        }
        let file: Self = table.try_into().map_err(|error: toml::de::Error| form(error.to_string()))?;
        match sense::nonsense(&file) {
            Some(text) => Err(FileError::Sense { path: path.to_owned(), text }),
            None => Ok(file),
        }
    }

    /// Writes it down. It is durable when this returns: without it, the stores of its members are of no use.
    ///
    /// # Errors
    /// As the system says.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let text = toml::to_string(self).map_err(io::Error::other)?;
        durable::replace(path, &text)
    }

    /// All that it names, members first.
    pub fn places(&self) -> impl Iterator<Item = &Place> {
        self.members.iter().chain(&self.spares)
    }

    /// Where a process is found.
    pub fn place(&self, id: u16) -> Option<&Place> {
        self.places().find(|place| place.id == id)
    }

    /// How long a command or a read waits for the cluster.
    pub fn patience(&self) -> Duration {
        Duration::from_millis(self.timeouts.give_up_ms)
    }

    /// Whether members may answer reads in this way.
    ///
    /// # Errors
    /// [`ServeError::NoLease`] if leases are asked for, and the file gives none.
    pub fn allows(&self, reads: Reads) -> Result<(), ServeError> {
        if reads == Reads::Lease && self.timeouts.lease_ms == 0 { Err(ServeError::NoLease) } else { Ok(()) }
    }

    /// The configuration for the process `id`; `leaderless` if proposers appoint themselves.
    ///
    /// # Errors
    /// [`QuorumError`] if the members cannot form quorums.
    pub fn config(&self, id: u16, leaderless: bool) -> Result<Config, QuorumError> {
        let members: NodeSet = self.members.iter().map(|place| NodeId(place.id)).collect();
        let mut config = Config::new(Arc::new(Counts::fast(members)?));
        let ms = |n| Some(Duration::from_millis(n)).filter(|wait| !wait.is_zero());
        let waits = &self.timeouts;
        config.timeouts = Timeouts {
            heartbeat: ms(waits.heartbeat_ms),
            election: ms(waits.election_ms),
            resend: ms(waits.resend_ms),
            client: ms(waits.client_ms),
            gossip: ms(waits.gossip_ms),
            lease: ms(waits.lease_ms),
            give_up: ms(waits.give_up_ms),
            ..Timeouts::default()
        };
        config.limits = LIMITS;
        config.announce = Announce::ToWaiting;
        if leaderless {
            let backoff = (Duration::from_millis(5), Duration::from_millis(160));
            config.leadership = Leadership::SelfAppointed { backoff: Some(backoff) };
        }
        // The members that it knows may all be gone when it starts. Those that replaced them were spares.
        let itself = Some(NodeId(id)).filter(|id| !members.contains(*id));
        config.spares = self.spares.iter().map(|place| NodeId(place.id)).chain(itself).collect();
        // Waiting times that must differ are drawn from it.
        config.seed = u64::from(id);
        Ok(config)
    }
}

/// A command holds many operations, so there are fewer of them, and larger ones. A process has few under way
/// (`--batches`); replicas remember the answers to `session` commands of `sessions` incarnations of processes, 128 MiB
/// at most. Snapshots: see [`crate::kv::Store`].
const LIMITS: Limits = Limits {
    batch: 64,
    batch_bytes: 1 << 20,
    window: 256,
    window_bytes: 64 << 20,
    queue: 1024,
    queue_bytes: 64 << 20,
    session: 64,
    reply_bytes: 1 << 20,
    session_bytes: 256 << 20,
    idle: 1 << 20,
    sessions: 128,
    alpha: 512,
    snapshot: 256,
    chunk: 1 << 18,
    disk_bytes: 64 << 20,
    reads: 4096,
};

fn like(key: &str, known: &'static [&'static str]) -> Option<&'static str> {
    let near = known.iter().map(|name| (strsim::jaro_winkler(name, key), *name));
    let best = near.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (best.0 > 0.7).then_some(best.1)
}

#[cfg(test)]
mod tests;
