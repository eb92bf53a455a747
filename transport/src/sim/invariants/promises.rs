//! What an acceptor promised stays promised.

use super::{Memory, Verdict, hold};
use paxos_core::{Ballot, NodeId, SlotRange};

/// An acceptor can accept a proposal numbered *n* iff it has not responded to a prepare request numbered
/// greater than *n* (*Paxos Made Simple*, §2.2, P1a): so it must remember the greatest, per slot.
///
/// # Errors
/// If `ballot` is written as promised for `slots` although a higher one is.
pub fn promises_never_fall(node: NodeId, memory: &Memory, ballot: Ballot, slots: SlotRange) -> Verdict {
    let above = memory.promised_above(ballot, slots);
    hold("promises_never_fall", above.is_none(), || {
        let (slot, held) = above.unwrap_or_default();
        format!("{node} writes a promise of {ballot} for {slots}, having promised {held} from {slot} on")
    })
}

/// The acceptor's memory is stable storage, preserved during failures (*Paxos Made Simple*, §2.5).
///
/// # Errors
/// If what is read back after a crash promises less than was durable before.
pub fn nothing_is_forgotten(node: NodeId, before: &Memory, after: &Memory) -> Verdict {
    let lost = before.promises().find(|(slots, ballot)| !after.has_promised(*ballot, *slots));
    hold("nothing_is_forgotten", lost.is_none(), || {
        let (slots, ballot) = lost.unwrap_or_default();
        format!("{node} had promised or voted in {ballot} for {slots}, and has not after its crash")
    })
}
