//! The invariants of what is chosen, which all the others serve.

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
        None => {
            format!("{who} believes that {} is chosen in {slot}, but no quorum has voted for it", show(name))
        }
        Some((ballot, held)) => {
            format!(
                "{who} believes that {} is chosen in {slot}, where {ballot} chose {}",
                show(name),
                show(held)
            )
        }
    })
}

/// A part of [`agreement`]: an acceptor that records its vote as the chosen value has voted.
///
/// # Errors
/// If it has not voted.
pub fn voted_there(slot: Slot, who: impl Display, voted: bool) -> Verdict {
    hold("agreement", voted, || {
        format!("{who} records that its vote in {slot} is the chosen value, but has no vote there")
    })
}

/// If a proposal with value *v* is chosen, then every higher-numbered proposal accepted by any acceptor has value *v*
/// (*Paxos Made Simple*, §2.2, P2a); and no process unlearns what it knows. `who` held `before` and now holds `now`.
///
/// # Errors
/// If they differ.
pub fn stability(slot: Slot, who: impl Display, before: Name, now: Name) -> Verdict {
    hold("stability", before == now, || {
        format!("{who} changes from {} to {} in {slot}, where the first is chosen", show(before), show(now))
    })
}

/// Only a value that has been proposed may be chosen (*Paxos Made Simple*, §2.1). Here, that is a no-op or what a
/// client submitted under that name, which is `submitted`.
///
/// # Errors
/// If no client submitted the command, or a client submitted something else under that name.
pub fn integrity<V: PartialEq>(slot: Slot, entry: &Entry<V>, submitted: Option<&Entry<V>>) -> Verdict {
    let Some(id) = entry.id() else { return Ok(()) };
    hold("integrity", submitted == Some(entry), || {
        let what = if submitted.is_some() { "another value was submitted as" } else { "no client submitted" };
        format!("{what} {id}, which appears in {slot}")
    })
}
