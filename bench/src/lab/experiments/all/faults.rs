//! What happens when processes and links fail, and when leaders get in each other's way.

pub(super) mod duel;
pub(super) mod failover;
pub(super) mod loss;
pub(super) mod partitions;
