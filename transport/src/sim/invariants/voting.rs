//! Invariants of ballots: who may use a ballot, what acceptors promise and vote for, and what may be proposed.

pub mod ballots;
pub mod promises;
pub mod proposals;
pub mod safe;
pub mod votes;
