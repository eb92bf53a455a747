//! The messages of the two phases: the classic ones. A phase 2a names one slot, and every lower slot is chosen. Votes and
//! the decision carry their value.

pub use paxos_core::{Accept, Accepted, Decision, Prepare, Promise};
