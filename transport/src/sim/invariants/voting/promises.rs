//! The invariants of promises: an acceptor keeps what it promised.

use crate::sim::invariants::{Book, Memory, Name, Verdict, hold, show};
use paxos_core::{Ballot, NodeId, Slot, SlotRange};
use std::collections::{BTreeMap, BTreeSet};

/// An acceptor can accept a proposal numbered *n* iff it has not responded to a prepare request numbered greater than
/// *n* (*Paxos Made Simple*, §2.2, P1a). So it must remember the greatest number, for each slot.
///
/// # Errors
/// If `ballot` is written as promised for `slots` although a higher one is promised there.
pub fn promises_never_fall(node: NodeId, memory: &Memory, ballot: Ballot, slots: SlotRange) -> Verdict {
    let above = memory.promised_above(ballot, slots);
    hold("promises_never_fall", above.is_none(), || {
        let (slot, held) = above.unwrap_or_default();
        format!("{node} writes a promise of {ballot} for {slots}, having promised {held} from {slot} on")
    })
}

/// The acceptor's memory is stable storage, preserved during failures (*Paxos Made Simple*, §2.5). Slots below `from`
/// are exempt: a snapshot on the same disk covers them.
///
/// # Errors
/// If the records after a crash, or those that replace the former ones, promise less than was durable before.
pub fn nothing_is_forgotten(node: NodeId, before: &Memory, after: &Memory, from: Slot) -> Verdict {
    let promises = before.promises().map(|(slots, ballot)| (slots.intersection(from.onwards()), ballot));
    let mut promises = promises.filter(|(slots, _)| !slots.is_empty());
    let lost = promises.find(|(slots, ballot)| !after.has_promised(*ballot, *slots));
    hold("nothing_is_forgotten", lost.is_none(), || {
        let (slots, ballot) = lost.unwrap_or_default();
        format!("{node} had promised or voted in {ballot} for {slots}, but its disk does not say so")
    })
}

/// Votes are not forgotten either: the highest vote in each slot from `from` on is still there. `votes` are those read
/// back.
///
/// # Errors
/// If the highest vote in a slot is missing.
pub fn no_vote_is_forgotten<R>(
    node: NodeId,
    books: &BTreeMap<Slot, Book<R>>,
    votes: &BTreeSet<(Slot, Ballot, Name)>,
    from: Slot,
) -> Verdict {
    let highest = |book: &Book<R>| book.votes_of(node).max_by_key(|(ballot, _)| *ballot);
    let cast = books.range(from..).filter_map(|(slot, book)| Some((*slot, highest(book)?)));
    let lost = cast.into_iter().find(|(slot, (ballot, name))| !votes.contains(&(*slot, *ballot, *name)));
    hold("nothing_is_forgotten", lost.is_none(), || {
        let (slot, (ballot, name)) = lost.unwrap_or_default();
        format!("{node} had voted for {} in {ballot} in {slot}, but its disk does not say so", show(name))
    })
}
