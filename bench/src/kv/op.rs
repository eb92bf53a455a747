//! The operations of the store.

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// Opaque bytes of a client: a key, a value or a pattern. Encoded as a length and the bytes in one piece.
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

/// When a newly set value expires.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Expiry {
    /// Never.
    Never,
    /// When the value that it replaces would have expired.
    Kept,
    /// This many milliseconds from now.
    After(u64),
    /// At this time, in milliseconds since 1970.
    At(u64),
}

/// The condition for setting or removing a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Only<'a> {
    /// No condition.
    Always,
    /// The key is absent.
    Absent,
    /// The key is present.
    Present,
    /// The key has this value.
    Equal(#[serde(borrow)] Raw<'a>),
    /// The key has another value or is absent.
    Differs(Raw<'a>),
}

impl Only<'_> {
    /// Whether a key with the value `held`, or an absent key, meets the condition.
    pub(super) fn allows(self, held: Option<&[u8]>) -> bool {
        match self {
            Self::Always => true,
            Self::Absent => held.is_none(),
            Self::Present => held.is_some(),
            Self::Equal(value) => held == Some(value.0),
            Self::Differs(value) => held != Some(value.0),
        }
    }
}

/// When a key is to expire, in milliseconds. A time that is not in the future removes the key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum When {
    /// Relative to now.
    In(i64),
    /// Since 1970.
    At(i64),
}

/// The condition for changing a key's deadline.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Renewal {
    /// Whether the key must have a deadline already.
    pub expiring: Option<bool>,
    /// Whether the new deadline must be later than the old one, or earlier. A key without a deadline counts as latest.
    pub later: Option<bool>,
}

/// The unit of a time to live.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Unit {
    /// Seconds, rounded.
    Seconds,
    /// Milliseconds.
    Millis,
}

/// One operation. It borrows its bytes from a client's request or from a [`super::Command`]. New variants are only
/// appended, because operations are stored.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Op<'a> {
    /// Does nothing and answers *OK*.
    Nothing,
    /// Answers its text, or *PONG* without one.
    Echo(#[serde(borrow)] Option<Raw<'a>>),
    /// Returns the value of a key.
    Get(Raw<'a>),
    /// Returns the values of several keys.
    GetMany(Vec<Raw<'a>>),
    /// Counts which of these keys are present.
    Exists(Vec<Raw<'a>>),
    /// Returns the length of a value.
    Length(Raw<'a>),
    /// Returns the time to live of a key.
    Ttl(Raw<'a>, Unit),
    /// Returns the type of a key's value, by Redis's name.
    Type(Raw<'a>),
    /// Lists all keys that match a pattern.
    Keys(Raw<'a>),
    /// Lists some of the keys that match a pattern, starting at a cursor.
    Scan {
        /// Where to continue; 0 starts from the beginning.
        cursor: u64,
        /// The pattern that the keys must match.
        pattern: Option<Raw<'a>>,
        /// How many keys to look at.
        count: u64,
    },
    /// Counts all keys.
    Size,
    /// Returns the versions of keys, for [`Op::Exec`].
    Versions(Vec<Raw<'a>>),
    /// Sets a key.
    Set {
        /// The key.
        key: Raw<'a>,
        /// Its new value.
        value: Raw<'a>,
        /// When the value expires.
        expiry: Expiry,
        /// The condition for setting it.
        only: Only<'a>,
        /// Whether to answer with the previous value.
        get: bool,
    },
    /// Sets several keys at once.
    SetMany(Vec<(Raw<'a>, Raw<'a>)>),
    /// Removes keys and returns how many were present.
    Delete(Vec<Raw<'a>>),
    /// Adds to an integer and returns the sum.
    Add(Raw<'a>, i64),
    /// Appends to a value and returns its length.
    Append(Raw<'a>, Raw<'a>),
    /// Makes a key expire in this many milliseconds; if that is not positive, at once.
    Expire(Raw<'a>, i64),
    /// Removes a key's deadline.
    Persist(Raw<'a>),
    /// Removes all keys.
    Clear,
    /// A transaction: executes all its operations if no watched key has changed.
    Exec {
        /// The watched keys, with the versions that they must have.
        watched: Vec<(Raw<'a>, u64)>,
        /// The operations, encoded as in a [`super::Command`].
        ops: Raw<'a>,
    },
    /// Sets the store's time for an operator, in milliseconds since 1970, and returns the previous time.
    Clock(u64),
    /// Answers with an error that the server found in the request, or with nil if the named key is absent.
    Refuse {
        /// The text of the error.
        text: Raw<'a>,
        /// A key in whose absence the request is correct.
        unless_absent: Option<Raw<'a>>,
    },
    /// Returns part of a value, both ends inclusive. Negative positions count from its end.
    Range(Raw<'a>, i64, i64),
    /// Returns when a key expires, since 1970.
    Deadline(Raw<'a>, Unit),
    /// Returns the first key whose hash is at or after this number, wrapping around.
    Random(u64),
    /// Returns how Redis would encode a value.
    Encoding(Raw<'a>),
    /// Returns the store's time.
    Time,
    /// Sets keys if all of them are absent.
    SetAbsent(Vec<(Raw<'a>, Raw<'a>)>),
    /// Removes a key and returns its value.
    Take(Raw<'a>),
    /// Changes a key's deadline and returns its value.
    Renew(Raw<'a>, Expiry),
    /// Overwrites part of a value and returns the new length.
    Overwrite {
        /// The key.
        key: Raw<'a>,
        /// Where the part begins, in bytes.
        offset: u64,
        /// The bytes to write.
        part: Raw<'a>,
    },
    /// Adds to a decimal number and returns the sum.
    AddFloat(Raw<'a>, Raw<'a>),
    /// Changes a key's deadline if a condition holds, and returns whether it held.
    ExpireIf(Raw<'a>, When, Renewal),
    /// Renames a key.
    Rename {
        /// The old name.
        from: Raw<'a>,
        /// The new name.
        to: Raw<'a>,
        /// Whether to do nothing if the new name exists.
        only_absent: bool,
    },
    /// Copies a key with its deadline, and returns whether it did.
    Copy {
        /// The key to copy.
        from: Raw<'a>,
        /// The name of the copy.
        to: Raw<'a>,
        /// Whether the copy may replace an existing key.
        replace: bool,
    },
    /// Removes a key if a condition holds, and returns how many were removed.
    DeleteIf(Raw<'a>, Only<'a>),
}

impl Op<'_> {
    /// Whether the operation is read-only.
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
            | Self::Versions(_)
            | Self::Refuse { .. }
            | Self::Range(..)
            | Self::Deadline(..)
            | Self::Random(_)
            | Self::Encoding(_)
            | Self::Time => true,
            Self::Set { .. }
            | Self::SetMany(_)
            | Self::Delete(_)
            | Self::Add(..)
            | Self::Append(..)
            | Self::Expire(..)
            | Self::Persist(_)
            | Self::Clear
            | Self::Exec { .. }
            | Self::Clock(_)
            | Self::SetAbsent(_)
            | Self::Take(_)
            | Self::Renew(..)
            | Self::Overwrite { .. }
            | Self::AddFloat(..)
            | Self::ExpireIf(..)
            | Self::Rename { .. }
            | Self::Copy { .. }
            | Self::DeleteIf(..) => false,
        }
    }
}
