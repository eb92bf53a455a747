//! Programs built on the Paxos crates, behind one command line: a lab, a server, a load generator and a checker.
//!
//! ```text
//! lab        compares the variants with theory, runs them under faults, experiments, reports
//! server     a replicated key-value store that speaks the Redis protocol
//! load       a load generator                      linearize  whether what clients saw is right
//! versus     the server beside etcd, Redis and the least that has to be done
//! nemesis    the server as real processes under faults
//! ```
//!
//! They share these modules:
//!
//! ```text
//! options    the command line, of all commands     variants   the variants, one line each
//! kv         the key-value store as a state machine     theory     what the numbers must be
//! ```

pub mod kv;
pub mod lab;
pub mod linearize;
pub mod load;
#[cfg(unix)]
pub mod nemesis;
pub mod options;
pub mod server;
pub mod theory;
pub mod variants;
pub mod versus;
