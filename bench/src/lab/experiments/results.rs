//! The results of runs on disk: where a stopped command goes on, and what shards have in common.
//!
//! ```text
//! journal   the results of one shard of an experiment     shards   those of all shards, put together
//! ```

mod journal;
mod shards;

pub(super) use journal::{Foreign, Journal, Origin, Run};
pub(super) use shards::merge;
