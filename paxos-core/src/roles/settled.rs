//! The results of commands, for their callers.

use crate::{CommandId, NodeId, Overloaded, Slot, Unchangeable};

/// The end of a command for its caller. Each command that was taken ends exactly once.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Settled<R> {
    /// The command.
    pub id: CommandId,
    /// Its answer, or why there is none.
    pub result: Result<Executed<R>, Unanswered>,
}

impl<R> Settled<R> {
    /// The result of executing it, if it was executed.
    pub fn reply(self) -> Option<R> {
        self.result.ok().map(|executed| executed.reply)
    }
}

/// The result of an executed command.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Executed<R> {
    /// The slot it was executed in.
    pub slot: Slot,
    /// The reply of the state machine.
    pub reply: R,
}

/// The end of a change of members for its caller, if it was executed. A change is executed in its client's session,
/// once, like a command, so asking again gives the same result. If it was not executed, it ends like a command.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Changed {
    /// The change.
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
    /// The process asked does not lead; this one does, as far as it knows. It did not take the command, and no other
    /// process was asked. The command is not executed, unless the network delivers messages twice.
    #[error("the process asked does not lead; {}", hint(*.0))]
    NotLeader(Option<NodeId>),
    /// The leader is overloaded. It did not take the command, and no other process was asked. The command is not
    /// executed, unless the network delivers messages twice.
    #[error(transparent)]
    Overloaded(Overloaded),
    /// No answer came for [`crate::Timeouts::give_up`]. The command may have been executed, or may still be.
    #[error("no answer came in time: the command may take effect or not; check before you repeat it")]
    OutcomeUnknown,
    /// The client's session has expired. The command may have been executed; if not, it never will be. The next
    /// command belongs to a new session.
    #[error("the client's session has expired: check whether the command took effect before you repeat it")]
    SessionExpired,
    /// The command was executed once, in this slot, but its answer was lost and replicas do not keep it: the answer
    /// was too large, later answers replaced it ([`crate::Limits::reply_bytes`]), or the command only read.
    #[error("the command was executed in {0}, but its answer is lost and not kept: read the state instead")]
    AnswerNotKept(Slot),
}

impl Unanswered {
    /// Its name in drawings and tables.
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
