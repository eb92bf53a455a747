//! Who leads when something fails, and how soon: whole clusters in virtual time, with every invariant checked.
//!
//! `SEEDS=2000` runs more of them, `FIRST=3769` starts there.

mod cuts;
mod failover;
mod partitions;
mod returning;
mod scene;
mod stalled;
mod transfer;
