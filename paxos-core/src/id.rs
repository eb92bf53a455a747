//! Names of processes and of the clients that live on them.

use core::fmt;
use serde::{Deserialize, Serialize};

/// A process. Processes that play a role other than client have ids below [`crate::NodeSet::CAPACITY`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct NodeId(pub u16);

/// One client session: the process that hosts it, and a number that tells the sessions of that process
/// apart, also across restarts. Replies travel to `node`. A process has one session at a time, and the numbers of
/// its sessions only go up: see [`ClientId::first_of`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct ClientId {
    /// The process that waits for the reply.
    pub node: NodeId,
    /// Distinguishes sessions of one process.
    pub session: u32,
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
    /// How many sessions a process may have in one life.
    pub const SESSIONS_PER_LIFE: u32 = 4096;

    /// The first session of a process's life number `life`, counted from 0; none from life 1,048,576 on.
    pub fn first_of(node: NodeId, life: u32) -> Option<Self> {
        Some(Self { node, session: life.checked_mul(Self::SESSIONS_PER_LIFE)? })
    }

    /// The session after this one in the same life; none if this is its last: the next number belongs to the
    /// next life.
    pub fn renewed(self) -> Option<Self> {
        let session = self.session.checked_add(1)?;
        (!session.is_multiple_of(Self::SESSIONS_PER_LIFE)).then_some(Self { session, ..self })
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
        let (life, renewal) =
            (self.session / Self::SESSIONS_PER_LIFE, self.session % Self::SESSIONS_PER_LIFE);
        match (life, renewal) {
            (0, 0) => write!(f, "c{}", self.node.0),
            (_, 0) => write!(f, "c{}/{life}", self.node.0),
            _ => write!(f, "c{}/{life}.{renewal}", self.node.0),
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
