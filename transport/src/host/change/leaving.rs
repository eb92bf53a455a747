//! Asks whether a process may be turned off for good.

use crate::host::Stopped;
use crate::host::replicated::{Ask, Replicated};
use paxos_core::{NodeId, Protocol, StateMachine, StillNeeded};

/// Why a process must not be turned off yet, or why this is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LeaveError {
    /// As far as the asked process knows, the removed process is still needed.
    #[error(transparent)]
    StillNeeded(#[from] StillNeeded),
    /// The asked process does not run.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// The asked process did not answer for [`paxos_core::Timeouts::give_up`].
    #[error("this process did not answer in time: its store hangs; ask another member")]
    TimedOut,
}

impl<P: Protocol, S: StateMachine> Replicated<P, S> {
    /// Checks whether `id`, which was removed, may be turned off for good: see [`paxos_core::Node::may_stop`]. Answers
    /// at once. To wait until it may, use `until(|status| status.may_stop.contains(id))` at a member that stays.
    ///
    /// # Errors
    /// [`LeaveError`]: `id` is still needed, for the reason named, or this process cannot tell.
    pub async fn may_stop(&self, id: NodeId) -> Result<(), LeaveError> {
        self.answer_to(|sender| Ask::MayStop(id, sender), LeaveError::TimedOut).await
    }
}
