//! Invariants about ballots: who may use one, what acceptors promise and vote for in it, and what may be proposed in it.

pub mod ballots;
pub mod promises;
pub mod proposals;
pub mod safe;
pub mod votes;
