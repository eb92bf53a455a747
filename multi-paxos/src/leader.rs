//! The leader: elected by timeout, or any number of self-appointed leaders.

/// The core's leader role, which all variants with a leader share.
pub type Leader = paxos_core::Election;
