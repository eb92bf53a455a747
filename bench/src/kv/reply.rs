//! The store's answers.

use super::budget::EACH;
use paxos_core::Bytes;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The answers to one command, one per operation, shared.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Replies(pub Arc<[Reply]>);

impl Replies {
    /// The approximate size of the answers in memory and in a snapshot, in bytes.
    pub fn bytes(&self) -> u64 {
        self.0.iter().map(Reply::bytes).sum()
    }
}

/// An answer.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Reply {
    /// *OK*.
    Ok,
    /// *PONG*.
    Pong,
    /// No value.
    Nil,
    /// No list: a transaction was abandoned.
    NilArray,
    /// An integer.
    Int(i64),
    /// A fixed word.
    Word(Word),
    /// Bytes.
    Bulk(Bytes),
    /// Several answers.
    Array(Vec<Reply>),
    /// Pairs of names and values: a map if the client knows maps, else a list.
    Map(Vec<(Reply, Reply)>),
    /// The store refused the operation.
    Error(Fault),
    /// The server refused the request: an error code and a text.
    Refused(Box<str>),
}

/// A fixed word that an answer consists of.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub enum Word {
    /// The type of every value.
    String,
    /// The type of an absent key.
    None,
    /// A command was queued in a transaction.
    Queued,
    /// A connection was reset.
    Reset,
}

impl Word {
    /// The word as clients see it.
    pub const fn text(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::None => "none",
            Self::Queued => "QUEUED",
            Self::Reset => "RESET",
        }
    }
}

/// Why the store refuses an operation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize, Deserialize, thiserror::Error)]
pub enum Fault {
    /// The value is not an integer, or does not fit into 64 bits.
    #[error("ERR value is not an integer or out of range")]
    NotInteger,
    /// The sum does not fit into 64 bits.
    #[error("ERR increment or decrement would overflow")]
    Overflow,
    /// The expiry time is out of range.
    #[error("ERR invalid expire time")]
    ExpireTime,
    /// The new value would be too long.
    #[error("ERR string exceeds maximum allowed size (16 MiB)")]
    TooLong,
    /// The answers to one command would be too long, or its work.
    #[error("ERR the reply would exceed 64 MiB, or the work would take too long: ask for less at a time")]
    TooMuch,
    /// This version cannot read what another server wrote.
    #[error("ERR this command was written by a newer version: run the same version on all members")]
    Unreadable,
    /// The value is not a decimal number.
    #[error("ERR value is not a valid float")]
    NotFloat,
    /// The sum is infinite, or not a number.
    #[error("ERR increment would produce NaN or Infinity")]
    NotFinite,
    /// The key is absent.
    #[error("ERR no such key")]
    NoKey,
    /// The store's time has not yet been set from wall clocks.
    #[error("TRYAGAIN not done: the members have not compared their clocks yet; try again in a second")]
    NoTime,
    /// Other operations of the same command of the log have used up what one command may copy.
    #[error("TRYAGAIN not done: too many long values are changed at the same time; try again")]
    Crowded,
}

impl Reply {
    /// Returns a text as an answer.
    pub fn text(text: impl AsRef<str>) -> Self {
        Self::Bulk(text.as_ref().as_bytes().into())
    }

    /// The approximate size of the answer in memory and in a snapshot, in bytes.
    pub fn bytes(&self) -> u64 {
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

    /// Returns a count as an answer.
    pub fn number(n: usize) -> Self {
        Self::Int(i64::try_from(n).unwrap_or(i64::MAX))
    }

    /// Returns an error with a text.
    pub fn refused(text: impl Into<Box<str>>) -> Self {
        Self::Refused(text.into())
    }
}
