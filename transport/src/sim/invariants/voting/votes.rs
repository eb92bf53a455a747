//! The invariants of votes.

use crate::sim::invariants::{Book, Memory, Name, Verdict, hold, show};
use paxos_core::{Ballot, NodeId, Slot};

/// An acceptor accepts a proposal unless it has already responded to a prepare request with a greater number
/// (*Paxos Made Simple*, §2.2, P1a).
///
/// # Errors
/// If the promise on disk is higher than the ballot of the vote.
pub fn no_vote_below_promise(node: NodeId, memory: &Memory, slot: Slot, ballot: Ballot) -> Verdict {
    let promised = memory.promised(slot);
    hold("no_vote_below_promise", promised <= ballot, || {
        format!("{node} votes in {ballot} in {slot}, having promised {promised}")
    })
}

/// An acceptor votes for at most one value in a round (*Fast Paxos*, §2.1.1).
///
/// # Errors
/// If the acceptor has voted for another value.
pub fn one_vote_per_ballot<R>(
    node: NodeId,
    book: &Book<R>,
    slot: Slot,
    ballot: Ballot,
    name: Name,
) -> Verdict {
    let other = book.votes_of(node).find(|(b, other)| *b == ballot && *other != name);
    hold("one_vote_per_ballot", other.is_none(), || {
        let (_, other) = other.unwrap_or_default();
        format!("in {ballot}, {node} votes for {} and {} in {slot}", show(other), show(name))
    })
}

/// The origin of a vote.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// The ballot proposed that value.
    Proposed,
    /// The ballot was opened for any value.
    Opened,
    /// The voter owns the ballot, so its proposal to itself need not have been sent.
    Own,
    /// The value follows from votes in the previous ballot, which was opened for any value (uncoordinated recovery,
    /// *Fast Paxos*, §3.2). The vote is also a proposal, and must be safe as one.
    Followed,
}

/// An acceptor votes for the value of a phase 2a message of the round, or if that is *any*, for a value that a client
/// proposed (*Fast Paxos*, §3.1).
///
/// # Errors
/// If `origin` is `None`: the value was not proposed in the ballot, and the ballot was not opened.
pub fn votes_follow_proposals(
    node: NodeId,
    origin: Option<Origin>,
    slot: Slot,
    ballot: Ballot,
    name: Name,
) -> Verdict {
    hold("votes_follow_proposals", origin.is_some(), || {
        format!("in {ballot}, {node} votes for {} in {slot}, which was not proposed there", show(name))
    })
}
