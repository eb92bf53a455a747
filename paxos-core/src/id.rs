//! Names of processes and of the clients that live on them.

use core::cmp::Ordering;
use core::fmt;
use serde::{Deserialize, Serialize};

/// A process. Processes that play a role other than client have ids below [`crate::NodeSet::CAPACITY`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct NodeId(pub u16);

/// One client session: the process that hosts it, and a name that no session of that process had before, but
/// for a small chance if its disk was lost or put back. Replies travel to `node`. A process has one session at a time, and of two the one that
/// compares higher is the newer.
///
/// Why no name comes twice: `nonce` is drawn at random for each start of the process, so that one whose disk was wiped or
/// put back from an older copy shares it with a former start once in 2³². Why a newer session compares higher: `session` grows
/// with each start, which is counted on disk, and with each renewal. A process whose disk has forgotten starts begins with
/// a number that is too low: replicas do not execute its commands, and tell it the last number that they know; it
/// goes on with a higher one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct ClientId {
    /// The process that waits for the reply.
    pub node: NodeId,
    /// Drawn for each start of the process.
    pub nonce: u32,
    /// Newer sessions of one process have higher ones.
    pub session: u64,
}

impl PartialOrd for ClientId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// By process, then by age.
impl Ord for ClientId {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.node, self.session, self.nonce).cmp(&(other.node, other.session, other.nonce))
    }
}

/// The name of one command, for ever: retransmissions of a command carry the same one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct CommandId {
    /// Whose command it is.
    pub client: ClientId,
    /// The client's own count, without gaps: from 0, and on from there when its session is renewed.
    pub seq: u64,
}

impl ClientId {
    /// The first session of a process's start number `life`, counted from 0.
    pub fn first_of(node: NodeId, life: u32) -> Self {
        Self { node, nonce: 0, session: u64::from(life) << 32 }
    }

    /// The session after this one, newer than all whose number is `latest` or lower.
    #[must_use]
    pub fn renewed(self, latest: u64) -> Self {
        Self { session: self.session.max(latest).saturating_add(1), ..self }
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{}", self.0)
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{}", self.node.0)?;
        match (self.session >> 32, self.session & u64::from(u32::MAX)) {
            (0, 0) => Ok(()),
            (life, 0) => write!(f, "/{life}"),
            (life, renewal) => write!(f, "/{life}.{renewal}"),
        }
    }
}

impl fmt::Debug for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.client, self.seq)
    }
}

impl fmt::Debug for CommandId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
