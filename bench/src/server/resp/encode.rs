//! Encodes replies and requests.

use crate::kv::{Reply, Word};
use core::slice;
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
    Encoder::begin(reply, version, out).fill(out, usize::MAX);
}

/// Encodes a reply piece by piece, so that a client that does not read a long one has little of it in memory.
#[derive(Debug)]
pub struct Encoder<'a> {
    version: Version,
    /// What is still to be encoded, innermost last.
    left: Vec<Left<'a>>,
}

#[derive(Debug)]
enum Left<'a> {
    Bytes(&'a [u8]),
    Parts(slice::Iter<'a, Reply>),
    Pairs(slice::Iter<'a, (Reply, Reply)>),
    Value(&'a Reply),
}

/// The longest bytes that are encoded in one step.
const STEP: usize = 4 << 10;

impl<'a> Encoder<'a> {
    /// Appends the beginning of a reply.
    pub fn begin(reply: &'a Reply, version: Version, out: &mut Vec<u8>) -> Self {
        let mut encoder = Self { version, left: Vec::new() };
        encoder.put(reply, out);
        encoder
    }

    /// Appends more of the reply until `out` has `most` bytes, or some kilobytes more. Returns whether that was all.
    pub fn fill(&mut self, out: &mut Vec<u8>, most: usize) -> bool {
        while let Some(left) = self.left.pop() {
            if out.len() >= most {
                self.left.push(left);
                return false;
            }
            match left {
                Left::Bytes(bytes) => {
                    let (now, later) = bytes.split_at(bytes.len().min(most - out.len()));
                    out.extend_from_slice(now);
                    if later.is_empty() {
                        out.extend_from_slice(b"\r\n");
                    } else {
                        self.left.push(Left::Bytes(later));
                    }
                }
                Left::Parts(mut parts) => {
                    if let Some(part) = parts.next() {
                        self.left.push(Left::Parts(parts));
                        self.put(part, out);
                    }
                }
                Left::Pairs(mut pairs) => {
                    if let Some((name, value)) = pairs.next() {
                        self.left.extend([Left::Pairs(pairs), Left::Value(value)]);
                        self.put(name, out);
                    }
                }
                Left::Value(value) => self.put(value, out),
            }
        }
        true
    }

    /// Appends a reply; of a long one, only the beginning.
    fn put(&mut self, reply: &'a Reply, out: &mut Vec<u8>) {
        let two = self.version == Version::Two;
        match reply {
            Reply::Ok => out.extend_from_slice(b"+OK\r\n"),
            Reply::Pong => out.extend_from_slice(b"+PONG\r\n"),
            Reply::Word(word) => line(b'+', Word::text(*word), out),
            Reply::Nil => out.extend_from_slice(if two { b"$-1\r\n" } else { b"_\r\n" }),
            Reply::NilArray => out.extend_from_slice(if two { b"*-1\r\n" } else { b"_\r\n" }),
            Reply::Int(n) => head(b':', *n, out),
            Reply::Bulk(bytes) if bytes.len() > STEP => {
                length(b'$', bytes.len(), out);
                self.left.push(Left::Bytes(bytes));
            }
            Reply::Bulk(bytes) => bulk(bytes, out),
            Reply::Array(parts) => {
                length(b'*', parts.len(), out);
                self.left.push(Left::Parts(parts.iter()));
            }
            Reply::Map(pairs) => {
                let (mark, each) = if two { (b'*', 2) } else { (b'%', 1) };
                length(mark, pairs.len() * each, out);
                self.left.push(Left::Pairs(pairs.iter()));
            }
            Reply::Error(fault) => line(b'-', &fault.to_string(), out),
            Reply::Refused(text) => line(b'-', text, out),
        }
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
