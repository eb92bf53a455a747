//! The client: asks the leader, and then every server if the leader does not answer.

/// The core's client, which all variants with a leader share.
pub type Client<V> = paxos_core::LeaderClient<V>;
