//! Ids of processes, and of clients and their commands.

use core::cmp::Ordering;
use core::fmt;
use serde::{Deserialize, Serialize};

/// The id of a process. Processes with a role other than client have ids below [`crate::NodeSet::CAPACITY`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct NodeId(pub u16);

/// The id of a client session. No earlier session of the same process has the same id, except with a small chance if
/// its disk was lost or put back. Replies go to `node`. A process has one session at a time, and newer sessions
/// compare higher.
///
/// Ids are unique because `nonce` is drawn at random for each start of the process: a process whose disk was wiped, or
/// put back from an older copy, draws the nonce of an earlier start once in 2³². Newer sessions compare higher because
/// `session` grows with each start, which is counted on disk, and with each renewal. A process whose disk has
/// forgotten starts begins with a number that is too low. Replicas do not execute its commands, and tell it the last
/// number that they know; it continues with a higher one.
///
/// The highest number is [`ClientId::LAST_SESSION`]. It allows 2³¹ starts, one each second for 68 years, with 2³²
/// renewals each. No higher number can be read from a message or a disk.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "WrittenClient", into = "WrittenClient")]
pub struct ClientId {
    /// The process that waits for the reply.
    pub node: NodeId,
    /// A random number, drawn for each start of the process.
    pub nonce: u32,
    /// The number of the session. Newer sessions of a process have higher numbers.
    pub session: u64,
}

impl PartialOrd for ClientId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Orders by process, then by age.
impl Ord for ClientId {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.node, self.session, self.nonce).cmp(&(other.node, other.session, other.nonce))
    }
}

/// A client session as it is encoded.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename = "ClientId")]
struct WrittenClient {
    node: NodeId,
    nonce: u32,
    session: u64,
}

/// The id of one command, forever: retransmissions have the same id. No number above [`CommandId::LAST_SEQ`] can be
/// read from a message or a disk; at ten million commands a second, it lasts for 228 years.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "WrittenCommand", into = "WrittenCommand")]
pub struct CommandId {
    /// The session of the command.
    pub client: ClientId,
    /// The client's count of its commands, from 0 without gaps. It continues when the session is renewed.
    pub seq: u64,
}

/// The id of a command as it is encoded.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename = "CommandId")]
struct WrittenCommand {
    client: ClientId,
    seq: u64,
}

impl ClientId {
    /// The highest session number.
    pub const LAST_SESSION: u64 = (1 << 63) - 1;

    /// Returns the first session of a start of the process; `incarnation` counts its starts, from 0.
    pub fn first_of(node: NodeId, incarnation: u32) -> Self {
        Self { node, nonce: 0, session: (u64::from(incarnation) << 32).min(Self::LAST_SESSION) }
    }

    /// Returns the next session, newer than all with a number up to `latest`. A `latest` beyond halfway to the last
    /// number is not believed: no process starts that often, and no numbers would be left.
    #[must_use]
    pub fn renewed(self, latest: u64) -> Self {
        let credible = latest <= self.session + Self::LAST_SESSION.saturating_sub(self.session) / 2;
        let latest = if credible { latest.max(self.session) } else { self.session };
        Self { session: latest.saturating_add(1).min(Self::LAST_SESSION), ..self }
    }
}

impl CommandId {
    /// The highest sequence number.
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
            (incarnation, 0) => write!(f, "/{incarnation}"),
            (incarnation, renewal) => write!(f, "/{incarnation}.{renewal}"),
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
