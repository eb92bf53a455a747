//! Searches for runs that break an invariant.
//!
//! ```text
//! check   every run of a small cluster     soak   any cluster with any mishaps, from a seed
//! ```

pub mod check;
pub mod soak;
