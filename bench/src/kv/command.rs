//! Operations written down: what the servers agree on.

use super::{Op, Stamp};
use paxos_core::{Bytes, Value};
use serde::{Deserialize, Serialize};

/// Operations that one server gathered, in order, behind its [`Stamp`]. Written down once and shared; replicas read the
/// operations in place.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Command(Bytes);

impl Value for Command {
    fn bytes(&self) -> usize {
        self.0.len()
    }
}

impl Command {
    /// From what the server says about time, and operations that were [written down](Ops).
    pub fn new<'a>(stamp: &Stamp, runs: impl IntoIterator<Item = &'a [u8]>) -> Self {
        // Writing to memory cannot fail, and a stamp has no part without a form.
        let mut bytes = postcard::to_stdvec(stamp).unwrap_or_default();
        for run in runs {
            bytes.extend_from_slice(run);
        }
        Self(bytes.into())
    }

    /// What the server that proposed it says about time, and the operations; none if the bytes are no command.
    pub fn parts(&self) -> Option<(Stamp, Reader<'_>)> {
        let (stamp, ops) = postcard::take_from_bytes(&self.0).ok()?;
        Some((stamp, Reader(ops)))
    }
}

/// Operations that are being written down.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Ops {
    bytes: Vec<u8>,
    count: usize,
    writes: bool,
}

impl Ops {
    /// Appends one.
    pub fn push(&mut self, op: &Op<'_>) {
        // Writing to memory cannot fail, and operations have no part without a form.
        if let Ok(bytes) = postcard::to_extend(op, std::mem::take(&mut self.bytes)) {
            self.bytes = bytes;
            self.count += 1;
            self.writes |= !op.is_read();
        }
    }

    /// How many there are.
    pub const fn count(&self) -> usize {
        self.count
    }

    /// Whether one of them changes something.
    pub const fn writes(&self) -> bool {
        self.writes
    }

    /// All of them, written down.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// All of them.
    pub fn reader(&self) -> Reader<'_> {
        Reader(&self.bytes)
    }
}

/// Reads operations that were written down, in order.
#[derive(Clone, Debug)]
pub struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Reader<'a> {
    /// An operation, or that the rest cannot be read.
    type Item = Option<Op<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let Ok((op, rest)) = postcard::take_from_bytes(self.0) else {
            self.0 = &[];
            return Some(None);
        };
        self.0 = rest;
        Some(Some(op))
    }
}
