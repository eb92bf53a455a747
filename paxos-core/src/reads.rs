//! Reads without a slot of the log: how fresh an answer must be, and how a process learns which slots its replica must
//! have executed for it.

mod index;
mod lease;
mod round;

pub use index::answered_below;
pub(crate) use lease::{Beats, Grants, usable};
pub(crate) use round::{Inquiry, Question, Reads};

use crate::{Ballot, Kind, Slot};
use core::fmt;
use serde::{Deserialize, Serialize};

/// How fresh the state must be that a read sees.
///
/// The first three are linearizable: the state has every command that was answered before the read began, and
/// everything that an earlier linearizable read saw. Each names a way to read. If that way is not available, the read
/// takes another: an expired lease is replaced by a confirmation. If no leader can tell how far the log goes (no
/// leader is known, a fast ballot is open, or every instance has its own phase 1), acceptors are asked.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Consistency {
    /// The leader tells how far the log goes, when a phase 2 quorum has confirmed that it still leads (*read index*,
    /// Ongaro 2014, §6.4).
    Confirmed,
    /// The leader tells it alone, while its lease lasts ([`crate::Timeouts::lease`]).
    Lease,
    /// A phase 1 quorum of acceptors tells how far it has voted, without the leader (Charapko, Ailijiang, Demirbas,
    /// *Linearizable Quorum Reads in Paxos*, `HotStorage` 2019). The last values voted for may not be chosen before
    /// the next leader is elected or, where leaders appoint themselves, before the next command.
    ///
    /// The paper has majorities and classic ballots. For other quorums the argument is our own. Every answered command
    /// was chosen by a phase 2 quorum of a fast or classic ballot, which shares an acceptor with every phase 1 quorum.
    /// That acceptor voted in the slot before the answer, hence before the read, and reports a slot at least as high.
    Quorum,
    /// The state as it is, at once. It may be old: [`Readable::applied`] tells how old.
    Local,
    /// The state when every slot below this one is executed: at least as fresh as an answer from the slot before. The
    /// read waits until then.
    AtLeast(Slot),
}

impl Consistency {
    /// Whether the read sees everything that any process knew to have happened when it began.
    pub const fn is_linearizable(self) -> bool {
        match self {
            Self::Confirmed | Self::Lease | Self::Quorum => true,
            Self::Local | Self::AtLeast(_) => false,
        }
    }
}

/// The id of a read at its process.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub struct ReadId {
    /// The incarnation of the process. An answer to an earlier incarnation says nothing about later reads.
    pub session: u32,
    /// The number of the read, from 0 in each incarnation.
    pub number: u64,
}

impl fmt::Display for ReadId {
    /// `r4` is the fifth read of a process; `r1#4` is the fifth read of its second incarnation.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.session {
            0 => write!(f, "r{}", self.number),
            incarnation => write!(f, "r{incarnation}#{}", self.number),
        }
    }
}

/// A read that may be answered now, from this process's replica as it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Readable {
    /// The read.
    pub id: ReadId,
    /// The replica has executed every slot below.
    pub applied: Slot,
}

/// The reason why a read is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// Too many reads are waiting.
    #[error("overloaded: {limit} reads are already waiting; try again when some are answered")]
    Overloaded {
        /// The limit, in reads.
        limit: usize,
    },
    /// The process has no replica.
    #[error("this process has no replica to read from; read at a learner, or submit a command that reads")]
    NoReplica,
    /// The process was removed from the cluster. No member answers its questions, so it cannot know how far the log
    /// goes. It still takes reads that are not linearizable.
    #[error(
        "this process was removed from the cluster and cannot know how far the log goes; read at a member"
    )]
    Removed,
}

/// The messages about reads.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum ReadMessage {
    /// Learner to leader: how far does the log go?
    Index {
        /// The first of the reads that the question is for.
        id: ReadId,
        /// Whether the leader may rely on its lease.
        lease: bool,
    },
    /// Leader to learner: everything that had happened when you asked lies below this slot.
    At {
        /// As in the question.
        id: ReadId,
        /// The slot. None: this process does not lead, or cannot tell.
        slot: Option<Slot>,
    },
    /// Learner to acceptor: how far have you voted?
    Votes {
        /// The first of the reads that the question is for.
        id: ReadId,
    },
    /// Acceptor to learner: I have voted in no slot from this one on.
    VotedBelow {
        /// As in the question.
        id: ReadId,
        /// The slot.
        slot: Slot,
    },
    /// Leader to acceptor: I no longer rely on the lease that you granted me in this ballot.
    Release {
        /// The ballot in which it leads or led.
        ballot: Ballot,
    },
}

impl ReadMessage {
    /// The kind of the message.
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
