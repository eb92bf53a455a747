//! The client: asks the leader, or a proposer, and then every server if that one does not answer.

/// The core's client, which all variants with a leader share.
pub type Client<V> = paxos_core::LeaderClient<V>;
