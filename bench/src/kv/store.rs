//! The state machine: a map of keys to values.

mod items;
mod picture;

pub use items::Item;

use super::clock::Ahead;
use super::hash::{Name, Named, Sought};
use super::{Budget, Command, Fault, Replies, Reply};
use core::cell::Cell;
use imbl::{OrdMap, OrdSet};
use paxos_core::{Aside, Bytes, Capture, RestoreError, Slot, StateMachine, Value};
use std::io::Read;

/// The longest value, in bytes.
pub const MAX_VALUE: usize = 16 << 20;

/// The least log between snapshots, in bytes.
const ENOUGH: u64 = 32 << 20;

/// The log grows to this fraction of the store between snapshots. More costs memory; less costs more writing.
const SHARE: u64 = 4;

/// The overhead that is counted for each command in the log, in bytes.
const EACH: u64 = 256;

/// The number of groups that keys fall into by hash. A group records when one of its keys was last removed.
pub(super) const GROUPS: usize = 1024;

/// A value with its version and deadline.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Entry {
    pub(super) value: Bytes,
    /// Distinguishes this state of the key from all others, for ever.
    pub(super) version: u64,
    /// When the key expires, by the store's time.
    pub(super) expires: Option<u64>,
}

/// Keys with values, versions and deadlines. Copies share unchanged parts, so copying takes the same time for any size.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Store {
    pub(super) time: u64,
    /// How often the time was moved.
    pub(super) moves: u64,
    /// How often a wall clock was found to be ahead.
    pub(super) jumps: u64,
    /// Members whose wall clocks are ahead: at most one entry per member, usually none.
    pub(super) ahead: Vec<Ahead>,
    /// The number of changes.
    pub(super) version: u64,
    /// The version at which all keys were last removed.
    pub(super) cleared: u64,
    /// The version at which a key of each group was last removed.
    pub(super) gone: Box<[u64]>,
    pub(super) entries: OrdMap<Name, Entry>,
    pub(super) due: OrdSet<(u64, Name)>,
    /// The total size of all keys and values, in bytes.
    pub(super) bytes: u64,
    /// The size of the commands executed since the last snapshot, in bytes.
    pub(super) since: Aside<Cell<u64>>,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            time: 0,
            moves: 0,
            jumps: 0,
            ahead: Vec::new(),
            version: 0,
            cleared: 0,
            gone: vec![0; GROUPS].into(),
            entries: OrdMap::new(),
            due: OrdSet::new(),
            bytes: 0,
            since: Aside::default(),
        }
    }
}

impl Store {
    /// The time by which keys expire, in milliseconds since 1970, as of the last command ([`super::Clock`] adds to it).
    pub fn time(&self) -> u64 {
        self.time
    }

    /// The number of keys.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether the store has no keys.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The number of keys with a deadline.
    pub fn expiring(&self) -> usize {
        self.due.len()
    }

    /// The total size of all keys and values, in bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// When the next key expires.
    pub fn next_due(&self) -> Option<u64> {
        self.due.get_min().map(|(at, _)| *at)
    }

    pub(super) fn find(&self, key: &[u8]) -> Option<&Entry> {
        self.entries.get(&Sought::new(key) as &dyn Named)
    }

    /// The version of a key's state. For an absent key it is the version at which a key of its group was last removed,
    /// so it changes if the key existed in the meantime.
    pub(super) fn version_of(&self, key: &[u8]) -> u64 {
        let sought = Sought::new(key);
        match self.entries.get(&sought as &dyn Named) {
            Some(entry) => entry.version,
            None => self.cleared.max(self.gone[group(sought.hash())]),
        }
    }

    /// Sets a key.
    pub(super) fn put(&mut self, key: &[u8], value: Bytes, expires: Option<u64>) {
        self.version += 1;
        let sought = Sought::new(key);
        let (version, length) = (self.version, value.len());
        let entry = Entry { value, version, expires };
        let before = if let Some(held) = self.entries.get_mut(&sought as &dyn Named) {
            std::mem::replace(held, entry)
        } else {
            self.bytes += (key.len() + length) as u64;
            let name = sought.to_name();
            if let Some(at) = expires {
                self.due.insert((at, name.clone()));
            }
            self.entries.insert(name, entry);
            return;
        };
        self.bytes = self.bytes + length as u64 - before.value.len() as u64;
        if before.expires != expires {
            self.move_deadline(&sought, before.expires, expires);
        }
    }

    /// Changes a key's deadline, and returns whether the key is present.
    pub(super) fn set_deadline(&mut self, key: &[u8], expires: Option<u64>) -> bool {
        let sought = Sought::new(key);
        let Some(entry) = self.entries.get_mut(&sought as &dyn Named) else { return false };
        let before = std::mem::replace(&mut entry.expires, expires);
        self.version += 1;
        entry.version = self.version;
        self.move_deadline(&sought, before, expires);
        true
    }

    fn move_deadline(&mut self, key: &Sought<'_>, from: Option<u64>, to: Option<u64>) {
        if from.is_none() && to.is_none() {
            return;
        }
        let name = key.to_name();
        if let Some(at) = to {
            self.due.insert((at, name.clone()));
        }
        if let Some(at) = from.filter(|at| Some(*at) != to) {
            self.due.remove(&(at, name));
        }
    }

    /// Removes a key, and returns whether it was present.
    pub(super) fn remove(&mut self, key: &[u8]) -> bool {
        let Some((name, entry)) = self.entries.remove_with_key(&Sought::new(key) as &dyn Named) else {
            return false;
        };
        self.version += 1;
        self.gone[group(name.hash)] = self.version;
        self.bytes -= (name.key.len() + entry.value.len()) as u64;
        if let Some(at) = entry.expires {
            self.due.remove(&(at, name));
        }
        true
    }

    pub(super) fn clear(&mut self) {
        self.version += 1;
        self.cleared = self.version;
        self.entries.clear();
        self.due.clear();
        self.bytes = 0;
    }
}

fn group(hash: u64) -> usize {
    hash as usize % GROUPS
}

impl StateMachine for Store {
    type Command = Command;
    type Reply = Replies;

    fn apply(&mut self, _slot: Slot, command: &Command) -> Replies {
        let Some((stamp, ops)) = command.parts() else {
            // Every replica of this version answers the same.
            return Replies([Reply::Error(Fault::Unreadable)].into());
        };
        self.advance(&stamp);
        self.since.0.set(self.since.0.get() + EACH + command.bytes() as u64);
        let mut budget = Budget::default();
        let answer = |op| match op {
            Some(op) => self.execute(&op, &mut budget),
            // Every replica of this version answers the same.
            None => Reply::Error(Fault::Unreadable),
        };
        Replies(ops.map(answer).collect())
    }

    /// The replies to a command that only reads are not remembered. Such a command is in the log because a key was due.
    fn remembered(&self, command: &Command, replies: &Replies) -> Option<u64> {
        let (_, mut ops) = command.parts()?;
        let writes = ops.any(|op| op.is_none_or(|op| !op.is_read()));
        writes.then(|| replies.bytes())
    }

    /// `None` while a snapshot costs more (writing the store) than it saves (the log on disk and in memory). The log
    /// thus reaches a quarter of the store or 32 MiB, whichever is more, plus what arrives while a snapshot is written.
    fn capture(&self) -> Option<Capture> {
        if self.since.0.get() < ENOUGH.max(self.bytes / SHARE) {
            return None;
        }
        self.since.0.set(0);
        let copy = self.clone();
        Some(Box::new(move |out| copy.write_to(out)))
    }

    fn restore_from(&mut self, state: &mut dyn Read) -> Result<(), RestoreError> {
        // The old state is dropped first, because memory may not hold both.
        *self = Self::default();
        *self = Self::read_from(state)?;
        Ok(())
    }
}
