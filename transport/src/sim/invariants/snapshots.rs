//! The invariant of snapshots, which replace parts of the log.

use super::{Verdict, hold};
use paxos_core::{Digest, NodeId, Slot};

/// A snapshot covers the slots below it, so an entry must be chosen in each of them: acceptors may forget a value that
/// they voted for only when it cannot change any more (*Paxos Made Simple*, §3: a server executes a command when it
/// knows the outcome of all before it). All replicas reach the same state, so snapshots of the same slot are equal.
/// `open` is the first slot below `next` in which nothing is chosen; `first` is the checksum of the first snapshot of
/// `next` in the run.
///
/// # Errors
/// If a slot below is not chosen, or if another process's snapshot holds a different state.
pub fn snapshots_tell_the_truth(
    node: NodeId,
    next: Slot,
    open: Option<Slot>,
    first: Digest,
    now: Digest,
) -> Verdict {
    let name = "snapshots_tell_the_truth";
    hold(name, open.is_none(), || {
        let open = open.unwrap_or_default();
        format!("{node} has a snapshot of all below {next}, but nothing is chosen in {open}")
    })?;
    hold(name, first == now, || {
        format!("{node} has a snapshot of all below {next} that differs from the first one")
    })
}
