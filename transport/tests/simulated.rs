//! Whole clusters in virtual time. One program, since each of these folders compiles the same nodes and the same simulator.

mod leaders;
pub mod raft_rule;
mod reads;
mod sim;
pub mod toy;
