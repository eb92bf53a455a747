//! Encodes replies and requests.

use crate::kv::{Reply, Word};
use std::io::Write;

/// The version of the protocol that a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Version {
    /// RESP2.
    #[default]
    Two,
    /// RESP3, requested with `HELLO 3`.
    Three,
}

/// Appends a reply.
pub fn encode(reply: &Reply, version: Version, out: &mut Vec<u8>) {
    match reply {
        Reply::Ok => out.extend_from_slice(b"+OK\r\n"),
        Reply::Pong => out.extend_from_slice(b"+PONG\r\n"),
        Reply::Word(word) => line(b'+', Word::text(*word), out),
        Reply::Nil => out.extend_from_slice(if version == Version::Two { b"$-1\r\n" } else { b"_\r\n" }),
        Reply::NilArray => {
            out.extend_from_slice(if version == Version::Two { b"*-1\r\n" } else { b"_\r\n" });
        }
        Reply::Int(n) => head(b':', *n, out),
        Reply::Bulk(bytes) => bulk(bytes, out),
        Reply::Array(parts) => {
            length(b'*', parts.len(), out);
            for part in parts {
                encode(part, version, out);
            }
        }
        Reply::Map(pairs) => {
            let (mark, each) = if version == Version::Two { (b'*', 2) } else { (b'%', 1) };
            length(mark, pairs.len() * each, out);
            for (name, value) in pairs {
                encode(name, version, out);
                encode(value, version, out);
            }
        }
        Reply::Error(fault) => line(b'-', &fault.to_string(), out),
        Reply::Refused(text) => line(b'-', text, out),
    }
}

/// Appends a request.
pub fn encode_request(words: &[&[u8]], out: &mut Vec<u8>) {
    length(b'*', words.len(), out);
    for word in words {
        bulk(word, out);
    }
}

fn bulk(bytes: &[u8], out: &mut Vec<u8>) {
    length(b'$', bytes.len(), out);
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}

/// Appends a text as one line; line breaks become spaces.
fn line(mark: u8, text: &str, out: &mut Vec<u8>) {
    out.push(mark);
    out.extend(text.bytes().map(|byte| if byte == b'\r' || byte == b'\n' { b' ' } else { byte }));
    out.extend_from_slice(b"\r\n");
}

fn length(mark: u8, n: usize, out: &mut Vec<u8>) {
    head(mark, i64::try_from(n).unwrap_or(i64::MAX), out);
}

fn head(mark: u8, n: i64, out: &mut Vec<u8>) {
    out.push(mark);
    if let Ok(digit @ 0..=9) = u8::try_from(n) {
        out.push(b'0' + digit);
    } else {
        // Writing to memory cannot fail.
        let _ = write!(out, "{n}");
    }
    out.extend_from_slice(b"\r\n");
}
