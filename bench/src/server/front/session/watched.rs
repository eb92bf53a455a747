//! The keys that a connection watches.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// The overhead that is counted for each key, in bytes.
const EACH: usize = 64;

/// Watched keys, with the versions that were seen.
#[derive(Debug, Default)]
pub(super) struct Watched {
    versions: BTreeMap<Box<[u8]>, u64>,
    bytes: usize,
}

impl Watched {
    /// The memory that the keys take, in bytes.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds a key unless all keys would then take more than `most` bytes, and returns whether it is watched. If a key is
    /// watched twice, the first version counts.
    pub(super) fn add(&mut self, key: Box<[u8]>, version: u64, most: usize) -> bool {
        let bytes = self.bytes + key.len() + EACH;
        match self.versions.entry(key) {
            Entry::Occupied(_) => true,
            Entry::Vacant(_) if bytes > most => false,
            Entry::Vacant(place) => {
                place.insert(version);
                self.bytes = bytes;
                true
            }
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], u64)> {
        self.versions.iter().map(|(key, version)| (&**key, *version))
    }
}
