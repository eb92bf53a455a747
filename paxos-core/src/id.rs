//! Names of processes and of the clients that live on them.

use crate::Slot;
use core::cmp::Ordering;
use core::fmt;
use serde::{Deserialize, Serialize};

/// A process. Processes that play a role other than client have ids below [`crate::NodeSet::CAPACITY`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct NodeId(pub u16);

/// One client session: the process that hosts it, and a name that no session of that process had before, whatever
/// happened to its disk. Replies travel to `node`. A process has one session at a time, and of two the one that
/// compares higher is the newer.
///
/// Why no name comes twice: `nonce` is drawn at random for each start of the process, so that one whose disk was wiped or
/// put back from an older copy shares it with a former start once in 2³² (and only a session of the same number would then
/// be mistaken). Why a newer session compares higher: `session` is a slot that was known to be chosen when the session
/// began, so it lies at or below every slot in which one of its commands is chosen. A process that has
/// forgotten how far the log went begins with a number that is too low; replicas tell it so, with a slot above
/// every number that they know, and do not execute its commands until it has renewed its session from there.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct ClientId {
    /// The process that waits for the reply.
    pub node: NodeId,
    /// Drawn for each start of the process.
    pub nonce: u32,
    /// A slot that was known to be chosen when the session began: newer sessions of one process have higher ones.
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
    /// The first session of a process that draws `nonce` when it starts.
    pub const fn first_of(node: NodeId, nonce: u32) -> Self {
        Self { node, nonce, session: 0 }
    }

    /// The session after this one, when everything below `known` is chosen.
    #[must_use]
    pub fn renewed(self, known: Slot) -> Self {
        Self { session: self.session.saturating_add(1).max(known.0), ..self }
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
        match (self.nonce, self.session) {
            (0, 0) => write!(f, "c{}", self.node.0),
            (nonce, 0) => write!(f, "c{}/{nonce}", self.node.0),
            (nonce, session) => write!(f, "c{}/{nonce}.{session}", self.node.0),
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
