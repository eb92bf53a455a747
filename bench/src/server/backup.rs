//! Backups: all keys of a store at one moment, in a file of Redis commands.
//!
//! ```text
//!   paxos-bench backup          member ── PAXOS BACKUP ──▶ file      while the cluster runs
//!   paxos-bench store backup    directories of members ──▶ file      while the members are stopped
//!   paxos-bench restore         file ── SET, SET, … ─────▶ cluster   of whatever variant and size
//! ```
//!
//! The file outlives formats of snapshots and stores: it holds one `SET` for each key between two `ECHO`s, the first with a
//! [`Head`], the last with a checksum of all before it. `redis-cli --pipe` can load it into a Redis.

mod agree;
mod error;
mod file;
mod interrupt;
mod link;
mod offline;
mod options;
mod restore;
mod source;
mod take;

pub use error::BackupError;
pub use file::{Head, Reader};
pub use offline::{Executed, Recovered, Stores};
pub use options::{BACKUP_HELP, Backup, Cluster, RESTORE_HELP, Restore};
pub use restore::{Restored, restore};
pub use source::Source;
pub use take::backup;

use take::{refuse_existing, write};

#[cfg(test)]
mod tests;
