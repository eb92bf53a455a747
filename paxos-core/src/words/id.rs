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
///
/// A session has a number up to [`ClientId::LAST_SESSION`]: 2³¹ starts, one each second for 68 years, with 2³² renewals each. No
/// higher one can be read from a message or a disk.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "WrittenClient", into = "WrittenClient")]
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

/// A client session as it is written.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename = "ClientId")]
struct WrittenClient {
    node: NodeId,
    nonce: u32,
    session: u64,
}

/// The name of one command, for ever: retransmissions of a command carry the same one. No higher number than
/// [`CommandId::LAST_SEQ`] can be read from a message or a disk: ten million commands a second make it in 228 years.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "WrittenCommand", into = "WrittenCommand")]
pub struct CommandId {
    /// Whose command it is.
    pub client: ClientId,
    /// The client's own count, without gaps: from 0, and on from there when its session is renewed.
    pub seq: u64,
}

/// The name of a command as it is written.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename = "CommandId")]
struct WrittenCommand {
    client: ClientId,
    seq: u64,
}

impl ClientId {
    /// The highest number of a session.
    pub const LAST_SESSION: u64 = (1 << 63) - 1;

    /// The first session of a process's start number `life`, counted from 0.
    pub fn first_of(node: NodeId, life: u32) -> Self {
        Self { node, nonce: 0, session: (u64::from(life) << 32).min(Self::LAST_SESSION) }
    }

    /// The session after this one, newer than all whose number is `latest` or lower. A number beyond halfway to the last
    /// is not believed: no process was started so often, and none would be left.
    #[must_use]
    pub fn renewed(self, latest: u64) -> Self {
        let credible = latest <= self.session + Self::LAST_SESSION.saturating_sub(self.session) / 2;
        let latest = if credible { latest.max(self.session) } else { self.session };
        Self { session: latest.saturating_add(1).min(Self::LAST_SESSION), ..self }
    }
}

impl CommandId {
    /// The highest number of a command.
    pub const LAST_SEQ: u64 = (1 << 56) - 1;

    /// Whether its numbers are in range.
    pub const fn is_possible(self) -> bool {
        self.seq <= Self::LAST_SEQ && self.client.session <= ClientId::LAST_SESSION
    }
}

impl TryFrom<WrittenClient> for ClientId {
    type Error = &'static str;

    fn try_from(WrittenClient { node, nonce, session }: WrittenClient) -> Result<Self, Self::Error> {
        let known = session <= Self::LAST_SESSION;
        known.then_some(Self { node, nonce, session }).ok_or("there are no sessions from 2^63 on")
    }
}

impl From<ClientId> for WrittenClient {
    fn from(ClientId { node, nonce, session }: ClientId) -> Self {
        Self { node, nonce, session }
    }
}

impl TryFrom<WrittenCommand> for CommandId {
    type Error = &'static str;

    fn try_from(WrittenCommand { client, seq }: WrittenCommand) -> Result<Self, Self::Error> {
        let id = Self { client, seq };
        if id.is_possible() { Ok(id) } else { Err("there are no commands from 2^56 on") }
    }
}

impl From<CommandId> for WrittenCommand {
    fn from(CommandId { client, seq }: CommandId) -> Self {
        Self { client, seq }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_said_of_the_latest_session_newer_ones_are_left() {
        let mut client = ClientId::first_of(NodeId(1), 3);
        for latest in [u64::MAX, ClientId::LAST_SESSION, 1 << 62, 1 << 63] {
            let renewed = client.renewed(latest);
            assert!(renewed > client && renewed.session < ClientId::LAST_SESSION / 4 * 3, "{latest}");
            client = renewed;
        }
        // A process that lost its disk after a million starts.
        let latest = ClientId::first_of(NodeId(1), 1_000_000).session;
        assert_eq!(ClientId::first_of(NodeId(1), 1).renewed(latest).session, latest + 1);
    }

    #[test]
    fn no_number_beyond_the_last_is_a_session_or_a_command() {
        let session = |session| WrittenClient { node: NodeId(0), nonce: 0, session };
        assert!(ClientId::try_from(session(ClientId::LAST_SESSION)).is_ok());
        ClientId::try_from(session(u64::MAX)).expect_err("no session");
        let name = |seq| WrittenCommand { client: ClientId::default(), seq };
        assert!(CommandId::try_from(name(CommandId::LAST_SEQ)).is_ok());
        CommandId::try_from(name(u64::MAX)).expect_err("no command");
    }
}
