//! The order of the keys: by a hash that is the same on every server.

use paxos_core::Bytes;
use std::borrow::Borrow;
use std::cmp::Ordering;

/// A hash of 63 bits, so that a cursor fits the signed number that clients read. A client that chooses keys with equal
/// hashes only makes them neighbours.
pub(super) fn hash(key: &[u8]) -> u64 {
    let word = |bytes: &[u8]| bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
    let mut words = key.chunks_exact(8);
    let state = words.by_ref().fold(key.len() as u64 ^ SALT, |state, bytes| mix(state, word(bytes)));
    let state = mix(state, word(words.remainder()));
    mix(state, state >> 32) >> 1
}

const SALT: u64 = 0x243f_6a88_85a3_08d3;

fn mix(state: u64, word: u64) -> u64 {
    let state = (state ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    state ^ (state >> 29)
}

/// A key with its hash.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Name {
    pub(super) hash: u64,
    pub(super) key: Bytes,
}

/// A key to look up, without copying it.
pub(super) struct Sought<'a> {
    hash: u64,
    key: &'a [u8],
}

impl<'a> Sought<'a> {
    pub(super) fn new(key: &'a [u8]) -> Self {
        Self { hash: hash(key), key }
    }

    pub(super) fn hash(&self) -> u64 {
        self.hash
    }

    pub(super) fn to_name(&self) -> Name {
        Name { hash: self.hash, key: self.key.into() }
    }
}

/// The order that [`Name`] and [`Sought`] share.
pub(super) trait Named {
    fn parts(&self) -> (u64, &[u8]);
}

impl Named for Name {
    fn parts(&self) -> (u64, &[u8]) {
        (self.hash, &self.key)
    }
}

impl Named for Sought<'_> {
    fn parts(&self) -> (u64, &[u8]) {
        (self.hash, self.key)
    }
}

impl PartialEq for dyn Named + '_ {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl Eq for dyn Named + '_ {}

impl PartialOrd for dyn Named + '_ {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for dyn Named + '_ {
    fn cmp(&self, other: &Self) -> Ordering {
        self.parts().cmp(&other.parts())
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        self.parts().cmp(&other.parts())
    }
}

impl<'a> Borrow<dyn Named + 'a> for Name {
    fn borrow(&self) -> &(dyn Named + 'a) {
        self
    }
}
