//! The encoding of the store in snapshots: a head, then one entry at a time, so that the writer and the reader hold at
//! most one encoded entry in memory besides the store.
//!
//! ```text
//! format byte │ length, head in postcard │ for each key: length, entry in postcard
//! ```

use super::{Entry, GROUPS, MAX_VALUE, Store};
use crate::kv::clock::Ahead;
use crate::kv::hash::{Name, Sought};
use crate::kv::{FORMAT, Raw};
use paxos_core::RestoreError;
use serde::{Deserialize, Serialize};
use std::io::{self, BufWriter, Read, Write};

/// The state of a store without its keys.
#[derive(Serialize, Deserialize)]
struct Head {
    time: u64,
    moves: u64,
    jumps: u64,
    ahead: Vec<Ahead>,
    version: u64,
    cleared: u64,
    /// Groups of keys, with the version at which a key of the group was last removed.
    gone: Vec<(u16, u64)>,
    /// The number of keys that follow.
    keys: u64,
}

#[derive(Serialize, Deserialize)]
struct Item<'a> {
    #[serde(borrow)]
    key: Raw<'a>,
    value: Raw<'a>,
    version: u64,
    expires: Option<u64>,
}

/// The longest encoded piece: a key and a value, each at most as long as a value may be, and some numbers.
const LONGEST: usize = 2 * MAX_VALUE + 256;

/// Small entries are written together in pieces of this many bytes.
const PIECE: usize = 1 << 18;

impl Store {
    /// Writes the store. Equal states give equal bytes.
    pub(in crate::kv) fn write_to(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut out = BufWriter::with_capacity(PIECE, out);
        let mut piece = Vec::new();
        let groups = self.gone.iter().enumerate().filter(|(_, version)| **version != 0);
        let head = Head {
            time: self.time,
            moves: self.moves,
            jumps: self.jumps,
            ahead: self.ahead.clone(),
            version: self.version,
            cleared: self.cleared,
            gone: groups.map(|(group, version)| (group as u16, *version)).collect(),
            keys: self.entries.len() as u64,
        };
        out.write_all(&[FORMAT])?;
        put(&mut out, &mut piece, &head)?;
        for (name, entry) in &self.entries {
            put(&mut out, &mut piece, &item(name, entry))?;
        }
        out.flush()
    }

    /// Reads a store that [`Store::write_to`] wrote.
    pub(in crate::kv) fn read_from(mut from: &mut dyn Read) -> Result<Self, RestoreError> {
        let from = &mut from;
        let mut piece = Vec::new();
        let mut format = [0];
        from.read_exact(&mut format)?;
        if format[0] != FORMAT {
            let other = format[0];
            return Err(RestoreError::Machine(format!("it has format {other}; this version reads {FORMAT}")));
        }
        let head: Head = take(from, &mut piece)?;
        let mut store = Self {
            time: head.time,
            moves: head.moves,
            jumps: head.jumps,
            ahead: head.ahead,
            version: head.version,
            cleared: head.cleared,
            ..Self::default()
        };
        for (group, version) in head.gone {
            let more = || RestoreError::Machine(format!("it has more than {GROUPS} groups"));
            *store.gone.get_mut(usize::from(group)).ok_or_else(more)? = version;
        }
        for _ in 0..head.keys {
            let Item { key, value, version, expires } = take(from, &mut piece)?;
            let name = Sought::new(key.0).to_name();
            if let Some(at) = expires {
                store.due.insert((at, name.clone()));
            }
            store.bytes += (key.0.len() + value.0.len()) as u64;
            store.entries.insert(name, Entry { value: value.0.into(), version, expires });
        }
        if from.read(&mut format)? != 0 {
            return Err(RestoreError::Machine("it is longer than its head says".into()));
        }
        Ok(store)
    }
}

fn put(out: &mut impl Write, piece: &mut Vec<u8>, thing: &impl Serialize) -> io::Result<()> {
    piece.clear();
    *piece = postcard::to_extend(thing, std::mem::take(piece)).map_err(io::Error::other)?;
    out.write_all(&(piece.len() as u32).to_le_bytes())?;
    out.write_all(piece)
}

fn take<'a, T: Deserialize<'a>>(from: &mut impl Read, piece: &'a mut Vec<u8>) -> Result<T, RestoreError> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length) as usize;
    if length > LONGEST {
        return Err(RestoreError::Machine(format!("a piece of {length} bytes is too long")));
    }
    piece.resize(length, 0);
    from.read_exact(piece)?;
    postcard::from_bytes(piece).map_err(|error| RestoreError::Machine(error.to_string()))
}

fn item<'a>(name: &'a Name, entry: &'a Entry) -> Item<'a> {
    Item { key: Raw(&name.key), value: Raw(&entry.value), version: entry.version, expires: entry.expires }
}
