//! Whole clusters of Basic Paxos.

mod counts;
mod scene;
mod slots;
mod synod;
