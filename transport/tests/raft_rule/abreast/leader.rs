//! The leader: elected by timeout, or any number of self-appointed ones.

/// The leader role that the core keeps for all variants with a leader.
pub type Leader = paxos_core::Election;
