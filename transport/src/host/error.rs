//! What ends without an answer, and why.

use crate::carrier::TransportError;
use crate::storage::StorageError;
use core::time::Duration;
use paxos_core::{Amnesia, Ballot, NodeId, Overloaded, ReadError, RestoreError, Slot, Unanswered};
use std::sync::Arc;

/// Why a command was not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProposeError {
    /// Too many commands of this process are unanswered, or, if its clients report refusals
    /// ([`paxos_core::Patience::Report`]), too many wait at the leader. The command was not taken and will not take
    /// effect.
    #[error(transparent)]
    Overloaded(#[from] Overloaded),
    /// This process does not lead; the process named here may. Only clients that report refusals return this
    /// ([`paxos_core::Patience::Report`]). The command was not taken and will not take effect.
    #[error("{}", Unanswered::NotLeader(*leader))]
    NotLeader {
        /// The leader, as far as this process knows.
        leader: Option<NodeId>,
    },
    /// The process stopped before it knew the outcome, gave up waiting ([`paxos_core::Timeouts::give_up`]), or hangs in
    /// its store. The command may have taken effect, or may do so later.
    #[error(
        "the process stopped or gave up before the command was answered: check whether it took effect before you \
         repeat it"
    )]
    OutcomeUnknown,
    /// The session of the process's client expired because none of its commands was agreed on for too long
    /// ([`paxos_core::Limits::idle`]). The command may have taken effect; if not, it never will. The next command
    /// starts a new session.
    #[error("the client's session had expired: check whether the command took effect before you repeat it")]
    SessionExpired,
    /// The command was executed once, in this slot, but its answer was lost on the way and is not kept
    /// ([`paxos_core::Limits::reply_bytes`]).
    #[error("{}", Unanswered::AnswerNotKept(*slot))]
    AnswerNotKept {
        /// The slot in which it was executed.
        slot: Slot,
    },
    /// No message can carry the command ([`crate::Transport::longest_message`]). It was not taken and will not take effect.
    #[error(
        "the command has {bytes} bytes, and the carrier takes messages of up to {longest} bytes: propose smaller ones, or raise \
         the carrier's limit on every process"
    )]
    TooLarge {
        /// The size of the command ([`paxos_core::Value::bytes`]).
        bytes: usize,
        /// The longest message that the carrier carries, in bytes.
        longest: usize,
    },
    /// The process had already stopped. The command was not taken and will not take effect.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

impl From<Unanswered> for ProposeError {
    fn from(unanswered: Unanswered) -> Self {
        match unanswered {
            Unanswered::NotLeader(leader) => Self::NotLeader { leader },
            Unanswered::Overloaded(overloaded) => Self::Overloaded(overloaded),
            Unanswered::SessionExpired => Self::SessionExpired,
            Unanswered::AnswerNotKept(slot) => Self::AnswerNotKept { slot },
            // Whatever other outcomes are added later, nothing is known about the command.
            Unanswered::OutcomeUnknown | _ => Self::OutcomeUnknown,
        }
    }
}

/// Why a read was not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadFailure {
    /// The process refuses the read.
    #[error(transparent)]
    Refused(#[from] ReadError),
    /// The process is not a member, as a spare, or does not know yet that it is one. The members answer no questions of
    /// such a process, so it cannot know how far the log goes. It still takes reads that are not linearizable.
    #[error(
        "this process is not a member, and cannot know how far the log goes; read at a member, or propose a command that \
         reads"
    )]
    Outside,
    /// The process stopped before the read or during it.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// The read was not answered for [`paxos_core::Timeouts::give_up`]. It changed nothing.
    #[error(
        "the read was not answered in time: too few members can be reached, or this process's store hangs; try again, or \
         read at another member"
    )]
    TimedOut,
}

/// The process has stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this process has stopped: ask another member, or restart it")]
pub struct Stopped;

/// The error that stopped a process. Unless stated below, the process may be restarted from its store.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// The store failed.
    #[error("the process cannot run without its store: {0}")]
    Storage(Arc<StorageError>),
    /// The carrier failed.
    #[error("the process cannot run without its network: {0}")]
    Transport(Arc<TransportError>),
    /// The state machine cannot take over a snapshot, its own or that of another member.
    #[error("the process cannot take over a snapshot: {0}")]
    Restore(#[from] RestoreError),
    /// The store holds the last ballot of all, which no cluster reaches.
    #[error(
        "the store holds ballot {0}, after which no leader could be elected: restore an earlier copy, or replace \
         the process with a new member"
    )]
    Exhausted(Ballot),
    /// The other members know that this process has forgotten promises: its disk is not the one that it had. It must
    /// not be restarted from this store.
    #[error("the other members do not believe this process any more: {0}")]
    Forgot(Amnesia),
    /// The carrier cannot carry messages as long as the limits allow; they would never arrive.
    #[error(
        "messages may have up to {needed} bytes (`Limits::longest_message`), and the carrier takes up to {longest}: raise the \
         carrier's limit, or lower `Limits::batch_bytes`, `batch` or `chunk`, on every process"
    )]
    Carrier {
        /// The longest message that the configuration allows, in bytes.
        needed: usize,
        /// The longest message that the carrier carries.
        longest: usize,
    },
    /// The lease outlasts the time after which others may campaign, so a dead leader would hold them up for longer than
    /// the election timeout says.
    #[error(
        "the lease of {lease:?} is not shorter than the election timeout of {election:?}: shorten `Timeouts::lease` or lengthen \
         `Timeouts::election`, on every process"
    )]
    Lease {
        /// [`paxos_core::Timeouts::lease`].
        lease: Duration,
        /// [`paxos_core::Timeouts::election`].
        election: Duration,
    },
    /// The process was stopped during a write, and the disk did not answer for seconds. As after a crash, the data
    /// being written may or may not be stored. The store may still be in use.
    #[error(
        "the disk does not answer: the store is free when it does, or when the operating system's process has ended"
    )]
    Hung,
    /// The operating system provides no random numbers.
    #[error("the process cannot name its commands: the operating system gives no random numbers ({0})")]
    Random(Arc<str>),
    /// The state machine, or an assertion of the node, panicked.
    #[error(
        "the process panicked: see the message on its standard error, and restart it when the cause is gone"
    )]
    Panicked,
}

impl From<StorageError> for HostError {
    fn from(error: StorageError) -> Self {
        Self::Storage(Arc::new(error))
    }
}

impl From<TransportError> for HostError {
    fn from(error: TransportError) -> Self {
        Self::Transport(Arc::new(error))
    }
}
