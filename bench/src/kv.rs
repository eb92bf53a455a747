//! A replicated key-value store: the state machine of `paxos-bench serve`.
//!
//! ```text
//!   Op        one question or change, with borrowed keys and values
//!   Command   the operations that one server gathered, written down with its clock: what is agreed on
//!   Store     the state machine                Replies   what it answers, one for each operation
//! ```
//!
//! **Time** is part of the log, so it is the same on every replica in the same slot. Each command carries the store's
//! time, advanced by the monotonic clock of the server that proposed it. Wall clocks move it only when a majority of
//! them agrees ([`Stamp`]). Keys expire by that time alone. When a key is due by a server's own clock, the server
//! first advances the store's time through the log ([`ReadResult::Due`]), unless stale answers suffice
//! ([`Store::read_local`]).

mod budget;
mod clock;
mod command;
mod glob;
mod hash;
mod number;
mod op;
mod read;
mod reply;
mod store;
mod write;

pub use budget::Budget;
pub use clock::{ALLOWANCE, Clock, Stamp};
pub use command::{Command, Ops, Reader};
pub use number::{Float, integer, natural};
pub use op::{Expiry, Only, Op, Raw, Renewal, Unit, When};
pub use read::ReadResult;
pub use reply::{Fault, Replies, Reply, Word};
pub use store::{Item, MAX_VALUE, Store};

/// The version of the encoding of commands and snapshots, and of what a command does: all members must do the same.
pub const FORMAT: u8 = 3;

#[cfg(test)]
mod tests;
