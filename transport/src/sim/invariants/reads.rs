//! The invariant of reads.

use super::{Verdict, hold};
use paxos_core::{Consistency, NodeId, Slot};

/// An operation that begins after another has ended takes effect after it (Herlihy and Wing, *Linearizability*, 1990,
/// §2.3): a linearizable read sees every command whose answer reached its client before the read began, and everything
/// that an earlier linearizable read saw which had ended by then. All of these are below slot `floor`. For a read that
/// must be at least as new as a slot, `floor` is that slot.
///
/// # Errors
/// If the replica had executed less.
pub fn reads_are_fresh(node: NodeId, consistency: Consistency, floor: Slot, applied: Slot) -> Verdict {
    hold("reads_are_fresh", applied >= floor, || {
        format!(
            "a read ({consistency:?}) at {node} sees what is below {applied}, and all below {floor} was known"
        )
    })
}
