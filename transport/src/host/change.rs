//! Changing the members.

use super::replicated::{Ask, ProposeError, Replicated};
use super::waiters::{ChangeWaiter, Waiters};
use paxos_core::{
    Change, Inadvisable, Node, Overloaded, Protocol, Slot, StateMachine, Time, Timeouts, Unasked,
    Unchangeable,
};
use tokio::sync::oneshot;

/// How many changes wait at a process for those whom they need.
const WAITING: usize = 64;

/// Why a change of members was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChangeError {
    /// It cannot be made; every member agrees on that.
    #[error(transparent)]
    Unchangeable(#[from] Unchangeable),
    /// The cluster might not survive it, or it has been made before, as far as the process asked knows. It was not asked for.
    #[error(transparent)]
    Inadvisable(#[from] Inadvisable),
    /// It was not agreed on, or that is not known: [`ProposeError`] says which, as of a command. Look who the members are before you
    /// ask again: to ask again is to ask for another change, and one that was made is refused then, as made before.
    #[error(transparent)]
    Unanswered(#[from] ProposeError),
}

impl From<Unasked> for ChangeError {
    fn from(unasked: Unasked) -> Self {
        match unasked {
            Unasked::Unchangeable(unchangeable) => unchangeable.into(),
            Unasked::Inadvisable(inadvisable) => inadvisable.into(),
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
    /// id among [`paxos_core::Config::spares`]. It is added when it is there and has caught up, and a change is made only if
    /// the members that this process hears would be a quorum. It waits for that, too, for at most
    /// [`paxos_core::Timeouts::give_up`], and then says what was missing. Without gossip
    /// ([`paxos_core::Timeouts::gossip`]) nobody is heard, and only [`Replicated::force_change`] is of use.
    ///
    /// # Errors
    /// [`ChangeError`]: it cannot be made, is not advisable, or was not agreed on. What is said of a change that was asked for is true
    /// however late its request or its answer comes, and whatever was changed meanwhile: it has a place in the session of this
    /// process, as a command.
    pub async fn change(&self, change: Change) -> Result<Slot, ChangeError> {
        let (sender, answer) = oneshot::channel();
        self.ask(Ask::Change(change, sender))?;
        self.changed(answer).await
    }

    /// As [`Replicated::change`], at once and whatever the process thinks of it. If too few of the members run then, the
    /// cluster decides nothing any more, not even another change.
    ///
    /// # Errors
    /// [`ChangeError`]: it cannot be made, or was not agreed on.
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
    /// When it is refused.
    until: Option<Time>,
    /// Whether the log says why it waits.
    told: bool,
}

/// The changes of a process that wait for those whom they need.
#[derive(Debug, Default)]
pub(super) struct Changes(Vec<Waiting>);

impl Changes {
    /// Takes a change that somebody waits for.
    pub(super) fn take(&mut self, now: Time, timeouts: &Timeouts, change: Change, waiter: ChangeWaiter) {
        if self.0.len() >= WAITING {
            // An error says that the asker has gone away meanwhile.
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

    /// When the first of them is refused.
    pub(super) fn deadline(&self) -> Option<Time> {
        self.0.iter().filter_map(|waiting| waiting.until).min()
    }

    /// Has those agreed on that are advisable by now.
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
                // An error says that the asker has gone away meanwhile.
                Err(unasked) => _ = waiter.send(Err(unasked.into())),
            }
        }
    }
}
