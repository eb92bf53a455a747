//! What holds of ballots: who speaks in them, what acceptors promise and vote for in them, and what is proposed.

pub mod ballots;
pub mod promises;
pub mod proposals;
pub mod safe;
pub mod votes;
