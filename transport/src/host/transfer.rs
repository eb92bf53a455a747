//! Transfers leadership to another member.

use super::Stopped;
use super::replicated::{Ask, Replicated};
use paxos_core::{NodeId, Protocol, StateMachine, Untransferable};

/// Why leadership was not transferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TransferError {
    /// The transfer is impossible.
    #[error(transparent)]
    Untransferable(#[from] Untransferable),
    /// The process does not run.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// The process did not answer for [`paxos_core::Timeouts::give_up`]. It may still transfer its leadership later.
    #[error(
        "this process did not answer in time: its store hangs; check which process leads before you try again"
    )]
    TimedOut,
}

impl<P: Protocol, S: StateMachine> Replicated<P, S> {
    /// Begins to transfer the leadership of this process to `to`: see [`paxos_core::Node::transfer`]. The next leader
    /// answers the commands proposed meanwhile. `until(|status| status.leader == Some(to))` at any member waits until
    /// `to` leads. If `to` does not lead within two of the shortest election timeouts, this process continues to lead.
    ///
    /// # Errors
    /// [`TransferError`] if this process does not lead, run or answer, or `to` cannot lead.
    pub async fn transfer(&self, to: NodeId) -> Result<(), TransferError> {
        self.answer_to(|sender| Ask::Transfer(to, sender), TransferError::TimedOut).await
    }
}
