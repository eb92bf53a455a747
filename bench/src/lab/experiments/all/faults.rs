//! Experiments on faults of processes and links, and on proposers that duel.

pub(super) mod duel;
pub(super) mod failover;
pub(super) mod loss;
pub(super) mod partitions;
