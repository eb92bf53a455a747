//! Whole clusters in virtual time. One program, since each of these folders compiles the same nodes and the same simulator.

mod leaders;
mod members;
pub mod raft_rule;
mod reads;
mod review;
mod sim;
pub mod toy;
