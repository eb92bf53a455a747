//! The invariants of proposals in one ballot.

use crate::sim::invariants::{Book, Name, Verdict, hold, show};
use paxos_core::{Ballot, Slot, SlotRange};

/// A proposal is a number and a value, and different proposals have different numbers (*Paxos Made Simple*, §2.2): in
/// one ballot a slot has one proposed value, however often it is sent.
///
/// # Errors
/// If another value was proposed.
pub fn one_value_per_ballot<R>(book: &Book<R>, slot: Slot, ballot: Ballot, name: Name) -> Verdict {
    let before = book.proposal(ballot).unwrap_or(name);
    hold("one_value_per_ballot", before == name, || {
        format!("in {ballot}, {slot} is proposed {} and {}", show(before), show(name))
    })
}

/// In a fast round the coordinator sends *any* or a value, not both (*Fast Paxos*, §3.1): otherwise acceptors that
/// received different messages could vote differently. `opened` are the slots for which the ballot was opened.
///
/// # Errors
/// If a value is proposed where the ballot was opened for any value.
pub fn any_stands_alone(opened: Option<SlotRange>, slot: Slot, ballot: Ballot, name: Name) -> Verdict {
    hold("any_stands_alone", opened.is_none(), || {
        let slots = opened.unwrap_or_default();
        format!("{ballot} is opened for any value in {slots} and proposes {} in {slot}", show(name))
    })
}
