//! The words that all else is said in: processes and clients, ballots, slots, sets, bytes, bounds and time.
//!
//! Nothing here knows of anything outside this folder.

mod ballot;
mod bytes;
mod id;
mod limits;
mod set;
mod slot;
mod time;

pub use ballot::Ballot;
pub use bytes::Bytes;
pub use id::{ClientId, CommandId, NodeId};
pub use limits::{Amount, Limits, Overloaded};
pub use set::NodeSet;
pub use slot::{Slot, SlotRange};
pub use time::{Again, Jitter, Time};
