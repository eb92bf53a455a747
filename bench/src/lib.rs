//! Paxos in use, in three products of one command line: the lab, a server, and a load generator with a checker.
//!
//! ```text
//! lab        compares the variants with what theory predicts, runs them under faults, experiments, reports
//! server     a replicated key-value store behind the Redis protocol, for real
//! load       a load generator                      linearize  whether what clients saw is right
//! ```
//!
//! And what they share.
//!
//! ```text
//! options    the command line, of all commands     variants   the variants, one line each
//! arguments  what every command reads alike        theory     what the numbers must be
//! kv         the key-value store as a state machine
//! ```

pub mod arguments;
pub mod kv;
pub mod lab;
pub mod linearize;
pub mod load;
pub mod options;
pub mod server;
pub mod theory;
pub mod variants;
