//! The invariants of messages: written before spoken, and bounded.

use super::{Book, Memory, Name, Verdict, hold, show};
use paxos_core::{Amount, Ballot, Fact, Kind, NodeId, Slot, SlotRange};
use std::collections::BTreeMap;

/// No message grows with the log: each holds at most what [`paxos_core::Message::bound`] allows, or one command.
///
/// # Errors
/// If it holds more.
pub fn messages_are_bounded(from: NodeId, kind: Kind, amount: Amount, limit: Amount) -> Verdict {
    hold("messages_are_bounded", amount.is_bounded(limit), || {
        format!("{from} sends a {} of {amount:?}, where {limit:?} is the most", kind.name())
    })
}

/// An encoded message is no longer than the network carries.
///
/// # Errors
/// If it is longer.
pub fn messages_fit_a_frame(from: NodeId, kind: Kind, bytes: usize, most: usize) -> Verdict {
    hold("messages_fit_a_frame", bytes <= most, || {
        format!("{from} sends a {} of {bytes} bytes, where a frame holds {most}", kind.name())
    })
}

/// An encoded message is no longer than [`Amount::longest`] computes from its content. Replies depend on the state
/// machine.
///
/// # Errors
/// If it is longer.
pub fn sizes_are_known(from: NodeId, kind: Kind, bytes: usize, amount: Amount) -> Verdict {
    hold("sizes_are_known", kind == Kind::Reply || bytes <= amount.longest(), || {
        format!(
            "{from} sends a {} of {bytes} bytes, where {} are the most for {amount:?}",
            kind.name(),
            amount.longest()
        )
    })
}

/// An acceptor records its intended response in stable storage before actually sending it (*Paxos Made Simple*, §2.5).
/// `memory` and `books` are what `from` has on disk when it sends. Other facts than promises and votes are not checked,
/// nor are refusals, because no process relies on them.
///
/// # Errors
/// If a promise or vote is not on disk, or if a promise reports other votes than the disk holds.
pub fn written_before_spoken<V, R>(
    from: NodeId,
    memory: &Memory,
    books: &BTreeMap<Slot, Book<R>>,
    fact: &Fact<'_, V>,
) -> Verdict {
    match fact {
        Fact::Promise { ballot, slots, votes } => {
            promised(from, memory, *ballot, *slots)?;
            let votes: BTreeMap<Slot, (Ballot, Name)> =
                votes.iter().map(|(slot, ballot, entry)| (*slot, (*ballot, entry.id()))).collect();
            reported(from, books, *ballot, *slots, &votes)
        }
        Fact::Vote { ballot, slot, entry } => {
            let mut votes = books.get(slot).into_iter().flat_map(|book| book.votes_of(from));
            let on_disk = votes.any(|(b, name)| b == *ballot && entry.is_none_or(|e| e.id() == name));
            hold("written_before_spoken", on_disk, || {
                let name = entry.map_or_else(|| "its value".into(), |e| show(e.id()));
                format!("{from} says it voted for {name} in {ballot} in {slot}, which is not on its disk")
            })
        }
        Fact::Prepare { .. } | Fact::Any { .. } | Fact::Propose { .. } | Fact::Chosen { .. } => Ok(()),
    }
}

fn promised(from: NodeId, memory: &Memory, ballot: Ballot, slots: SlotRange) -> Verdict {
    // If a promise covers all later slots, a vote in any slot counts as a promise.
    let by_vote = slots.end == Slot::MAX && memory.highest_vote >= ballot;
    hold("written_before_spoken", by_vote || memory.has_promised(ballot, slots), || {
        format!("{from} says it promised {ballot} for {slots}, which is not on its disk")
    })
}

/// A promise must report the highest vote below its ballot. Votes in its ballot or above, which the answer to a
/// repeated prepare may report, only need to have been cast.
fn reported<R>(
    from: NodeId,
    books: &BTreeMap<Slot, Book<R>>,
    ballot: Ballot,
    slots: SlotRange,
    votes: &BTreeMap<Slot, (Ballot, Name)>,
) -> Verdict {
    for (slot, (voted, name)) in votes {
        let cast = books.get(slot).is_some_and(|book| book.voters(*voted, *name).contains(from));
        hold("written_before_spoken", cast, || {
            format!(
                "{from} reports a vote for {} in {voted} in {slot}, which is not on its disk",
                show(*name)
            )
        })?;
    }
    if slots.is_empty() {
        return Ok(());
    }
    for (slot, book) in books.range(slots.start..slots.end) {
        let Some((highest, name)) = book.votes_of(from).filter(|(b, _)| *b < ballot).max_by_key(|(b, _)| *b)
        else {
            continue;
        };
        let told = votes.get(slot).is_some_and(|(voted, _)| *voted >= highest);
        hold("written_before_spoken", told, || {
            format!(
                "{from} promises {ballot} and does not report its vote for {} in {highest} in {slot}",
                show(name)
            )
        })?;
    }
    Ok(())
}
