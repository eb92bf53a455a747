//! The state machine: keys with values.

use super::clock::Ahead;
use super::hash::{Name, Named, Sought};
use super::{Budget, Command, Fault, Replies, Reply};
use core::cell::Cell;
use imbl::{OrdMap, OrdSet};
use paxos_core::{Aside, Bytes, Capture, RestoreError, Slot, StateMachine, Value};
use std::io::Read;

/// The longest value, in bytes.
pub const MAX_VALUE: usize = 16 << 20;

/// The least log that is worth a snapshot, in bytes.
const ENOUGH: u64 = 32 << 20;

/// The log is this part of the store before there is another snapshot: more would be more memory, less would be more to write.
const SHARE: u64 = 4;

/// What a command takes in the log besides its bytes.
const EACH: u64 = 256;

/// Into how many groups keys fall by their hash, to note when the last of a group went away.
pub(super) const GROUPS: usize = 1024;

/// A value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Entry {
    pub(super) value: Bytes,
    /// Tells this state of the key from all others, for ever.
    pub(super) version: u64,
    /// When it goes away, by the store's time.
    pub(super) expires: Option<u64>,
}

/// Keys with values, versions and deadlines. A copy shares what stays the same: to copy a store takes no longer when it is large.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Store {
    pub(super) time: u64,
    /// Counts how often the time was moved.
    pub(super) moves: u64,
    /// Counts how often a wall clock was found to be ahead.
    pub(super) jumps: u64,
    /// Members whose wall clocks are ahead: at most one entry for each, and mostly none.
    pub(super) ahead: Vec<Ahead>,
    /// Counts changes.
    pub(super) version: u64,
    /// The version at which all keys were last removed.
    pub(super) cleared: u64,
    /// The version at which a key of each group was last removed.
    pub(super) gone: Box<[u64]>,
    pub(super) entries: OrdMap<Name, Entry>,
    pub(super) due: OrdSet<(u64, Name)>,
    /// Bytes of all keys and values.
    pub(super) bytes: u64,
    /// Bytes of the commands that were executed since the last snapshot.
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
    /// The time by which keys expire, in milliseconds since 1970: as of the last command ([`super::Clock`] goes on from there).
    pub fn time(&self) -> u64 {
        self.time
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many keys will expire.
    pub fn expiring(&self) -> usize {
        self.due.len()
    }

    /// Bytes of all keys and values.
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

    /// Names the state of a key. While a key is absent that is the version at which one of its group was last
    /// removed, so that it is another when the key was there meanwhile.
    pub(super) fn version_of(&self, key: &[u8]) -> u64 {
        let sought = Sought::new(key);
        match self.entries.get(&sought as &dyn Named) {
            Some(entry) => entry.version,
            None => self.cleared.max(self.gone[group(sought.hash())]),
        }
    }

    /// Puts a value in place.
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

    /// Changes when a key goes away; whether it is there.
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

    /// Removes a key; whether it was there.
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
            // The same on every replica of this version.
            return Replies([Reply::Error(Fault::Unreadable)].into());
        };
        self.advance(&stamp);
        self.since.0.set(self.since.0.get() + EACH + command.bytes() as u64);
        let mut budget = Budget::default();
        let answer = |op| match op {
            Some(op) => self.execute(&op, &mut budget),
            // The same on every replica of this version.
            None => Reply::Error(Fault::Unreadable),
        };
        Replies(ops.map(answer).collect())
    }

    /// A command that only reads, which came through the log because a key was due, is not remembered.
    fn remembered(&self, command: &Command, replies: &Replies) -> Option<u64> {
        let (_, mut ops) = command.parts()?;
        let writes = ops.any(|op| op.is_none_or(|op| !op.is_read()));
        writes.then(|| replies.0.iter().map(Reply::bytes).sum())
    }

    /// None while that is not worth it: a snapshot costs as much as the store is large, and saves the log since the last one, on disk
    /// and in memory. So the log is a quarter as long as the store, or 32 MiB if that is more, and what comes while one is written.
    fn capture(&self) -> Option<Capture> {
        if self.since.0.get() < ENOUGH.max(self.bytes / SHARE) {
            return None;
        }
        self.since.0.set(0);
        let copy = self.clone();
        Some(Box::new(move |out| copy.write_to(out)))
    }

    fn restore_from(&mut self, state: &mut dyn Read) -> Result<(), RestoreError> {
        // The former state goes first: both at once may be more than the memory holds.
        *self = Self::default();
        *self = Self::read_from(state)?;
        Ok(())
    }
}
