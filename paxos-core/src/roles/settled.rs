//! What a caller is told of its command.

use crate::{CommandId, NodeId, Overloaded, Slot, Unchangeable};

/// The end of a command for its caller: each command that was taken has exactly one.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Settled<R> {
    /// Which command.
    pub id: CommandId,
    /// Its answer, or why there is none.
    pub result: Result<Executed<R>, Unanswered>,
}

impl<R> Settled<R> {
    /// What executing it returned, if it was executed.
    pub fn reply(self) -> Option<R> {
        self.result.ok().map(|executed| executed.reply)
    }
}

/// A command was executed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Executed<R> {
    /// The slot it was executed in.
    pub slot: Slot,
    /// What that returned.
    pub reply: R,
}

/// The end of a change of members for its caller, if it was executed: by the session of its client, once, as a command is, so
/// that the same is told however often it is asked for. If it was not, that is told as of a command.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Changed {
    /// Which.
    pub id: CommandId,
    /// The slot it was executed in.
    pub slot: Slot,
    /// The first slot with the new members, or why the change is not made.
    pub result: Result<Slot, Unchangeable>,
}

/// Why a command that was taken has no answer.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unanswered {
    /// The process that was asked does not lead, but perhaps this one does. It did not take the command, and
    /// nobody else was asked: it will not happen, unless the network delivers messages twice.
    #[error("the process asked does not lead; {}", hint(*.0))]
    NotLeader(Option<NodeId>),
    /// The leader holds too much already. It did not take the command, and nobody else was asked: it will not
    /// happen, unless the network delivers messages twice.
    #[error(transparent)]
    Overloaded(Overloaded),
    /// It was asked for and not answered for [`crate::Timeouts::give_up`]. It may have happened, or happen yet.
    #[error("no answer came in time: the command may have happened or happen yet, look before you repeat it")]
    OutcomeUnknown,
    /// The client's session has expired. The command may have happened, and if not it will not. The next command
    /// is one of a new session.
    #[error("the client's session has expired: look whether the command took effect before you repeat it")]
    SessionExpired,
    /// It was executed in this slot, once, but its answer got lost on the way, and replicas did not keep it: it was too large, others
    /// took its place ([`crate::Limits::reply_bytes`]), or the command only read.
    #[error("the command was executed in {0}, but its answer got lost and is not kept: read what it did")]
    AnswerNotKept(Slot),
}

impl Unanswered {
    /// What it is called in drawings and tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotLeader(_) => "not the leader",
            Self::Overloaded(_) => "overloaded",
            Self::OutcomeUnknown => "outcome unknown",
            Self::SessionExpired => "session expired",
            Self::AnswerNotKept(_) => "answer not kept",
        }
    }
}

fn hint(leader: Option<NodeId>) -> String {
    leader.map_or_else(|| "ask again when a leader is known".into(), |leader| format!("ask {leader}"))
}
