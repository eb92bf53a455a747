//! The leader: any number of self-appointed leaders that back off, or one that is elected by timeout.

/// The core's leader role, which all variants with a leader share.
///
/// *Paxos Made Simple*, §2.4: two proposers that outbid each other forever decide nothing, so one distinguished
/// proposer should issue proposals. Safety does not depend on there being only one.
pub type Leader = paxos_core::Election;
