//! The leader: any number of self-appointed ones that back off, or one that is elected by timeout.

/// The leader role of Basic Paxos is the one that the core keeps for all variants with a leader.
///
/// *Paxos Made Simple*, §2.4: two proposers that outbid each other for ever decide nothing, so one distinguished
/// proposer should issue proposals; but safety does not depend on there being one.
pub type Leader = paxos_core::Election;
