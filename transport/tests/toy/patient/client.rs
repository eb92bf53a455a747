//! The client: it asks the leader, and all servers if the leader does not answer.

/// The client role that the core provides for all variants with a leader.
pub type Client<V> = paxos_core::LeaderClient<V>;
