//! The messages between processes.

mod kind;
mod size;

pub use kind::Kind;

use crate::{
    Ballot, Batch, Bytes, ClientId, CommandId, Fact, Incarnation, Membership, NodeId, NodeSet, Overloaded,
    Protocol, ReadMessage, Slot, SlotRange, SnapshotId, Time, Unchangeable,
};
use core::fmt::Debug;
use core::hash::Hash;
use serde::{Deserialize, Serialize};

/// A message or record that belongs to a ballot.
pub trait InBallot {
    /// The ballot.
    fn ballot(&self) -> Ballot;
}

/// Implements [`InBallot`] for messages with a field `ballot`.
///
/// ```
/// use paxos_core::{Ballot, InBallot, in_ballot};
///
/// struct Prepare {
///     ballot: Ballot,
/// }
/// struct Accept<V> {
///     ballot: Ballot,
///     value: V,
/// }
/// in_ballot! { Prepare, Accept<V> }
///
/// assert_eq!(Accept { ballot: Ballot::ZERO, value: 7 }.ballot(), Prepare { ballot: Ballot::ZERO }.ballot());
/// ```
#[macro_export]
macro_rules! in_ballot {
    ($($message:ident $(<$value:ident>)?),+) => {$(
        impl $(<$value>)? $crate::InBallot for $message $(<$value>)? {
            fn ballot(&self) -> $crate::Ballot {
                self.ballot
            }
        }
    )+};
}

/// A message of a variant: one of the phases of the papers.
pub trait PhaseMessage<V>: InBallot + Clone + Debug + Eq + Hash + Send + Sync + 'static {
    /// Whether its numbers are possible: its slots are slots, and its parts agree with each other. A message that is
    /// not sound changes nothing.
    fn is_sound(&self) -> bool;
    /// Whether it is a phase 2a that proposes nothing, and only opens a fast ballot ([`Kind::Any`]).
    fn is_any(&self) -> bool {
        false
    }
    /// In a phase 2a, the furthest slot that it names, either to vote in or as the end of what is chosen. A process
    /// that knows of nothing near this slot acts on the message only when it arrives again.
    fn furthest(&self) -> Slot {
        Slot(0)
    }
    /// Reports the facts that it states, slot by slot, for traces and for the invariants of the simulator.
    fn facts(&self, tell: &mut dyn FnMut(Fact<'_, V>));
}

/// The processes that should act on a request.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Audience {
    /// The leader. Other processes answer which process leads.
    Leader,
    /// The acceptors: each votes for the commands in a fast ballot. A leader only watches.
    Acceptors,
    /// Any process that can help: the client asks again.
    Anyone,
    /// The leader. A server that hears the leader has passed the request on for a client that may not reach it. The
    /// request is not refused, and not passed on again.
    Relayed,
}

/// Commands of one client that it wants chosen.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Request<V> {
    /// The commands, with consecutive sequence numbers.
    pub commands: Batch<V>,
    /// The processes that should act on it.
    pub audience: Audience,
}

/// An acceptor's refusal: it has promised a higher ballot.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Nack {
    /// The ballot that was refused.
    pub refused: Ballot,
    /// The ballot that is promised.
    pub promised: Ballot,
    /// The slots of the refused message.
    pub slots: SlotRange,
}

/// Why a proposer refuses a request.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Refusal {
    /// The proposer does not lead; this process leads, as far as it knows.
    NotLeader(Option<NodeId>),
    /// A limit on waiting commands is reached.
    Overloaded(Overloaded),
}

/// Commands that a proposer refuses, with consecutive sequence numbers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Refused {
    /// The reason.
    pub refusal: Refusal,
    /// The session whose commands they are.
    pub client: ClientId,
    /// The sequence number of the first command.
    pub first: u64,
    /// The sequence number after that of the last command.
    pub end: u64,
    /// Whether the proposer had already taken them. If so, they may have been proposed, and may still be chosen.
    pub taken: bool,
}

impl Refused {
    /// Returns refusals for all `commands`, one for each run of consecutive commands.
    pub(crate) fn each(refusal: Refusal, taken: bool, mut commands: Vec<CommandId>) -> Vec<Self> {
        commands.sort_unstable();
        let mut all: Vec<Self> = Vec::new();
        for CommandId { client, seq } in commands {
            let end = seq.saturating_add(1);
            match all.last_mut() {
                Some(last) if last.client == client && seq <= last.end => last.end = end,
                _ => all.push(Self { refusal, client, first: seq, end, taken }),
            }
        }
        all
    }
}

/// The result of a chosen command.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Outcome<R> {
    /// It was executed, with this reply.
    Executed(R),
    /// The client's session had expired, so it was not executed here. Whether it was executed before is forgotten.
    SessionExpired {
        /// The number of the last known session of the client's process.
        latest: u64,
    },
    /// It was a change of members. It takes effect from this slot on, or cannot be made.
    Changed(Result<Slot, Unchangeable>),
    /// It was executed before, and its reply is not kept ([`crate::Limits::reply_bytes`]).
    NotKept,
}

/// The answer to a command.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Reply<R> {
    /// The command.
    pub id: CommandId,
    /// The slot it was executed in; for an expired session, a slot by which the session had ended.
    pub slot: Slot,
    /// The result.
    pub outcome: Outcome<R>,
}

/// One message between two processes.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
#[serde(bound(
    serialize = "P::Value: Serialize, P::Prepare: Serialize, P::Promise: Serialize, \
                 P::Accept: Serialize, P::Accepted: Serialize, P::Decision: Serialize",
    deserialize = "P::Value: Deserialize<'de>, P::Prepare: Deserialize<'de>, \
                   P::Promise: Deserialize<'de>, P::Accept: Deserialize<'de>, P::Accepted: Deserialize<'de>, \
                   P::Decision: Deserialize<'de>"
))]
pub enum Message<P: Protocol> {
    /// Client to proposer or acceptor: get these commands chosen.
    Request(Request<P::Value>),
    /// Proposer to acceptor: promise this ballot, and report your votes.
    #[doc(alias = "1a")]
    Prepare(P::Prepare),
    /// Acceptor to proposer: I promise, and these are my votes.
    #[doc(alias = "1b")]
    Promise(P::Promise),
    /// Proposer to acceptor: vote for this.
    #[doc(alias = "2a")]
    Accept(P::Accept),
    /// Acceptor to learners: I voted for this.
    #[doc(alias = "2b")]
    Accepted(P::Accepted),
    /// Acceptor to proposer: I refuse, because I have promised a higher ballot.
    Nack(Nack),
    /// Distinguished learner to learners: this is chosen.
    Decide(P::Decision),
    /// Learner to client: your command was executed, or why it was not.
    Reply(Reply<P::Reply>),
    /// Proposer to client: I do not lead, or too much is waiting.
    Refuse(Refused),
    /// Server to a client that may not know them: these are the current members.
    Members {
        /// The version of the members: a higher one is newer ([`crate::Epochs::version`]).
        version: u64,
        /// The current members.
        members: Membership,
    },
    /// Leader to every process: I am alive.
    Heartbeat {
        /// The ballot it leads in.
        ballot: Ballot,
        /// Every slot below it is chosen.
        chosen: Slot,
        /// When the leader sent it, on the leader's clock. The receiver returns it.
        sent: Time,
    },
    /// Acceptor to leader: I hear you, and have promised no higher ballot.
    Heard {
        /// As in the heartbeat.
        ballot: Ballot,
        /// As in the heartbeat.
        sent: Time,
    },
    /// Learner to learners and proposers: I know everything below `chosen`; tell me if you know more. A proposer that does not
    /// learn repeats to learners what it was told.
    Progress {
        /// The sender knows what is chosen in every slot below, or was told that something is.
        chosen: Slot,
        /// Every slot below is on the sender's disk ([`crate::Status::durable`]).
        durable: Slot,
    },
    /// Learner to learner: send me what is chosen from `from` on.
    CatchUp {
        /// The first slot that is missing.
        from: Slot,
    },
    /// Learner to learner: this is chosen.
    Chosen {
        /// The slot of the first entry.
        first: Slot,
        /// Consecutive slots.
        batch: Batch<P::Value>,
        /// The sender knows every slot below: ask for more if you do not.
        known: Slot,
        /// In the last message of an answer: the slot from which the receiver asked.
        asked: Option<Slot>,
    },
    /// Proposer to acceptors: I hear no leader; would you follow me? It asks for no promise, and belongs to no ballot.
    PreVote {
        /// The slot at which a campaign would begin: every slot below is known to be chosen.
        chosen: Slot,
        /// When the proposer sent it, on the proposer's clock. The receiver returns it.
        sent: Time,
    },
    /// Acceptor to proposer: whether I would follow you.
    PreVoteReply {
        /// As in the pre-vote.
        sent: Time,
        /// Whether the acceptor would follow.
        granted: bool,
    },
    /// Leader to a proposer: campaign at once, in a higher ballot than mine.
    Transfer {
        /// The ballot it leads in.
        ballot: Ballot,
        /// Every slot below is chosen. The receiver must know these slots before it campaigns.
        chosen: Slot,
    },
    /// A question or an answer about reads.
    Read(ReadMessage),
    /// Learner to learner: this snapshot holds what you miss; my log no longer does.
    Offer {
        /// The snapshot.
        snapshot: SnapshotId,
    },
    /// Learner to learner: send me the bytes of this snapshot from `offset` on.
    Fetch {
        /// The snapshot.
        snapshot: SnapshotId,
        /// The number of bytes that the sender already has.
        offset: u64,
    },
    /// Learner to learner: some bytes of a snapshot.
    Chunk {
        /// The snapshot.
        snapshot: SnapshotId,
        /// The offset of the first byte.
        offset: u64,
        /// The bytes.
        bytes: Bytes,
    },
    /// Server to another process: I remember a different state of your store, so I do not believe you.
    Forgotten {
        /// The store that the other process reported.
        store: Incarnation,
        /// The store that the sender remembers.
        known: Incarnation,
    },
    /// Server to another process: I have begun with this store; do you remember another one?
    Recognize {
        /// The sender's store.
        store: Incarnation,
    },
    /// Server to another process: I remember no other store of yours.
    Recognized {
        /// The store that the other process reported.
        store: Incarnation,
    },
}

impl<P: Protocol> Message<P> {
    /// What kind it is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Request(_) => Kind::Request,
            Self::Prepare(_) => Kind::Prepare,
            Self::Promise(_) => Kind::Promise,
            Self::Accept(accept) if accept.is_any() => Kind::Any,
            Self::Accept(_) => Kind::Accept,
            Self::Accepted(_) => Kind::Accepted,
            Self::Nack(_) => Kind::Nack,
            Self::Decide(_) => Kind::Decide,
            Self::Reply(_) => Kind::Reply,
            Self::Refuse(_) => Kind::Refuse,
            Self::Members { .. } => Kind::Members,
            Self::Heartbeat { .. } => Kind::Heartbeat,
            Self::Heard { .. } => Kind::Heard,
            Self::Progress { .. } => Kind::Progress,
            Self::CatchUp { .. } => Kind::CatchUp,
            Self::Chosen { .. } => Kind::Chosen,
            Self::PreVote { .. } => Kind::PreVote,
            Self::PreVoteReply { .. } => Kind::PreVoteReply,
            Self::Transfer { .. } => Kind::Transfer,
            Self::Read(message) => message.kind(),
            Self::Offer { .. } => Kind::Offer,
            Self::Fetch { .. } => Kind::Fetch,
            Self::Chunk { .. } => Kind::Chunk,
            Self::Forgotten { .. } => Kind::Forgotten,
            Self::Recognize { .. } => Kind::Recognize,
            Self::Recognized { .. } => Kind::Recognized,
        }
    }
}

/// The receivers of a message. A message to many receivers is encoded once.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum To {
    /// One process, of any id.
    One(NodeId),
    /// Each member of a set.
    Each(NodeSet),
}

impl To {
    /// The receivers.
    pub fn iter(self) -> impl Iterator<Item = NodeId> {
        let (one, set) = match self {
            Self::One(node) => (Some(node), NodeSet::EMPTY),
            Self::Each(set) => (None, set),
        };
        one.into_iter().chain(set.iter())
    }

    /// The number of receivers.
    pub const fn len(self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Each(set) => set.len(),
        }
    }

    /// Whether there is no receiver.
    pub const fn is_empty(self) -> bool {
        match self {
            Self::One(_) => false,
            Self::Each(set) => set.is_empty(),
        }
    }
}

/// A message and its receivers. Its sender is the node that produced it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Envelope<P: Protocol> {
    /// The receivers.
    pub to: To,
    /// The message.
    pub message: Message<P>,
}
