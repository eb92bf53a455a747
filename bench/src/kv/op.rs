//! What can be asked of the store.

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// Opaque bytes of a client: a key, a value or a pattern. On the wire a length and the bytes, in one piece.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Raw<'a>(pub &'a [u8]);

impl Serialize for Raw<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

struct Taker;

impl<'de> Visitor<'de> for Taker {
    type Value = Raw<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes")
    }

    fn visit_borrowed_bytes<E: Error>(self, bytes: &'de [u8]) -> Result<Raw<'de>, E> {
        Ok(Raw(bytes))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Raw<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(Taker)
    }
}

/// When a value that is set expires.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Expiry {
    /// Never.
    Never,
    /// When the value in whose place it is put would have.
    Kept,
    /// So many milliseconds from now on.
    After(u64),
}

/// On what condition a value is set.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Only {
    /// None.
    Always,
    /// There is no such key.
    Absent,
    /// There is such a key.
    Present,
}

/// How a time to live is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Unit {
    /// In seconds, rounded.
    Seconds,
    /// In milliseconds.
    Millis,
}

/// One operation, which borrows its bytes from a client's request or from a [`super::Command`]. Variants are only ever
/// appended, since they are stored.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Op<'a> {
    /// Nothing, answered with *OK*.
    Nothing,
    /// Its text comes back; without one, *PONG*.
    Echo(#[serde(borrow)] Option<Raw<'a>>),
    /// The value of a key.
    Get(Raw<'a>),
    /// The values of keys.
    GetMany(Vec<Raw<'a>>),
    /// How many of these keys there are.
    Exists(Vec<Raw<'a>>),
    /// The length of a value.
    Length(Raw<'a>),
    /// How long a key will be there.
    Ttl(Raw<'a>, Unit),
    /// What a key holds, by Redis's name.
    Type(Raw<'a>),
    /// All keys that match.
    Keys(Raw<'a>),
    /// Some of the keys that match, from a cursor on.
    Scan {
        /// Where to go on; 0: where it begins.
        cursor: u64,
        /// What the keys must match.
        pattern: Option<Raw<'a>>,
        /// How many keys to look at.
        count: u64,
    },
    /// How many keys there are.
    Size,
    /// The versions of keys, for [`Op::Exec`].
    Versions(Vec<Raw<'a>>),
    /// Sets a key.
    Set {
        /// The key.
        key: Raw<'a>,
        /// Its new value.
        value: Raw<'a>,
        /// When that expires.
        expiry: Expiry,
        /// On what condition it is set.
        only: Only,
        /// Whether to answer with the value that was there.
        get: bool,
    },
    /// Sets keys, all at once.
    SetMany(Vec<(Raw<'a>, Raw<'a>)>),
    /// Removes keys; how many there were.
    Delete(Vec<Raw<'a>>),
    /// Adds to a number; the sum.
    Add(Raw<'a>, i64),
    /// Appends to a value; its length.
    Append(Raw<'a>, Raw<'a>),
    /// Lets a key expire in so many milliseconds; at once if that is not positive.
    Expire(Raw<'a>, i64),
    /// Lets a key stay.
    Persist(Raw<'a>),
    /// Removes all keys.
    Clear,
    /// A transaction: executes all, if no key that it watches has changed.
    Exec {
        /// Keys with the versions that they must have.
        watched: Vec<(Raw<'a>, u64)>,
        /// The operations, as in a [`super::Command`].
        ops: Raw<'a>,
    },
    /// An operator sets the store's time, in milliseconds since 1970; the time that it had.
    Clock(u64),
}

impl Op<'_> {
    /// Whether it can be answered without a change.
    pub const fn is_read(&self) -> bool {
        match self {
            Self::Nothing
            | Self::Echo(_)
            | Self::Get(_)
            | Self::GetMany(_)
            | Self::Exists(_)
            | Self::Length(_)
            | Self::Ttl(..)
            | Self::Type(_)
            | Self::Keys(_)
            | Self::Scan { .. }
            | Self::Size
            | Self::Versions(_) => true,
            Self::Set { .. }
            | Self::SetMany(_)
            | Self::Delete(_)
            | Self::Add(..)
            | Self::Append(..)
            | Self::Expire(..)
            | Self::Persist(_)
            | Self::Clear
            | Self::Exec { .. }
            | Self::Clock(_) => false,
        }
    }
}
