//! Changing the members.

use super::replicated::{Ask, ProposeError, Replicated};
use paxos_core::{Change, Protocol, Slot, StateMachine, Unasked, Unchangeable};
use tokio::sync::oneshot;

/// Why a change of members was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChangeError {
    /// It cannot be made; every member agrees on that.
    #[error(transparent)]
    Unchangeable(#[from] Unchangeable),
    /// It was not agreed on, or that is not known: [`ProposeError`] says which, as of a command. To call
    /// [`Replicated::change`] again is to ask for another change, of which the answer says what came of that one: if the first
    /// was made after all, the second changes nothing, and if the first was also undone meanwhile, the second is
    /// [`Unchangeable::Retired`].
    #[error(transparent)]
    Unanswered(#[from] ProposeError),
}

impl From<Unasked> for ChangeError {
    fn from(unasked: Unasked) -> Self {
        match unasked {
            Unasked::Unchangeable(unchangeable) => unchangeable.into(),
            Unasked::Overloaded(overloaded) => ProposeError::from(overloaded).into(),
            // Whatever else there may be one day, it was not taken.
            _ => Unchangeable::Fixed.into(),
        }
    }
}

impl<P: Protocol, S: StateMachine> Replicated<P, S> {
    /// Changes the members, while commands go on, in at most [`paxos_core::Timeouts::give_up`] and a quarter of it (12.5 s by
    /// default). The answer is the first slot with the new ones. Those that were removed are needed for longer: until
    /// [`Replicated::may_stop`] says that they may be turned off.
    ///
    /// A server to be added is started before that, with the configuration that the cluster began with and its own
    /// id among [`paxos_core::Config::spares`], and adding it costs no pause if it has caught up by then.
    ///
    /// # Errors
    /// [`ChangeError`]: it cannot be made, or was not agreed on. What is said of a change is true however late its request or
    /// its answer comes, and whatever was changed meanwhile: it has a place in the session of this process, as a command.
    pub async fn change(&self, change: Change) -> Result<Slot, ChangeError> {
        let (sender, answer) = oneshot::channel();
        self.ask(Ask::Change(change, sender))?;
        let answered = self.patience.with_margin(answer).await.map_err(|_| ProposeError::OutcomeUnknown)?;
        answered.map_err(|_| ProposeError::OutcomeUnknown)?
    }
}
