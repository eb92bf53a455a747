//! Who leads when something fails, and how soon: whole clusters in virtual time, with every invariant checked.

mod cuts;
mod failover;
mod partitions;
mod returning;
mod scene;
mod transfer;
