//! The core's vocabulary: processes and clients, ballots, slots, sets, bytes, bounds and time.
//!
//! Nothing here depends on any other module.

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
