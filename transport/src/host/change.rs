//! Changing the members.

mod leaving;

pub use leaving::LeaveError;

use super::ProposeError;
use super::replicated::{Ask, Replicated};
use super::waiters::{ChangeWaiter, Waiters};
use paxos_core::{
    Change, Inadvisable, Node, Overloaded, Protocol, Slot, StateMachine, Time, Timeouts, Unasked,
    Unchangeable,
};
use tokio::sync::oneshot;

/// How many changes may wait at a process until they are advisable.
const WAITING: usize = 64;

/// Why a change of members was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChangeError {
    /// The change is impossible; every member agrees on that.
    #[error(transparent)]
    Unchangeable(#[from] Unchangeable),
    /// As far as this process knows, the change may harm the cluster or was already made. It was not requested.
    #[error(transparent)]
    Inadvisable(#[from] Inadvisable),
    /// The change was not agreed on, or its outcome is unknown: [`ProposeError`] says which, as for a command. Check
    /// the members before you try again: a retry requests another change, and is refused if the first one was made.
    #[error(transparent)]
    Unanswered(#[from] ProposeError),
}

impl From<Unasked> for ChangeError {
    fn from(unasked: Unasked) -> Self {
        match unasked {
            Unasked::Unchangeable(unchangeable) => unchangeable.into(),
            Unasked::Inadvisable(inadvisable) => inadvisable.into(),
            Unasked::Overloaded(overloaded) => ProposeError::from(overloaded).into(),
            // Whatever other reasons are added later, the change was not taken.
            _ => Unchangeable::Fixed.into(),
        }
    }
}

impl<P: Protocol, S: StateMachine> Replicated<P, S> {
    /// Changes the members while commands continue, in at most [`paxos_core::Timeouts::give_up`] and a quarter of it
    /// (12.5 s by default). Returns the first slot with the new members. Removed members are still needed for a while:
    /// [`Replicated::may_stop`] says when they may be turned off.
    ///
    /// Start a server before you add it, with the configuration that the cluster began with and its own id among
    /// [`paxos_core::Config::spares`]. The change is requested when the new server runs and has caught up, and the
    /// members that this process hears would be a quorum. The call waits for that for at most
    /// [`paxos_core::Timeouts::give_up`] and then says what was missing. Without gossip
    /// ([`paxos_core::Timeouts::gossip`]) a process hears no others, and only [`Replicated::force_change`] is of use.
    ///
    /// # Errors
    /// [`ChangeError`]: the change is impossible, is not advisable, or was not agreed on. The answer to a requested
    /// change is correct however late it comes and whatever else was changed meanwhile: the change has a place in the
    /// session of this process, as a command has.
    pub async fn change(&self, change: Change) -> Result<Slot, ChangeError> {
        let (sender, answer) = oneshot::channel();
        self.ask(Ask::Change(change, sender))?;
        self.changed(answer).await
    }

    /// As [`Replicated::change`], but at once and whether or not the process considers it advisable. If too few of the
    /// new members run, the cluster decides nothing any more, not even another change.
    ///
    /// # Errors
    /// [`ChangeError`]: the change is impossible or was not agreed on.
    pub async fn force_change(&self, change: Change) -> Result<Slot, ChangeError> {
        let (sender, answer) = oneshot::channel();
        self.ask(Ask::ForceChange(change, sender))?;
        self.changed(answer).await
    }

    async fn changed(
        &self,
        answer: oneshot::Receiver<Result<Slot, ChangeError>>,
    ) -> Result<Slot, ChangeError> {
        let answered = self.patience.with_margin(answer).await.map_err(|_| ProposeError::OutcomeUnknown)?;
        answered.map_err(|_| ProposeError::OutcomeUnknown)?
    }
}

/// A change that waits until it is advisable.
#[derive(Debug)]
struct Waiting {
    change: Change,
    waiter: ChangeWaiter,
    /// When the change is refused.
    until: Option<Time>,
    /// Whether the reason for waiting has been logged.
    told: bool,
}

/// The changes of a process that wait until they are advisable.
#[derive(Debug, Default)]
pub(super) struct Changes(Vec<Waiting>);

impl Changes {
    /// Adds a change to the waiting ones.
    pub(super) fn take(&mut self, now: Time, timeouts: &Timeouts, change: Change, waiter: ChangeWaiter) {
        if self.0.len() >= WAITING {
            // Sending fails only if the caller has gone away; that is fine.
            _ = waiter.send(Err(ProposeError::from(Overloaded::Requests(WAITING as u64)).into()));
            return;
        }
        self.0.push(Waiting {
            change,
            waiter,
            until: timeouts.give_up.map(|limit| now.after(limit)),
            told: false,
        });
    }

    /// When the next waiting change is refused.
    pub(super) fn deadline(&self) -> Option<Time> {
        self.0.iter().filter_map(|waiting| waiting.until).min()
    }

    /// Requests the waiting changes that are advisable by now.
    pub(super) fn ask<P: Protocol>(
        &mut self,
        now: Time,
        node: &mut Node<P>,
        waiters: &mut Waiters<P::Reply>,
    ) {
        for waiting in std::mem::take(&mut self.0) {
            let Waiting { change, waiter, until, told } = waiting;
            if waiter.is_closed() {
                continue;
            }
            match node.submit_change(now, change) {
                Ok(id) => waiters.wait_for_change(id, waiter),
                Err(Unasked::Inadvisable(why)) if why.may_pass() && until.is_none_or(|at| now < at) => {
                    if !told {
                        tracing::info!(%change, %why, "a change of members waits");
                    }
                    self.0.push(Waiting { change, waiter, until, told: true });
                }
                // Sending fails only if the caller has gone away; that is fine.
                Err(unasked) => _ = waiter.send(Err(unasked.into())),
            }
        }
    }
}
