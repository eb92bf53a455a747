//! The invariants of executing what is chosen.

use super::{Name, Verdict, hold, show};
use core::fmt::Debug;
use paxos_core::{CommandId, NodeId, Slot};

/// Values are executed in slot order, without a gap (DESIGN §3; *Paxos Made Simple*, §3: a command can be executed once
/// all before it are). `next` is the next slot of this replica.
///
/// # Errors
/// If `slot` is not the next one.
pub fn in_order(node: NodeId, next: Slot, slot: Slot) -> Verdict {
    hold("in_order", next == slot, || format!("{node} executes {slot}, where {next} comes next"))
}

/// A command takes effect once, however often it is sent or chosen (DESIGN §3). `before` says whether it already has,
/// in this incarnation of the replica.
///
/// # Errors
/// If it already has.
pub fn exactly_once(node: NodeId, slot: Slot, id: CommandId, before: bool) -> Verdict {
    hold("exactly_once", !before, || format!("{node} executes {id} in {slot}, and has executed it before"))
}

/// Each command has one outcome for its caller (DESIGN §4: never a silent drop, nor two answers). `before` says whether
/// the caller was already told, or the command is unknown.
///
/// # Errors
/// If `before` is set.
pub fn one_outcome(node: NodeId, id: CommandId, before: bool) -> Verdict {
    hold("one_outcome", !before, || format!("{node} is told a second outcome of {id}"))
}

/// The answer to a client is the reply of a replica for its command in the slot that is named (DESIGN §4). `executed`
/// is that reply, or `None` if no replica has executed the command there. `answer` is `None` if the answer says that
/// the command was executed there and its reply is not kept.
///
/// # Errors
/// If the answer is different.
pub fn answers_are_true<R: Debug + PartialEq>(
    node: NodeId,
    id: CommandId,
    slot: Slot,
    answer: Option<&R>,
    executed: Option<&R>,
) -> Verdict {
    let is_true = executed.is_some_and(|executed| answer.is_none_or(|answer| answer == executed));
    hold("answers_are_true", is_true, || match answer {
        Some(answer) => {
            format!("{node} is answered {answer:?} for {id} in {slot}, where replicas returned {executed:?}")
        }
        None => {
            format!("{node} is told that {id} was executed in {slot}, but no replica has executed it there")
        }
    })
}

/// Each server executes the same sequence of commands, and ends in the same state with the same outputs (*Paxos Made
/// Simple*, §3). `first` is the reply of the first replica that executed the slot.
///
/// # Errors
/// If the reply of `node` is different.
pub fn replicas_are_equal<R: Debug + PartialEq>(
    node: NodeId,
    slot: Slot,
    name: Name,
    first: &R,
    now: &R,
) -> Verdict {
    hold("replicas_are_equal", first == now, || {
        format!("{node} returns {now:?} for {} in {slot}, where another returned {first:?}", show(name))
    })
}

/// The same for whether the entry had an effect at all: a replica may take a command for one that was executed before, or its
/// session for expired, only if all do. `first` is what the first replica did.
///
/// # Errors
/// If `node` did something else.
pub fn effects_are_equal(node: NodeId, slot: Slot, name: Name, first: bool, now: bool) -> Verdict {
    let done = |took| if took { "executes" } else { "passes over" };
    hold("replicas_are_equal", first == now, || {
        format!("{node} {} {} in {slot}, where another {} it", done(now), show(name), done(first))
    })
}
