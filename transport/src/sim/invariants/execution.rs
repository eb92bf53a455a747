//! What replicas do with what is chosen.

use super::{Name, Verdict, hold, show};
use core::fmt::Debug;
use paxos_core::{CommandId, NodeId, Slot};

/// Values are executed in slot order, without a gap (DESIGN §3; *Paxos Made Simple*, §3: a command can be
/// executed once all before it are). `next` is the slot that comes next at this replica.
///
/// # Errors
/// If `slot` is not that.
pub fn in_order(node: NodeId, next: Slot, slot: Slot) -> Verdict {
    hold("in_order", next == slot, || format!("{node} executes {slot}, where {next} comes next"))
}

/// A command takes effect once, however often it is sent or chosen (DESIGN §3). `before`: whether it already
/// has, in this life of the replica.
///
/// # Errors
/// If it has.
pub fn exactly_once(node: NodeId, slot: Slot, id: CommandId, before: bool) -> Verdict {
    hold("exactly_once", !before, || format!("{node} executes {id} in {slot}, and has executed it before"))
}

/// Each command has one end for its caller (DESIGN §4: never a silent drop, nor two answers). `before`: whether it
/// was told before, or the command is unknown.
///
/// # Errors
/// If so.
pub fn one_outcome(node: NodeId, id: CommandId, before: bool) -> Verdict {
    hold("one_outcome", !before, || format!("{node} is told a second time what became of {id}"))
}

/// What a client is answered is what a replica returned for its command in the slot that is named (DESIGN §4).
/// `executed`: what that was, none if no replica has executed the command there. `answer`: none if the answer is that it was
/// executed there, and that what it returned is not kept.
///
/// # Errors
/// If it is something else.
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
        None => format!("{node} is told that {id} was executed in {slot}, where no replica has executed it"),
    })
}

/// Each server executes the same sequence of commands, and ends in the same state with the same outputs
/// (*Paxos Made Simple*, §3). `first` is what the first replica to execute the slot returned.
///
/// # Errors
/// If `node` returned something else.
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
