//! What a process may keep in place of the log.

use super::{Verdict, hold};
use paxos_core::{Digest, NodeId, Slot};

/// A snapshot stands for the slots below it, so each of them must be chosen: a value may be forgotten by those who
/// voted for it only when it cannot change any more (*Paxos Made Simple*, §3: a server executes a command
/// when it knows the outcome of all before it). And since all replicas end in the same state, snapshots of one
/// slot are equal. `open` is the first slot below `next` in which nothing is chosen; `first` the checksum of the
/// first snapshot that anybody had of `next`.
///
/// # Errors
/// If a slot below is not chosen, or if others wrote down another state.
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
        format!("{node} has a snapshot of all below {next}, and nothing is chosen in {open}")
    })?;
    hold(name, first == now, || {
        format!("{node} has another snapshot of all below {next} than the first who had one")
    })
}
