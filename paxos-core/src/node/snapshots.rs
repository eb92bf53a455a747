//! Snapshots on a node: how one takes the place of what it stands for, and how a process that is far behind gets one.

mod compact;
mod fetch;

pub(super) use compact::{Install, Store};
pub(super) use fetch::Fetching;
