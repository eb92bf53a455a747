//! What operations do one by one.

use core::fmt::{self, Debug};
use paxos_core::{Slot, StateMachine};

/// What operations do one by one: a service as it would be if a single process served one client after the other.
///
/// Any [`StateMachine`] that is `Clone + Ord` is a model. Implement this trait for something else only if the search is to
/// know more about the operations: three methods say what they do, the others make the search shorter.
pub trait Model: Clone {
    /// The state. Two states that are equal must be equal in all that can follow.
    type State: Clone + Ord;
    /// What was done, with what was seen of it.
    type Deed: Clone + PartialEq;

    /// The state before the history begins.
    fn start(&self) -> Self::State;

    /// The state after `deed`, if what was seen of it can have been seen at `state`.
    fn after(&mut self, deed: &Self::Deed, state: &Self::State) -> Option<Self::State>;

    /// The same deed with nothing seen of it; none if it says nothing then, as a read does.
    fn unseen(&self, deed: &Self::Deed) -> Option<Self::Deed>;

    /// Whether a deed never changes the state. Such a deed takes effect as soon as it may: nothing depends on it.
    fn only_reads(&self, _deed: &Self::Deed) -> bool {
        false
    }

    /// Whether a deed of which nothing was seen is possible in some states only.
    fn is_conditional(&self, _deed: &Self::Deed) -> bool {
        false
    }

    /// Whether going from `before` to `after` may be what makes `deed` possible, at once or after others. False means that it
    /// certainly is not. Operations of unknown outcome are tried only where this is true for another operation.
    fn may_explain(&self, _before: &Self::State, _after: &Self::State, _deed: &Self::Deed) -> bool {
        true
    }

    /// Which of these operations can matter. For each the slice says whether it was answered; those that were always matter.
    fn relevant(&self, deeds: &[(Self::Deed, bool)]) -> Vec<bool> {
        vec![true; deeds.len()]
    }

    /// How many bytes a state takes up besides its own size.
    fn bytes(&self, _state: &Self::State) -> usize {
        0
    }

    /// How many bytes the model itself has come to hold.
    fn held(&self) -> usize {
        0
    }
}

/// A command with its reply, if its caller got one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call<C, R> {
    /// The command.
    pub command: C,
    /// The reply. An operation that ended without one was executed, and its reply was lost.
    pub reply: Option<R>,
}

impl<C: Debug, R: Debug> fmt::Display for Call<C, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reply {
            Some(reply) => write!(f, "{:?} -> {reply:?}", self.command),
            None => write!(f, "{:?}", self.command),
        }
    }
}

/// A state machine executes all commands in slot 0 here. One whose replies depend on slots needs a model of its own.
impl<S: StateMachine + Clone + Ord> Model for S {
    type State = S;
    type Deed = Call<S::Command, S::Reply>;

    fn start(&self) -> S {
        self.clone()
    }

    fn after(&mut self, deed: &Self::Deed, state: &S) -> Option<S> {
        let mut next = state.clone();
        let reply = next.apply(Slot(0), &deed.command);
        deed.reply.as_ref().is_none_or(|seen| *seen == reply).then_some(next)
    }

    fn unseen(&self, deed: &Self::Deed) -> Option<Self::Deed> {
        Some(Call { command: deed.command.clone(), reply: None })
    }
}
