//! Which process leads after a failure, and how soon: whole clusters in virtual time, with every invariant checked.
//!
//! `SEEDS=2000` runs that many seeds of each claim, and `FIRST=3769` starts there.

mod cuts;
mod failover;
mod hasty;
mod partitions;
mod returning;
mod scene;
mod stalled;
mod transfer;
