//! `paxos-bench nemesis`: a cluster of real processes under faults, for as long as you like, with every history checked.
//!
//! ```text
//!   clients ──▶ n0 ══ link ══ n1      the links, and what happens to the processes, belong to the nemesis
//!     │          ╚═ link ═ n2 ═╝
//!     └─▶ history ─▶ linearizable?    once in each window
//! ```
//!
//! ```text
//! fault    the kinds, and when each may happen   members  processes: started, killed, paused
//! plan     the faults of a window, from a seed   network  links: cut, slow, flaky, dirty
//! act      what each fault does                  clients  they record what they did and saw
//! change   faults that change the members        cluster  processes, links, and who is a member
//! run      one window after another              report   what is printed
//! ```
//!
//! The tests with real processes (`bench/tests/real`) use the same processes, links and clients.

mod act;
mod change;
pub mod clients;
mod cluster;
mod error;
mod fault;
pub mod members;
pub mod network;
mod options;
pub mod plan;
mod report;
mod run;

pub use error::NemesisError;
pub use fault::{ABSENT, Fault, Standing, list};
pub use options::{HELP, Nemesis};
pub use report::{Failure, Suffered, Summary};
pub use run::nemesis;
