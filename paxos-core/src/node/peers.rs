//! The progress of other processes, as they report it.

use crate::{NodeId, NodeSet, Slot, Time};
use core::time::Duration;
use std::collections::BTreeMap;

/// The last report of each process that may be a member, at most [`NodeSet::CAPACITY`] of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Peers(BTreeMap<NodeId, Peer>);

/// The last report of one process.
///
/// A process has caught up when a round was short: within the time that it may be silent, it got as far as this
/// process was at the beginning of the round (Ongaro 2014, §4.2.1). However fast the log grows, it is then behind by
/// at most what is chosen in that time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Peer {
    /// When the report came.
    at: Time,
    /// It knows every slot below.
    pub(super) known: Slot,
    /// It has every slot below on its disk.
    durable: Slot,
    /// When its round began, and the first unknown slot of this process then.
    round: (Time, Slot),
    /// Whether its last round was short, and the current one is not too long.
    pub(super) caught_up: bool,
}

impl Peers {
    /// Notes a report of `from` at `now`: it knows every slot below `known`, has those below `durable` on disk, and
    /// this process knows those below `mine`. A round is short within `window`; after a silence that long, a new round
    /// begins.
    pub(super) fn heard(
        &mut self,
        from: NodeId,
        (known, durable): (Slot, Slot),
        (now, mine): (Time, Slot),
        window: Duration,
    ) {
        if from.0 >= NodeSet::CAPACITY {
            return;
        }
        let before = self.recent(from, now, window);
        let (began, goal) = before.map_or((now, mine), |before| before.round);
        let (is_short, arrived) = (now.since(began) <= window, known >= goal);
        let caught_up = is_short && (arrived || before.is_some_and(|before| before.caught_up));
        let round = if arrived { (now, mine) } else { (began, goal) };
        self.0.insert(from, Peer { at: now, known, durable, round, caught_up });
    }

    /// Returns the last report of `node`, if it is no older than `window`.
    pub(super) fn recent(&self, node: NodeId, now: Time, window: Duration) -> Option<&Peer> {
        self.0.get(&node).filter(|peer| now.since(peer.at) <= window)
    }

    /// Forgets what `node` reported.
    pub(super) fn forget(&mut self, node: NodeId) {
        self.0.remove(&node);
    }

    /// The slot below which `node` knew everything in its last report.
    pub(super) fn known(&self, node: NodeId) -> Option<Slot> {
        self.0.get(&node).map(|peer| peer.known)
    }

    /// The processes that reported within the last `window`.
    pub(super) fn heard_within(&self, now: Time, window: Duration) -> NodeSet {
        self.0.keys().copied().filter(|node| self.recent(*node, now, window).is_some()).collect()
    }

    /// The processes that have everything below `slot` on disk.
    pub(super) fn durable(&self, slot: Slot) -> NodeSet {
        self.0.iter().filter(|(_, peer)| peer.durable >= slot).map(|(node, _)| *node).collect()
    }
}
