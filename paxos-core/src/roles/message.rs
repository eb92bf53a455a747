//! What processes say to each other.

mod kind;
mod size;

pub use kind::Kind;

use crate::{
    Ballot, Batch, Bytes, ClientId, CommandId, Fact, Membership, NodeId, NodeSet, Overloaded, Protocol,
    ReadMessage, Slot, SlotRange, SnapshotId, StoreLife, Time, Unchangeable,
};
use core::fmt::Debug;
use core::hash::Hash;
use serde::{Deserialize, Serialize};

/// Something that is said or recorded in a ballot.
pub trait InBallot {
    /// That ballot.
    fn ballot(&self) -> Ballot;
}

/// A message of a variant: the phases of the papers.
pub trait Phrase<V>: InBallot + Clone + Debug + Eq + Hash + Send + Sync + 'static {
    /// What kind of message it is.
    fn kind(&self) -> Kind;
    /// Whether its numbers can be true: its slots are slots, and what it reports agrees with itself. One that is not sound
    /// changes nothing.
    fn is_sound(&self) -> bool;
    /// Of a phase 2a: the furthest slot that it names, to vote in or to say how far everything is chosen. A process that
    /// knows of nothing near it acts on it when it is named again.
    fn furthest(&self) -> Slot {
        Slot(0)
    }
    /// Tells what it says, slot by slot, for traces and for the invariants of the simulator.
    fn facts(&self, tell: &mut dyn FnMut(Fact<'_, V>));
}

/// Who is to act on a request.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Audience {
    /// The leader; others say who that is.
    Leader,
    /// The acceptors, of which each votes for it in a fast ballot; a leader only looks on.
    Acceptors,
    /// Whoever can do something about it: the client asks again.
    Anyone,
    /// The leader, asked by a server that hears it on behalf of a client that may not reach it. It is not refused,
    /// and not passed on again.
    Relayed,
}

/// Commands of one client, to be agreed on.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Request<V> {
    /// The commands, with consecutive sequence numbers.
    pub commands: Batch<V>,
    /// Who is to act.
    pub audience: Audience,
}

/// An acceptor's refusal: it has promised a higher ballot.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Nack {
    /// The ballot that was refused.
    pub refused: Ballot,
    /// The ballot that is promised.
    pub promised: Ballot,
    /// The slots concerned.
    pub slots: SlotRange,
}

/// Why a proposer does not take a request.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Refusal {
    /// Another process leads, perhaps this one.
    NotLeader(Option<NodeId>),
    /// As much as may wait here waits already.
    Overloaded(Overloaded),
}

/// Commands that a proposer refuses, with consecutive sequence numbers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Refused {
    /// Why.
    pub refusal: Refusal,
    /// Whose commands.
    pub client: ClientId,
    /// The first one's number.
    pub first: u64,
    /// The number behind the last one's.
    pub end: u64,
    /// Whether the proposer had taken them before: then they may have been proposed, and may yet be chosen.
    pub taken: bool,
}

impl Refused {
    /// The refusals of all the `commands`: one for those that follow each other.
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

/// What became of a command that was chosen.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Outcome<R> {
    /// It was executed, and this is what that returned.
    Executed(R),
    /// Its client's session had ended by then. It was not executed there; whether it was before is forgotten.
    SessionExpired {
        /// The number of the last session of the client's process that is known.
        latest: u64,
    },
    /// It was a change of members, which takes effect from this slot on, or cannot be made.
    Changed(Result<Slot, Unchangeable>),
    /// It was executed before, and what that returned is not kept ([`crate::Limits::reply_bytes`]).
    NotKept,
}

/// The answer to a command.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Reply<R> {
    /// Which command.
    pub id: CommandId,
    /// The slot it was executed in; of an expired session, a slot by which it had ended.
    pub slot: Slot,
    /// What became of it.
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
    /// Client to proposer or acceptor: get these agreed.
    Request(Request<P::Value>),
    /// Proposer to acceptor: promise this ballot, and tell what you voted.
    #[doc(alias = "1a")]
    Prepare(P::Prepare),
    /// Acceptor to proposer: promised, and this is what I voted.
    #[doc(alias = "1b")]
    Promise(P::Promise),
    /// Proposer to acceptor: vote for this.
    #[doc(alias = "2a")]
    Accept(P::Accept),
    /// Acceptor to learners: I voted for this.
    #[doc(alias = "2b")]
    Accepted(P::Accepted),
    /// Acceptor to proposer: no, there is a higher ballot.
    Nack(Nack),
    /// Distinguished learner to learners: this is chosen.
    Decide(P::Decision),
    /// Learner to client: executed, or why not.
    Reply(Reply<P::Reply>),
    /// Proposer to client: not here, or not now.
    Refuse(Refused),
    /// Server to a client that may not know it: these are the members now.
    Members {
        /// Which change made them so: higher is newer ([`crate::Epochs::version`]).
        version: u64,
        /// They.
        members: Membership,
    },
    /// Leader to everyone: I am here.
    Heartbeat {
        /// The ballot it leads in.
        ballot: Ballot,
        /// Every slot below is chosen.
        chosen: Slot,
        /// When it is sent, on the leader's clock: a token to be returned.
        sent: Time,
    },
    /// Acceptor to leader: I hear you, and have promised no higher ballot.
    Heard {
        /// As in the heartbeat.
        ballot: Ballot,
        /// As in the heartbeat.
        sent: Time,
    },
    /// Learner to learners and proposers: I know everything below `chosen`; tell me if you know more.
    Progress {
        /// Every slot below is known.
        chosen: Slot,
        /// Every slot below is on the sender's disk ([`crate::Status::durable`]).
        durable: Slot,
    },
    /// Learner to learner: send me what is chosen from this slot on.
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
        /// The sender knows everything below this slot: ask for more if you do not.
        known: Slot,
        /// In the last message of an answer: from which slot on it was asked for.
        asked: Option<Slot>,
    },
    /// Proposer to acceptors: I hear no leader; would you follow me? It asks for no promise, and is in no ballot.
    Canvass {
        /// Every slot below is known to be chosen: where a campaign would begin.
        chosen: Slot,
        /// When it is sent, on the proposer's clock: a token to be returned.
        sent: Time,
    },
    /// Acceptor to proposer: I would, or I would not.
    Support {
        /// As in the question.
        sent: Time,
        /// Whether it would.
        granted: bool,
    },
    /// Leader to a proposer: campaign at once, in a higher ballot than mine.
    TakeOver {
        /// The ballot it leads in.
        ballot: Ballot,
        /// Every slot below is chosen: be as far as that before.
        chosen: Slot,
    },
    /// About reads.
    Read(ReadMessage),
    /// Learner to learner: what you miss is in this snapshot, and not in my log any more.
    Offer {
        /// The snapshot.
        snapshot: SnapshotId,
    },
    /// Learner to learner: send me the bytes of this snapshot from `offset` on.
    Fetch {
        /// The snapshot.
        snapshot: SnapshotId,
        /// How many bytes are there already.
        offset: u64,
    },
    /// Learner to learner: some bytes of a snapshot.
    Chunk {
        /// The snapshot.
        snapshot: SnapshotId,
        /// Where they belong.
        offset: u64,
        /// The bytes.
        bytes: Bytes,
    },
    /// Server to a process whose store it was told of: I remember another one, or more of it, and do not believe you.
    Forgotten {
        /// The store that was told of.
        store: StoreLife,
        /// The store that is remembered.
        known: StoreLife,
    },
}

impl<P: Protocol> Message<P> {
    /// What kind it is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Request(_) => Kind::Request,
            Self::Prepare(m) => m.kind(),
            Self::Promise(m) => m.kind(),
            Self::Accept(m) => m.kind(),
            Self::Accepted(m) => m.kind(),
            Self::Nack(_) => Kind::Nack,
            Self::Decide(m) => m.kind(),
            Self::Reply(_) => Kind::Reply,
            Self::Refuse(_) => Kind::Refuse,
            Self::Members { .. } => Kind::Members,
            Self::Heartbeat { .. } => Kind::Heartbeat,
            Self::Heard { .. } => Kind::Heard,
            Self::Progress { .. } => Kind::Progress,
            Self::CatchUp { .. } => Kind::CatchUp,
            Self::Chosen { .. } => Kind::Chosen,
            Self::Canvass { .. } => Kind::Canvass,
            Self::Support { .. } => Kind::Support,
            Self::TakeOver { .. } => Kind::TakeOver,
            Self::Read(message) => message.kind(),
            Self::Offer { .. } => Kind::Offer,
            Self::Fetch { .. } => Kind::Fetch,
            Self::Chunk { .. } => Kind::Chunk,
            Self::Forgotten { .. } => Kind::Forgotten,
        }
    }
}

/// Whom a message goes to. One that goes to many is encoded once.
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

    /// How many messages that is.
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

/// A message and its receivers; the sender is the node it was taken from.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Envelope<P: Protocol> {
    /// The receivers.
    pub to: To,
    /// The message.
    pub message: Message<P>,
}
