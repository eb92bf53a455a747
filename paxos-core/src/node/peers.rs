//! How far other processes are, as each says itself.

use crate::{NodeId, NodeSet, Slot, Time};
use core::time::Duration;
use std::collections::BTreeMap;

/// What each process that may be a member said last. At most [`NodeSet::CAPACITY`] of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Peers(BTreeMap<NodeId, Peer>);

/// What one process said last.
///
/// It has caught up when a round was short: when it came as far as this process had been at the beginning of the round, within
/// the time that a process may be silent (Ongaro 2014, §4.2.1). However fast the log grows, it is then no further behind than
/// what is chosen in such a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Peer {
    /// When that came.
    at: Time,
    /// It knows all below.
    pub(super) known: Slot,
    /// It has all below on its disk.
    durable: Slot,
    /// When its round began, and how far this process was then.
    round: (Time, Slot),
    /// Whether its last round was short, and the present one is not long.
    pub(super) caught_up: bool,
}

impl Peers {
    /// `from` knows all below `known`, has all below `durable` on its disk, and spoke at `now`, when this process knew all
    /// below `mine`. A round is short within `window`, and begins anew if nothing was said for that long.
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

    /// What `node` said less than `window` ago.
    pub(super) fn recent(&self, node: NodeId, now: Time, window: Duration) -> Option<&Peer> {
        self.0.get(&node).filter(|peer| now.since(peer.at) <= window)
    }

    /// How far `node` was when it spoke last.
    pub(super) fn known(&self, node: NodeId) -> Option<Slot> {
        self.0.get(&node).map(|peer| peer.known)
    }

    /// Who spoke less than `window` ago.
    pub(super) fn heard_within(&self, now: Time, window: Duration) -> NodeSet {
        self.0.keys().copied().filter(|node| self.recent(*node, now, window).is_some()).collect()
    }

    /// Who has everything below `slot` on its disk.
    pub(super) fn durable(&self, slot: Slot) -> NodeSet {
        self.0.iter().filter(|(_, peer)| peer.durable >= slot).map(|(node, _)| *node).collect()
    }
}
