//! The content of the log: commands of clients, changes of members, and no-ops.

use crate::{Amount, ClientId, CommandId, Reconfiguration};
use core::fmt;
use core::hash::Hash;
use core::ops::Deref;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::sync::Arc;

/// A value that clients submit: opaque to every protocol. Integers, text, bytes, options and tuples of up to four of them
/// are values; a type of your own needs one line, and [`Value::bytes`] if it owns memory elsewhere.
///
/// ```
/// use paxos_core::Value;
///
/// #[derive(Clone, Debug, PartialEq, Eq, Hash)]
/// enum Command {
///     Add(i64),
///     Clear,
/// }
/// impl Value for Command {}
///
/// assert_eq!(("key".to_owned(), Some(7_u64)).bytes(), 3 + 1 + 8);
/// ```
pub trait Value: Clone + fmt::Debug + Eq + Hash + Send + Sync + 'static {
    /// Its size in bytes on the wire, for limits. An estimate is enough.
    fn bytes(&self) -> usize {
        size_of_val(self)
    }
}

/// Types that own no memory elsewhere: [`Value::bytes`] is their size.
macro_rules! plain {
    ($($type:ty)*) => { $(impl Value for $type {})* };
}

plain! { () bool char u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize }

impl<const N: usize> Value for [u8; N] {}

/// Types that are a pointer to bytes.
macro_rules! bytes {
    ($($type:ty)*) => {
        $(impl Value for $type {
            fn bytes(&self) -> usize {
                self.len()
            }
        })*
    };
}

bytes! { String Box<str> Arc<str> Vec<u8> Box<[u8]> Arc<[u8]> }

impl<T: Value> Value for Option<T> {
    fn bytes(&self) -> usize {
        1 + self.as_ref().map_or(0, T::bytes)
    }
}

/// Tuples: the sum of their parts.
macro_rules! tuples {
    ($(($($part:ident)+))*) => {
        $(impl<$($part: Value),+> Value for ($($part,)+) {
            fn bytes(&self) -> usize {
                #[expect(non_snake_case, reason = "each part has the name of its type")]
                let ($($part,)+) = self;
                0 $(+ $part.bytes())+
            }
        })*
    };
}

tuples! { (A) (A B) (A B C) (A B C D) }

/// A client's value, with the id that makes it execute once.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Command<V> {
    /// Its id. Two commands with the same id are the same command.
    pub id: CommandId,
    /// The value to execute.
    pub value: V,
}

/// The content of a slot.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Entry<V> {
    /// A no-op, chosen to fill a gap. Executing it does nothing.
    Noop,
    /// A client's command.
    Command(Command<V>),
    /// A change of the cluster's members, which a client submitted under this id. It is boxed, because it is rare, so
    /// that an entry is no larger than a command.
    Change(CommandId, Box<Reconfiguration>),
}

impl<V> Entry<V> {
    /// Creates a command from its parts.
    pub fn new(client: ClientId, seq: u64, value: V) -> Self {
        Self::Command(Command { id: CommandId { client, seq }, value })
    }

    /// The id of the command or change. None for a no-op.
    pub fn id(&self) -> Option<CommandId> {
        match self {
            Self::Noop => None,
            Self::Command(command) => Some(command.id),
            Self::Change(id, _) => Some(*id),
        }
    }
}

impl<V> fmt::Display for Entry<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.id() {
            None => f.write_str("noop"),
            Some(id) => id.fmt(f),
        }
    }
}

/// The contents of consecutive slots, allocated once and shared by everything that sends, stores or applies them.
/// Cloning and cutting copy no entry.
pub struct Batch<V> {
    entries: Arc<[Entry<V>]>,
    start: u32,
    end: u32,
}

impl<V> Clone for Batch<V> {
    fn clone(&self) -> Self {
        Self { entries: Arc::clone(&self.entries), start: self.start, end: self.end }
    }
}

impl<V> Batch<V> {
    /// Returns a batch without entries.
    pub fn empty() -> Self {
        Self { entries: Arc::new([]), start: 0, end: 0 }
    }

    /// Whether both are the same entries in memory, and therefore equal without a comparison.
    pub fn shares(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.entries, &other.entries) && self.start == other.start && self.end == other.end
    }

    /// Returns the first `n` entries, or all if there are fewer.
    #[must_use]
    pub fn head(&self, n: u64) -> Self {
        Self { end: self.end.min(self.start.saturating_add(clamp(n))), ..self.clone() }
    }

    /// Returns all entries except the first `n`.
    #[must_use]
    pub fn tail(&self, n: u64) -> Self {
        Self { start: self.end.min(self.start.saturating_add(clamp(n))), ..self.clone() }
    }
}

impl<V: Value> Entry<V> {
    /// The bytes of the payload.
    pub fn bytes(&self) -> usize {
        match self {
            Self::Noop => 0,
            Self::Change(_, change) => change.bytes(),
            Self::Command(command) => command.value.bytes(),
        }
    }
}

impl<V: Value> Batch<V> {
    /// The bytes of the payload, computed anew each time.
    pub fn bytes(&self) -> usize {
        self.iter().map(Entry::bytes).sum()
    }

    /// Joins the parts in order. A single part is not copied.
    pub fn concat(mut parts: Vec<Self>) -> Self {
        match parts.pop() {
            None => Self::empty(),
            Some(only) if parts.is_empty() => only,
            Some(last) => {
                let mut entries =
                    Vec::with_capacity(parts.iter().map(|part| part.len()).sum::<usize>() + last.len());
                parts.iter().chain([&last]).for_each(|part| entries.extend_from_slice(part));
                entries.into()
            }
        }
    }

    /// The number of entries and the bytes of their payload.
    pub fn amount(&self) -> Amount {
        Amount { count: self.len(), bytes: self.bytes() }
    }

    /// The amount of the longest head within `limit`.
    pub fn fitting(&self, limit: Amount) -> Amount {
        let mut sum = Amount::default();
        for entry in self.iter() {
            let next = Amount { count: sum.count + 1, bytes: sum.bytes.saturating_add(entry.bytes()) };
            if !next.fits(limit) {
                break;
            }
            sum = next;
        }
        sum
    }

    /// Returns the longest head within `limit`, or the first entry alone if even that is larger.
    #[must_use]
    pub fn portion(&self, limit: Amount) -> Self {
        self.head(self.fitting(limit).count.max(1) as u64)
    }
}

fn clamp(n: u64) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

impl<V> Deref for Batch<V> {
    type Target = [Entry<V>];
    fn deref(&self) -> &[Entry<V>] {
        &self.entries[self.start as usize..self.end as usize]
    }
}

impl<V> From<Vec<Entry<V>>> for Batch<V> {
    fn from(entries: Vec<Entry<V>>) -> Self {
        entries.into_iter().collect()
    }
}

impl<V> FromIterator<Entry<V>> for Batch<V> {
    fn from_iter<I: IntoIterator<Item = Entry<V>>>(entries: I) -> Self {
        let entries: Arc<[Entry<V>]> = entries.into_iter().collect();
        let end = clamp(entries.len() as u64);
        Self { entries, start: 0, end }
    }
}

impl<V> From<Entry<V>> for Batch<V> {
    fn from(entry: Entry<V>) -> Self {
        Self { entries: Arc::new([entry]), start: 0, end: 1 }
    }
}

impl<V: PartialEq> PartialEq for Batch<V> {
    fn eq(&self, other: &Self) -> bool {
        self[..] == other[..]
    }
}

impl<V: Eq> Eq for Batch<V> {}

impl<V: Hash> Hash for Batch<V> {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        self[..].hash(state);
    }
}

impl<V> fmt::Debug for Batch<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|e| format_args!("{e}").to_string())).finish()
    }
}

impl<V: Serialize> Serialize for Batch<V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self[..].serialize(serializer)
    }
}

impl<'de, V: Deserialize<'de>> Deserialize<'de> for Batch<V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Self::from)
    }
}
