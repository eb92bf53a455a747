//! Iteration over the keys, for backups.

use super::Store;
use crate::kv::hash::Sought;
use std::ops::Bound;

/// A key with its value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Item<'a> {
    /// The key.
    pub key: &'a [u8],
    /// Its value.
    pub value: &'a [u8],
    /// When the key expires, in milliseconds since 1970 by the store's time.
    pub expires: Option<u64>,
}

impl Store {
    /// The keys after `last` in the store's order, or all keys.
    pub fn items(&self, last: Option<&[u8]>) -> impl Iterator<Item = Item<'_>> {
        let begin = last.map_or(Bound::Unbounded, |key| Bound::Excluded(Sought::new(key).to_name()));
        self.entries.range((begin, Bound::Unbounded)).map(|(name, entry)| Item {
            key: &name.key,
            value: &entry.value,
            expires: entry.expires,
        })
    }
}
