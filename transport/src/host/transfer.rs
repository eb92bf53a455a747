//! Handing leadership over to another member.

use super::replicated::{Ask, Replicated, Stopped};
use paxos_core::{NodeId, Protocol, StateMachine, Untransferable};

/// Why leadership was not handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransferError {
    /// It cannot be.
    #[error(transparent)]
    Untransferable(#[from] Untransferable),
    /// The process does not run.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// The process did not answer for [`paxos_core::Timeouts::give_up`]. It may hand over yet.
    #[error("this process did not answer in time: its store hangs; look who leads before you try again")]
    TimedOut,
}

impl<P: Protocol, S: StateMachine> Replicated<P, S> {
    /// Begins to hand the leadership of this process over to `to`: see [`paxos_core::Node::transfer`]. Commands
    /// proposed meanwhile are answered by whoever leads then. That `to` leads shows in the status of each member, as
    /// in `until(|status| status.leader == Some(to))`; if it does not within two of the shortest election timeouts,
    /// this process goes on.
    ///
    /// # Errors
    /// [`TransferError`] if this process does not lead, run or answer, or `to` cannot lead.
    pub async fn transfer(&self, to: NodeId) -> Result<(), TransferError> {
        self.answer_to(|sender| Ask::Transfer(to, sender), TransferError::TimedOut).await
    }
}
