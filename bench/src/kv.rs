//! A replicated key-value store: what the servers of `paxos-bench serve` agree on.
//!
//! ```text
//!   Op        one question or change, with borrowed keys and values
//!   Command   the operations that one server gathered, written down with its clock: what is agreed on
//!   Store     the state machine                Replies   what it answers, one for each operation
//! ```
//!
//! **Time** is part of the log. Each command carries the clock of the server that proposed it, and the time of the store is
//! the latest that it has seen: it never goes back, and is the same on every replica in the same slot. Keys expire by that time
//! alone. A server whose own clock says that a key is due does not decide that by itself: it has the store's time
//! moved on first, through the log ([`Look::Due`]).

mod command;
mod glob;
mod hash;
mod look;
mod number;
mod op;
mod picture;
mod reply;
mod store;
mod write;

pub use command::{Command, Ops, Reader};
pub use glob::matches;
pub use look::Look;
pub use number::{integer, natural};
pub use op::{Expiry, Only, Op, Raw, Unit};
pub use reply::{Budget, Fault, Replies, Reply, Word};
pub use store::{MAX_VALUE, Store};

#[cfg(test)]
mod tests;
