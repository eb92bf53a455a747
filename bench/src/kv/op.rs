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
    /// At this time, in milliseconds since 1970.
    At(u64),
}

/// On what condition a value is set.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Only<'a> {
    /// None.
    Always,
    /// There is no such key.
    Absent,
    /// There is such a key.
    Present,
    /// The key has this value.
    Equal(#[serde(borrow)] Raw<'a>),
    /// The key has another value, or there is no such key.
    Differs(Raw<'a>),
}

impl Only<'_> {
    /// Whether a key with this value, or one that is absent, meets the condition.
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

/// When a key is to expire, in milliseconds. What is not after now removes the key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum When {
    /// From now on.
    In(i64),
    /// Since 1970.
    At(i64),
}

/// On what condition a key gets another deadline.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Renewal {
    /// Whether the key must have a deadline already.
    pub expiring: Option<bool>,
    /// Whether the new deadline must be later than the old one, or earlier. A key without one has the latest of all.
    pub later: Option<bool>,
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
        only: Only<'a>,
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
    /// Answers with an error that the server found in the request; with nothing, if a key is named that is absent.
    Refuse {
        /// The text of the error.
        text: Raw<'a>,
        /// The key without which nothing is wrong.
        unless_absent: Option<Raw<'a>>,
    },
    /// A part of a value, both ends included; negative ones count from its end.
    Range(Raw<'a>, i64, i64),
    /// When a key expires, since 1970.
    Deadline(Raw<'a>, Unit),
    /// The key whose hash comes next after this number.
    Random(u64),
    /// How Redis would keep a value.
    Encoding(Raw<'a>),
    /// The store's time.
    Time,
    /// Sets keys if none of them is there.
    SetAbsent(Vec<(Raw<'a>, Raw<'a>)>),
    /// Removes a key; the value that it had.
    Take(Raw<'a>),
    /// Changes when a key expires; its value.
    Renew(Raw<'a>, Expiry),
    /// Overwrites a part of a value; its length.
    Overwrite {
        /// The key.
        key: Raw<'a>,
        /// Where the part begins.
        offset: u64,
        /// The part.
        part: Raw<'a>,
    },
    /// Adds to a number with a fraction; the sum.
    AddFloat(Raw<'a>, Raw<'a>),
    /// Changes when a key expires, on a condition; whether that was met.
    ExpireIf(Raw<'a>, When, Renewal),
    /// Gives a key another name.
    Rename {
        /// The name that it has.
        from: Raw<'a>,
        /// The name that it gets.
        to: Raw<'a>,
        /// Whether a key of that name prevents it.
        only_absent: bool,
    },
    /// Copies a key with its deadline; whether that was done.
    Copy {
        /// The key.
        from: Raw<'a>,
        /// The copy.
        to: Raw<'a>,
        /// Whether it may take the place of a key.
        replace: bool,
    },
    /// Removes a key on a condition; how many were removed.
    DeleteIf(Raw<'a>, Only<'a>),
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
