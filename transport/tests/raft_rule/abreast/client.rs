//! The client: asks the leader, and everyone if that does not answer.

/// The client role that the core keeps for all variants with a leader.
pub type Client<V> = paxos_core::LeaderClient<V>;
