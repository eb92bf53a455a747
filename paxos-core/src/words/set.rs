//! Sets of processes as one machine word: a vote is counted by setting a bit.

use crate::NodeId;
use core::fmt;
use serde::{Deserialize, Serialize};

/// A set of processes with ids below [`NodeSet::CAPACITY`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct NodeSet(u64);

impl NodeSet {
    /// One more than the largest id that a set can hold.
    pub const CAPACITY: u16 = 64;
    /// The empty set.
    pub const EMPTY: Self = Self(0);

    /// Returns the processes 0 to `n` − 1, at most [`NodeSet::CAPACITY`] of them.
    pub fn first(n: u16) -> Self {
        (0..n.min(Self::CAPACITY)).map(NodeId).collect()
    }

    /// Returns the set of one process; empty if its id is [`NodeSet::CAPACITY`] or more.
    pub const fn only(node: NodeId) -> Self {
        if node.0 < Self::CAPACITY { Self(1 << node.0) } else { Self(0) }
    }

    /// Adds `node`. Returns whether it was new. An id of [`NodeSet::CAPACITY`] or more is not added.
    pub const fn insert(&mut self, node: NodeId) -> bool {
        let before = self.0;
        self.0 |= Self::only(node).0;
        self.0 != before
    }

    /// Removes `node`.
    pub const fn remove(&mut self, node: NodeId) {
        self.0 &= !Self::only(node).0;
    }

    /// Whether `node` is a member.
    pub const fn contains(self, node: NodeId) -> bool {
        self.0 & Self::only(node).0 != 0
    }

    /// The number of members.
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Whether there is no member.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Returns the members of either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns the members of both sets.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Returns the members of `self` that are not in `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether every member is also in `other`.
    pub const fn is_subset(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// The member with the smallest id.
    pub const fn smallest(self) -> Option<NodeId> {
        if self.0 == 0 { None } else { Some(NodeId(self.0.trailing_zeros() as u16)) }
    }

    /// Iterates over the members, by id.
    pub fn iter(self) -> impl Iterator<Item = NodeId> {
        let mut left = self;
        core::iter::from_fn(move || {
            let next = left.smallest()?;
            left.remove(next);
            Some(next)
        })
    }
}

impl FromIterator<NodeId> for NodeSet {
    fn from_iter<I: IntoIterator<Item = NodeId>>(nodes: I) -> Self {
        let mut set = Self::EMPTY;
        for node in nodes {
            set.insert(node);
        }
        set
    }
}

impl fmt::Display for NodeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (i, node) in self.iter().enumerate() {
            write!(f, "{}{node}", if i == 0 { "" } else { ", " })?;
        }
        f.write_str("}")
    }
}

impl fmt::Debug for NodeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_beyond_the_capacity_is_never_a_member() {
        let mut set = NodeSet::first(3);
        assert!(!set.insert(NodeId(64)) && !set.contains(NodeId(64)) && !set.contains(NodeId(67)));
        assert_eq!(set.to_string(), "{n0, n1, n2}");
        set.remove(NodeId(65));
        assert_eq!(set.len(), 3);
        assert_eq!(NodeSet::first(200).len(), 64);
    }
}
