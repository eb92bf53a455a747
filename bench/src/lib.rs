//! The lab: compares the variants' messages, delays and latencies with what theory predicts, runs them under
//! faults with every invariant checked, and reports.
//!
//! ```text
//! theory    what the numbers must be          variants  the variants, one line each
//! matrix    round trips between sites         cluster   from a wish to a configuration
//! counts    one decision, counted             wide      one decision over a wide area
//! faults    many decisions, with faults       report    tables, JSON, CSV, Markdown
//! quorums   quorum systems by name            survey    what a quorum system does
//! lab       experiments with figures, and the report of all
//! ```
//!
//! And what runs for real: a replicated key-value store behind the Redis protocol.
//!
//! ```text
//! kv        the state machine                 serve          one member
//! resp      the protocol                      local_cluster  all members, each a process
//! load      a load generator                linearize      whether what clients saw is right
//! ```

mod address;
pub mod cluster;
pub mod compare;
pub mod counts;
pub mod faults;
pub mod kv;
pub mod lab;
pub mod linearize;
pub mod load;
pub mod local_cluster;
pub mod matrix;
pub mod options;
pub mod quorums;
pub mod report;
pub mod resp;
pub mod serve;
pub mod simulate;
pub mod store;
pub mod survey;
pub mod theory;
pub mod variants;
pub mod wide;
