//! Snapshots in a node: how a snapshot replaces the log below it, and how a process that is far behind fetches one.

mod compact;
mod fetch;

pub(super) use compact::{Install, Store};
pub(super) use fetch::Fetching;
pub use fetch::{SnapshotPiece, WantedPiece};
