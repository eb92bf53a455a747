//! A replicated key-value store: what the servers of `paxos-bench serve` agree on.
//!
//! ```text
//!   Op        one question or change, with borrowed keys and values
//!   Command   the operations that one server gathered, written down with its clock: what is agreed on
//!   Store     the state machine                Replies   what it answers, one for each operation
//! ```
//!
//! **Time** is part of the log, and the same on every replica in the same slot. Each command carries the store's time as it went on by the
//! monotonic clock of the server that proposed it; wall clocks move it only when a majority of them agrees ([`Stamp`]). Keys
//! expire by that time alone. A server by whose reckoning a key is due does not decide that by itself: it has the store's time
//! moved on first, through the log ([`Look::Due`]).

mod clock;
mod command;
mod glob;
mod hash;
mod items;
mod look;
mod number;
mod op;
mod picture;
mod reply;
mod store;
mod write;

pub use clock::{ALLOWANCE, Clock, Stamp};
pub use command::{Command, Ops, Reader};
pub use glob::matches;
pub use items::Item;
pub use look::Look;
pub use number::{Float, integer, natural};
pub use op::{Expiry, Only, Op, Raw, Renewal, Unit, When};
pub use reply::{Budget, Fault, Replies, Reply, Word};
pub use store::{MAX_VALUE, Store};

/// The version of all that is written down here: commands and snapshots.
pub const FORMAT: u8 = 2;

#[cfg(test)]
mod tests;
