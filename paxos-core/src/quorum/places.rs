//! Members replaced one for one: which acceptor has which place.

use super::QuorumError;
use crate::{NodeId, NodeSet};
use serde::{Deserialize, Serialize};

/// The places of the acceptors in a quorum system. At first, the k-th acceptor by id has the k-th place.
///
/// Acceptors that stay keep their places. Newcomers take the places of those that leave in the same change, both by
/// id, then empty places, then new ones. So the table depends on every change in between, not only on the first and
/// last acceptors: replacing n0 by n6 and then n1 by n5 gives another table than both at once. All processes execute
/// the same changes in the same order (*Paxos Made Simple*, §3), so all have the same table. A process that starts
/// from a snapshot finds the table in it.
///
/// There are at most [`NodeSet::CAPACITY`] places, since a new one is made only when all others are taken.
///
/// ```
/// use paxos_core::{NodeId, NodeSet, Places};
///
/// let set = |ids: [u16; 3]| -> NodeSet { ids.map(NodeId).into_iter().collect() };
/// let places = Places::of(NodeSet::first(3)).after(set([1, 2, 6])).after(set([2, 5, 6]));
/// assert_eq!(places.holder(0), Some(NodeId(6)));
/// assert_eq!(places.holder(1), Some(NodeId(5)));
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
pub struct Places {
    /// The acceptor in each place. The last place is never empty.
    held: Vec<Option<NodeId>>,
}

impl Places {
    /// Gives each acceptor its own place.
    pub fn of(acceptors: NodeSet) -> Self {
        Self { held: acceptors.iter().map(Some).collect() }
    }

    /// Returns the places after a change to these acceptors.
    #[must_use]
    pub fn after(&self, acceptors: NodeSet) -> Self {
        let mut held = self.held.clone();
        let stays = |place: usize| held[place].is_some_and(|node| acceptors.contains(node));
        let mut free: Vec<usize> = (0..held.len()).filter(|place| !stays(*place)).collect();
        // The places of acceptors that leave come first, by id. Empty places come last.
        free.sort_by_key(|place| (held[*place].is_none(), held[*place]));
        let mut coming = acceptors.without(self.acceptors()).iter();
        for place in free {
            held[place] = coming.next();
        }
        held.extend(coming.map(Some));
        let end = held.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
        held.truncate(end);
        Self { held }
    }

    /// The acceptors that have a place.
    pub fn acceptors(&self) -> NodeSet {
        self.held.iter().flatten().copied().collect()
    }

    /// The acceptor in this place, counted from 0.
    pub fn holder(&self, place: usize) -> Option<NodeId> {
        self.held.get(place).copied().flatten()
    }

    /// Whether it can be a table of these acceptors: each has exactly one place.
    pub(crate) fn fits(&self, acceptors: NodeSet) -> bool {
        let mut left = acceptors;
        let takes = self.held.iter().flatten().all(|node| {
            let is_left = left.iter().any(|other| other == *node);
            left = left.without(if is_left { NodeSet::only(*node) } else { NodeSet::EMPTY });
            is_left
        });
        takes && left.is_empty()
    }

    /// Returns the holder of the place of each of the acceptors `first`, for which a system was built.
    ///
    /// # Errors
    /// [`QuorumError::Resized`] unless there are as many places, and none is empty.
    pub(super) fn renaming(&self, system: &'static str, first: NodeSet) -> Result<Renaming, QuorumError> {
        let resized = |to| QuorumError::Resized { system, from: first.len(), to };
        if self.held.len() != first.len() {
            return Err(resized(self.held.len()));
        }
        let pairs = first.iter().zip(&self.held).map(|(old, new)| new.map(|new| (old, new)));
        pairs.collect::<Option<_>>().map(Renaming).ok_or_else(|| resized(self.acceptors().len()))
    }
}

/// The acceptors that a system was built for, each with the current holder of its place. Renaming keeps all
/// intersections.
pub(super) struct Renaming(Vec<(NodeId, NodeId)>);

impl Renaming {
    /// Returns the current holder of the place of `node`.
    pub(super) fn node(&self, node: NodeId) -> NodeId {
        self.0.iter().find(|(old, _)| *old == node).map_or(node, |(_, new)| *new)
    }

    /// Returns the current holders of the places of `set`.
    pub(super) fn set(&self, set: NodeSet) -> NodeSet {
        set.iter().map(|node| self.node(node)).collect()
    }

    /// Returns the current holders of the places of each of `sets`.
    pub(super) fn sets(&self, sets: &[NodeSet]) -> Vec<NodeSet> {
        sets.iter().map(|set| self.set(*set)).collect()
    }

    /// Returns the places of a system that was built for `part` of the acceptors.
    pub(super) fn of_part(&self, part: NodeSet) -> Places {
        Places { held: part.iter().map(|node| Some(self.node(node))).collect() }
    }
}
