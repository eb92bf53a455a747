//! Whole clusters of Basic Paxos.

mod cluster;
mod counts;
mod rivals;
mod storms;
