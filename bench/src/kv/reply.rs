//! What the store answers.

use paxos_core::Bytes;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The bytes that the answers to one command may hold, lest they fill every replica's memory.
const MOST: usize = 64 << 20;

/// What an answer takes besides its bytes.
const EACH: usize = 32;

/// The answers to one command, one for each operation, shared.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Replies(pub Arc<[Reply]>);

/// An answer.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Reply {
    /// *OK*.
    Ok,
    /// *PONG*.
    Pong,
    /// There is none.
    Nil,
    /// There is none, where a list was asked for: a transaction that was given up.
    NilArray,
    /// A number.
    Int(i64),
    /// A word.
    Word(Word),
    /// Bytes.
    Bulk(Bytes),
    /// Several.
    Array(Vec<Reply>),
    /// Names with values: a map where the client knows maps, else a list.
    Map(Vec<(Reply, Reply)>),
    /// It cannot be done.
    Error(Fault),
    /// It cannot be done, says the server: a code and a text.
    Refused(Box<str>),
}

/// A word that stands for itself.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Word {
    /// The type of all values.
    String,
    /// The type of what is not there.
    None,
    /// A command of a transaction was taken.
    Queued,
    /// A connection is as new.
    Reset,
}

impl Word {
    /// How it is written.
    pub const fn text(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::None => "none",
            Self::Queued => "QUEUED",
            Self::Reset => "RESET",
        }
    }
}

/// What the store cannot do.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize, thiserror::Error)]
pub enum Fault {
    /// It is no number, or none of 64 bits.
    #[error("ERR value is not an integer or out of range")]
    NotInteger,
    /// The sum is no number of 64 bits.
    #[error("ERR increment or decrement would overflow")]
    Overflow,
    /// The time to live is too long.
    #[error("ERR invalid expire time")]
    ExpireTime,
    /// The value would be too long.
    #[error("ERR string exceeds maximum allowed size (16 MiB)")]
    TooLong,
    /// The answers would be too long.
    #[error("ERR the reply would exceed 64 MiB: ask for less at a time")]
    TooMuch,
    /// A server wrote what this one cannot read.
    #[error("ERR this command was written by a newer version: let all members run the same one")]
    Unreadable,
    /// It is no number with a fraction.
    #[error("ERR value is not a valid float")]
    NotFloat,
    /// The sum is beyond all numbers.
    #[error("ERR increment would produce NaN or Infinity")]
    NotFinite,
    /// There is no such key.
    #[error("ERR no such key")]
    NoKey,
    /// The store's time has nothing to do with wall clocks yet.
    #[error("TRYAGAIN not done: the members have not compared their clocks yet; try again in a second")]
    NoTime,
}

impl Reply {
    /// A text.
    pub fn text(text: impl AsRef<str>) -> Self {
        Self::Bulk(text.as_ref().as_bytes().into())
    }

    /// What it takes up in memory and in a snapshot, about.
    pub(super) fn bytes(&self) -> u64 {
        let more = match self {
            Self::Bulk(bytes) => bytes.len() as u64,
            Self::Array(replies) => replies.iter().map(Self::bytes).sum(),
            Self::Map(pairs) => pairs.iter().map(|(name, value)| name.bytes() + value.bytes()).sum(),
            Self::Refused(text) => text.len() as u64,
            Self::Ok
            | Self::Pong
            | Self::Nil
            | Self::NilArray
            | Self::Int(_)
            | Self::Word(_)
            | Self::Error(_) => 0,
        };
        more + EACH as u64
    }

    /// A number.
    pub fn number(n: usize) -> Self {
        Self::Int(i64::try_from(n).unwrap_or(i64::MAX))
    }

    /// An error with a text.
    pub fn refused(text: impl Into<Box<str>>) -> Self {
        Self::Refused(text.into())
    }
}

/// What the answers to one command may still hold.
#[derive(Clone, Copy, Debug)]
pub struct Budget(usize);

impl Default for Budget {
    fn default() -> Self {
        Self(MOST)
    }
}

impl Budget {
    /// Bytes as an answer, if there is room.
    pub(super) fn bulk(&mut self, bytes: &Bytes) -> Reply {
        self.admit(bytes.len(), || Reply::Bulk(bytes.clone()))
    }

    /// An answer with so many bytes, if there is room.
    pub(super) fn admit(&mut self, bytes: usize, reply: impl FnOnce() -> Reply) -> Reply {
        match self.0.checked_sub(bytes.saturating_add(EACH)) {
            Some(rest) => {
                self.0 = rest;
                reply()
            }
            None => Reply::Error(Fault::TooMuch),
        }
    }
}
