//! The client: asks the leader, or a proposer, and everyone if that does not answer.

/// The client role of Basic Paxos is the one that the core keeps for all variants with a leader.
pub type Client<V> = paxos_core::LeaderClient<V>;
