//! A state machine made of a state and a function.

use crate::{Answer, RestoreError, Slot, StateMachine, Value};
use core::fmt;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A state machine made of a state and a function that executes a command on it. The state is the fold of the log, written
/// down as a whole in snapshots: for small states, experiments and tests. A service of some size implements
/// [`StateMachine`].
///
/// The function has no state of its own, so that all replicas execute the same. Equal states must be written as equal bytes,
/// so a `HashMap` is no state; and the format is postcard, which does not describe itself, so the serde attributes
/// `untagged`, `flatten` and `skip_serializing_if` do not work.
///
/// ```
/// use paxos_core::{Fold, Slot, StateMachine};
///
/// let mut counter = Fold::new(40, |count: &mut u64, add: &u64| {
///     *count += add;
///     *count
/// });
/// assert_eq!(counter.apply(Slot(0), &2), 42);
/// assert_eq!(counter.state, 42);
/// ```
pub struct Fold<S, C, R> {
    /// The state.
    pub state: S,
    execute: fn(&mut S, &C) -> R,
}

impl<S, C, R> Fold<S, C, R> {
    /// Creates the machine in this state.
    pub const fn new(state: S, execute: fn(&mut S, &C) -> R) -> Self {
        Self { state, execute }
    }
}

impl<S: Serialize + DeserializeOwned, C: Value, R: Answer> StateMachine for Fold<S, C, R> {
    type Command = C;
    type Reply = R;

    fn apply(&mut self, _slot: Slot, command: &C) -> R {
        (self.execute)(&mut self.state, command)
    }

    fn snapshot(&self) -> Option<Vec<u8>> {
        postcard::to_stdvec(&self.state).ok()
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), RestoreError> {
        let (state, rest) =
            postcard::take_from_bytes(state).map_err(|error| RestoreError::Machine(error.to_string()))?;
        if !rest.is_empty() {
            return Err(RestoreError::Machine("it goes on after its end".into()));
        }
        self.state = state;
        Ok(())
    }
}

impl<S: Clone, C, R> Clone for Fold<S, C, R> {
    fn clone(&self) -> Self {
        Self { state: self.state.clone(), execute: self.execute }
    }
}

/// Machines are equal if their states are.
impl<S: PartialEq, C, R> PartialEq for Fold<S, C, R> {
    fn eq(&self, other: &Self) -> bool {
        self.state == other.state
    }
}

impl<S: Eq, C, R> Eq for Fold<S, C, R> {}

impl<S: fmt::Debug, C, R> fmt::Debug for Fold<S, C, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Fold").field(&self.state).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_restored_as_it_was_written_and_from_nothing_else() {
        let journal = || {
            Fold::new(Vec::new(), |journal: &mut Vec<u64>, n: &u64| {
                journal.push(*n);
                journal.len()
            })
        };
        let (mut one, mut other) = (journal(), journal());
        assert_eq!([7, 300].map(|n| one.apply(Slot(n), &n)), [1, 2]);
        let written = one.snapshot().expect("it can be written");
        other.restore(&written).expect("it can be read");
        assert_eq!((&other, &other.state), (&one, &vec![7, 300]));
        for wrong in [&written[..written.len() - 1], &[written.clone(), vec![0]].concat()] {
            assert!(matches!(other.restore(wrong), Err(RestoreError::Machine(_))));
            assert_eq!(other, one, "a state that cannot be read replaces nothing");
        }
    }
}
