//! The leader: one elected by timeout, or any number of self-appointed ones.

/// The leader role that the core provides for all variants with a leader.
pub type Leader = paxos_core::Election;
