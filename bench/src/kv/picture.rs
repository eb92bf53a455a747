//! The store written down, for snapshots.

use super::clock::Ahead;
use super::hash::{Name, Sought};
use super::store::{Entry, GROUPS};
use super::{FORMAT, Raw, Store};
use serde::{Deserialize, Serialize};

/// All that a store is.
#[derive(Serialize, Deserialize)]
struct Picture<'a> {
    time: u64,
    moves: u64,
    jumps: u64,
    ahead: Vec<Ahead>,
    version: u64,
    cleared: u64,
    /// Groups of keys with the version at which one was removed.
    gone: Vec<(u16, u64)>,
    #[serde(borrow)]
    entries: Vec<Item<'a>>,
}

#[derive(Serialize, Deserialize)]
struct Item<'a> {
    #[serde(borrow)]
    key: Raw<'a>,
    value: Raw<'a>,
    version: u64,
    expires: Option<u64>,
}

impl Store {
    /// The same bytes for the same state.
    pub(super) fn write_down(&self) -> Vec<u8> {
        let groups = self.gone.iter().enumerate().filter(|(_, version)| **version != 0);
        let picture = Picture {
            time: self.time,
            moves: self.moves,
            jumps: self.jumps,
            ahead: self.ahead.clone(),
            version: self.version,
            cleared: self.cleared,
            gone: groups.map(|(group, version)| (group as u16, *version)).collect(),
            entries: self.entries.iter().map(|(name, entry)| item(name, entry)).collect(),
        };
        let mut bytes = Vec::with_capacity(64 + self.bytes as usize + 24 * self.len());
        bytes.push(FORMAT);
        // Writing to memory cannot fail, and nothing in it is without a form.
        postcard::to_extend(&picture, bytes).unwrap_or_default()
    }

    /// What was written down.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, String> {
        let picture = match bytes.split_first() {
            Some((&FORMAT, rest)) => postcard::from_bytes::<Picture<'_>>(rest),
            Some((other, _)) => return Err(format!("it has format {other}, and {FORMAT} can be read")),
            None => return Err("it is empty".into()),
        };
        let picture = picture.map_err(|error| error.to_string())?;
        let mut store = Self {
            time: picture.time,
            moves: picture.moves,
            jumps: picture.jumps,
            ahead: picture.ahead,
            version: picture.version,
            cleared: picture.cleared,
            ..Self::default()
        };
        for (group, version) in picture.gone {
            *store.gone.get_mut(usize::from(group)).ok_or(format!("it has more than {GROUPS} groups"))? =
                version;
        }
        for Item { key, value, version, expires } in picture.entries {
            let name = Sought::new(key.0).to_name();
            if let Some(at) = expires {
                store.due.insert((at, name.clone()));
            }
            store.bytes += (key.0.len() + value.0.len()) as u64;
            store.entries.insert(name, Entry { value: value.0.into(), version, expires });
        }
        Ok(store)
    }
}

fn item<'a>(name: &'a Name, entry: &'a Entry) -> Item<'a> {
    Item { key: Raw(&name.key), value: Raw(&entry.value), version: entry.version, expires: entry.expires }
}
