//! Reads that need no slot of the log: how new an answer must be, and how a process finds out how far its replica
//! must have come for that.

mod index;
mod lease;
mod round;

pub use index::answered_below;
pub(crate) use lease::{Beats, Grants, usable};
pub(crate) use round::{Inquiry, Question, Reads};

use crate::{Ballot, Kind, Slot};
use core::fmt;
use serde::{Deserialize, Serialize};

/// How new the state must be that a read sees.
///
/// The first three are linearizable: the state has every command whose answer reached anybody before the read began,
/// and nothing that an earlier such read saw is missing. Each names a way, and a read takes another one where its own
/// is barred: a lease that has run out is confirmed, and where no leader can say how far the log goes (none is known,
/// a fast ballot is open, every instance has a phase 1 of its own), acceptors are asked.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Consistency {
    /// The leader says how far the log goes once a phase 2 quorum has confirmed that it still leads (*read index*, Ongaro
    /// 2014, §6.4).
    Confirmed,
    /// The leader says so alone while its lease lasts ([`crate::Timeouts::lease`]).
    Lease,
    /// A phase 1 quorum of acceptors says how far it has voted, without the leader (Charapko, Ailijiang, Demirbas,
    /// *Linearizable Quorum Reads in Paxos*, `HotStorage` 2019). What was voted for last may not be chosen before the
    /// next leader comes, or, where leaders appoint themselves, before the next command.
    ///
    /// The paper has majorities and classic ballots. For other quorums the argument is ours: what was answered was chosen by a phase 2
    /// quorum of some ballot, fast or classic; each shares an acceptor with every phase 1 quorum; that acceptor had voted in the slot
    /// before the answer, and so before the read, and tells a slot at least as high.
    Quorum,
    /// What is there, at once. It may be old: [`Readable::applied`] says how old.
    Local,
    /// What is there as soon as every slot below this one is executed: at least as new as an answer that was given in
    /// the slot before. It waits for as long as that takes.
    AtLeast(Slot),
}

impl Consistency {
    /// Whether the read sees all that anybody knew to have happened when it began.
    pub const fn is_linearizable(self) -> bool {
        match self {
            Self::Confirmed | Self::Lease | Self::Quorum => true,
            Self::Local | Self::AtLeast(_) => false,
        }
    }
}

/// The name of a read at its process.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub struct ReadId {
    /// Which life of the process: an answer to a former one says nothing about reads that began later.
    pub session: u32,
    /// Counted from 0 in each life.
    pub number: u64,
}

impl fmt::Display for ReadId {
    /// `r4` is the fifth read of a process, `r1#4` that of its second life.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.session {
            0 => write!(f, "r{}", self.number),
            life => write!(f, "r{life}#{}", self.number),
        }
    }
}

/// A read that may be answered now, from this process's replica as it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Readable {
    /// Which read.
    pub id: ReadId,
    /// The replica has executed every slot below.
    pub applied: Slot,
}

/// Why a read is not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// Too many are waiting.
    #[error("overloaded: {limit} reads are waiting already; try again when some are answered")]
    Overloaded {
        /// The limit that was hit, in reads.
        limit: usize,
    },
    /// The process executes nothing.
    #[error("this process has no replica to read from; read at a learner, or submit a command that reads")]
    NoReplica,
    /// The process was removed from the cluster: no member answers its questions any more, so it cannot know how far the
    /// log goes. It still takes reads that are not linearizable.
    #[error(
        "this process was removed from the cluster and cannot know how far the log goes; read at a member"
    )]
    Removed,
}

/// What processes say to each other about reads.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum ReadMessage {
    /// Learner to leader: how far does the log go?
    Index {
        /// The first of the reads that ask.
        id: ReadId,
        /// Whether the leader may rely on its lease.
        lease: bool,
    },
    /// Leader to learner: all that had happened when you asked lies below.
    At {
        /// As in the question.
        id: ReadId,
        /// That slot; none: this process does not lead, or cannot say.
        slot: Option<Slot>,
    },
    /// Learner to acceptor: how far have you voted?
    Votes {
        /// The first of the reads that ask.
        id: ReadId,
    },
    /// Acceptor to learner: I have voted in no slot from this one on.
    VotedBelow {
        /// As in the question.
        id: ReadId,
        /// That slot.
        slot: Slot,
    },
    /// Leader to acceptor: I shall not rely on what you granted me in this ballot any more.
    Release {
        /// The ballot it leads in, or led.
        ballot: Ballot,
    },
}

impl ReadMessage {
    /// What kind of message it is.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Index { .. } => Kind::ReadIndex,
            Self::At { .. } => Kind::ReadAt,
            Self::Votes { .. } => Kind::ReadVotes,
            Self::VotedBelow { .. } => Kind::VotedBelow,
            Self::Release { .. } => Kind::Release,
        }
    }
}

impl fmt::Display for ReadMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.kind().name();
        match self {
            Self::Index { id, lease: false } | Self::Votes { id } => write!(f, "{name} {id}"),
            Self::Index { id, lease: true } => write!(f, "{name} {id}, by lease"),
            Self::At { id, slot: None } => write!(f, "{name} {id}, cannot say"),
            Self::At { id, slot: Some(slot) } | Self::VotedBelow { id, slot } => {
                write!(f, "{name} {id} <{slot}")
            }
            Self::Release { ballot } => write!(f, "{name} {ballot}"),
        }
    }
}
