//! The operations of a history: what a client did to a key, and what it saw.

use std::fmt;

/// What a client did to a key, and what it saw. If the outcome is unknown, it saw nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Deed {
    /// A read, with the value that it saw; none if the key had no value.
    Get(Option<String>),
    /// A write that does not depend on the old value.
    Put(String),
    /// Compare-and-set: the key had the first value, and has the second one afterwards.
    Cas(Option<String>, String),
    /// An append, with the length in bytes after it.
    Append(String, Option<usize>),
    /// A removal, and whether there was a value.
    Delete(Option<bool>),
    /// An increment by 1, with the number after it. A key without a value counts as 0.
    Incr(Option<i64>),
}

/// An operation of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The client that called it.
    pub client: u64,
    /// The key.
    pub key: String,
    /// What was done and seen.
    pub deed: Deed,
    /// When it was called, in any unit. The whole history uses one clock.
    pub begun: u64,
    /// When it was answered; none if the outcome is unknown.
    pub ended: Option<u64>,
}

/// How much of a value is shown.
const SHOWN: usize = 24;

fn short(value: &str) -> String {
    let whole = value.chars().count() <= SHOWN;
    let kept: String = value.chars().take(SHOWN).collect();
    if whole { format!("{kept:?}") } else { format!("{kept:?}… ({} bytes)", value.len()) }
}

fn perhaps(value: Option<&str>) -> String {
    value.map_or_else(|| "nothing".into(), short)
}

impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Get(seen) => write!(f, "get -> {}", perhaps(seen.as_deref())),
            Self::Put(value) => write!(f, "put {}", short(value)),
            Self::Cas(from, to) => write!(f, "cas {} to {}", perhaps(from.as_deref()), short(to)),
            Self::Append(value, None) => write!(f, "append {}", short(value)),
            Self::Append(value, Some(length)) => write!(f, "append {} -> length {length}", short(value)),
            Self::Delete(None) => f.write_str("del"),
            Self::Delete(Some(true)) => f.write_str("del -> there was a value"),
            Self::Delete(Some(false)) => f.write_str("del -> there was none"),
            Self::Incr(None) => f.write_str("incr"),
            Self::Incr(Some(number)) => write!(f, "incr -> {number}"),
        }
    }
}
