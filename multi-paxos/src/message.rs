//! The messages of the two phases: the classic ones.

pub use paxos_core::{Accept, Accepted, Decision, Prepare, Promise};
