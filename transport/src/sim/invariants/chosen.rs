//! What is chosen: the properties that all the others are for.

use super::{Name, Verdict, hold, show};
use paxos_core::{Ballot, Entry, Slot};
use std::fmt::Display;

/// Only a single value is chosen, and a process never learns that a value has been chosen unless it actually
/// has been (*Paxos Made Simple*, §2.1). `chosen` is what a quorum of durable votes chose; `who` claims `name`.
///
/// # Errors
/// If another value is chosen, or none.
pub fn agreement(slot: Slot, chosen: Option<(Ballot, Name)>, who: impl Display, name: Name) -> Verdict {
    hold("agreement", chosen.is_some_and(|(_, held)| held == name), || match chosen {
        None => format!("{who} takes {} for chosen in {slot}, and no quorum has voted for it", show(name)),
        Some((ballot, held)) => {
            format!("{who} takes {} for chosen in {slot}, where {ballot} chose {}", show(name), show(held))
        }
    })
}

/// Of [`agreement`]: who writes that it voted for what is chosen has voted.
///
/// # Errors
/// If it has not.
pub fn voted_there(slot: Slot, who: impl Display, voted: bool) -> Verdict {
    hold("agreement", voted, || {
        format!("{who} writes that its vote in {slot} is for what is chosen, and has none there")
    })
}

/// If a proposal with value *v* is chosen, then every higher-numbered proposal accepted by any acceptor has value
/// *v* (*Paxos Made Simple*, §2.2, P2a); and nobody unlearns what it knows. `who` held `before` and has `now`.
///
/// # Errors
/// If they differ.
pub fn stability(slot: Slot, who: impl Display, before: Name, now: Name) -> Verdict {
    hold("stability", before == now, || {
        format!("{who} turns from {} to {} in {slot}, where the first is chosen", show(before), show(now))
    })
}

/// Only a value that has been proposed may be chosen (*Paxos Made Simple*, §2.1): here, what some client
/// submitted under that name, or a no-op. `submitted` is what the client submitted.
///
/// # Errors
/// If nobody submitted it, or something else under that name.
pub fn integrity<V: PartialEq>(slot: Slot, entry: &Entry<V>, submitted: Option<&Entry<V>>) -> Verdict {
    let Some(id) = entry.id() else { return Ok(()) };
    hold("integrity", submitted == Some(entry), || {
        let what = if submitted.is_some() { "another value was submitted as" } else { "nobody submitted" };
        format!("{what} {id}, which turns up in {slot}")
    })
}
