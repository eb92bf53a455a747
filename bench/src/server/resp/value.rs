//! Replies as a client reads them.

use crate::kv::integer;

/// How deeply lists in replies may be nested.
const DEPTH: usize = 8;

/// The longest string in a reply, in bytes.
const LONGEST: usize = 512 << 20;

/// A reply.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    /// A simple string, such as *OK*.
    Simple(String),
    /// An error message.
    Error(String),
    /// An integer.
    Int(i64),
    /// Bytes.
    Bulk(Vec<u8>),
    /// A list; a map becomes alternating names and values.
    Array(Vec<Value>),
    /// No value.
    Nil,
    /// Any other type as received, such as decimal numbers and booleans.
    Other(String),
}

/// The bytes are not a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
#[error("the server does not speak the Redis protocol: name the address of one that does")]
pub struct ValueError;

impl Value {
    /// The text of a string or an integer.
    pub fn text(&self) -> Option<String> {
        match self {
            Self::Simple(text) => Some(text.clone()),
            Self::Bulk(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
            Self::Int(n) => Some(n.to_string()),
            Self::Error(_) | Self::Array(_) | Self::Nil | Self::Other(_) => None,
        }
    }

    /// The error message, if the reply is an error.
    pub fn error(&self) -> Option<&str> {
        match self {
            Self::Error(text) => Some(text),
            Self::Simple(_) | Self::Int(_) | Self::Bulk(_) | Self::Array(_) | Self::Nil | Self::Other(_) => {
                None
            }
        }
    }
}

/// Reads the reply at the beginning of `bytes` and returns it with its length, or `None` if it is incomplete.
///
/// # Errors
/// [`ValueError`] if the bytes are not a reply.
pub fn read_value(bytes: &[u8]) -> Result<Option<(Value, usize)>, ValueError> {
    let mut at = 0;
    Ok(value(bytes, &mut at, DEPTH)?.map(|value| (value, at)))
}

fn value(bytes: &[u8], at: &mut usize, depth: usize) -> Result<Option<Value>, ValueError> {
    let rest = bytes.get(*at..).unwrap_or_default();
    let Some(end) = rest.iter().position(|byte| *byte == b'\n') else { return Ok(None) };
    let line = rest[..end].strip_suffix(b"\r").ok_or(ValueError)?;
    *at += end + 1;
    let (mark, text) = line.split_first().ok_or(ValueError)?;
    let words = || String::from_utf8_lossy(text).into_owned();
    let number = || integer(text).ok_or(ValueError);
    Ok(Some(match mark {
        b'+' => Value::Simple(words()),
        b'-' => Value::Error(words()),
        b':' => Value::Int(number()?),
        b'_' => Value::Nil,
        b',' | b'#' | b'(' => Value::Other(words()),
        b'$' | b'=' => {
            let Ok(length) = usize::try_from(number()?) else { return Ok(Some(Value::Nil)) };
            if length > LONGEST {
                return Err(ValueError);
            }
            let Some(found) = bytes.get(*at..*at + length + 2) else { return Ok(None) };
            *at += length + 2;
            Value::Bulk(found[..length].to_vec())
        }
        b'*' | b'%' | b'~' | b'>' => {
            let Ok(count) = usize::try_from(number()?) else { return Ok(Some(Value::Nil)) };
            if depth == 0 {
                return Err(ValueError);
            }
            let count = if *mark == b'%' { count.saturating_mul(2) } else { count };
            let mut parts = Vec::new();
            for _ in 0..count {
                let Some(part) = value(bytes, at, depth - 1)? else { return Ok(None) };
                parts.push(part);
            }
            Value::Array(parts)
        }
        _ => return Err(ValueError),
    }))
}
