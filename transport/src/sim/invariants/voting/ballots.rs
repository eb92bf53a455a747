//! The invariants of ballots: each ballot belongs to its owner.

use crate::sim::invariants::{Verdict, hold};
use paxos_core::{Ballot, NodeId, SlotRange};

/// Different proposers choose their numbers from disjoint sets (*Paxos Made Simple*, §2.5); a round has one
/// coordinator (*Fast Paxos*, §2.2.1).
///
/// # Errors
/// If `from` sends in a ballot that it does not own.
pub fn spoken_by_owner(from: NodeId, ballot: Ballot) -> Verdict {
    hold("spoken_by_owner", ballot.owner == from, || format!("{from} speaks in {ballot}"))
}

/// A proposer remembers the highest number it has used in stable storage, and begins phase 1 with a higher one than any
/// it has already used (*Paxos Made Simple*, §2.5). `used` lists the incarnations of the owner that used the term, and
/// the slots.
///
/// # Errors
/// If another incarnation of the owner has used the ballot's term for one of `slots`.
pub fn no_ballot_used_twice(
    used: &[(u32, SlotRange)],
    incarnation: u32,
    ballot: Ballot,
    slots: SlotRange,
) -> Verdict {
    let before = used.iter().find(|(l, s)| *l != incarnation && !s.intersection(slots).is_empty());
    hold("no_ballot_used_twice", before.is_none(), || {
        let (other, theirs) = before.copied().unwrap_or_default();
        format!(
            "{ballot} is used for {slots} in incarnation {incarnation} of its owner, and was used for {theirs} in incarnation {other}"
        )
    })
}
