//! Encoded operations: the commands that the servers agree on.

use super::{Op, Stamp};
use paxos_core::{Bytes, Value};
use serde::{Deserialize, Serialize};

/// The operations that one server gathered, in order, after its [`Stamp`]. They are encoded once and shared; replicas
/// read them in place.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Command(Bytes);

impl Value for Command {
    fn bytes(&self) -> usize {
        self.0.len()
    }
}

impl Command {
    /// Builds a command from the server's stamp and [encoded](Ops) operations.
    pub fn new<'a>(stamp: &Stamp, runs: impl IntoIterator<Item = &'a [u8]>) -> Self {
        // Writing to memory cannot fail, and every part of a stamp can be encoded.
        let mut bytes = postcard::to_stdvec(stamp).unwrap_or_default();
        for run in runs {
            bytes.extend_from_slice(run);
        }
        Self(bytes.into())
    }

    /// The stamp of the server that proposed it, and the operations; `None` if the bytes are not a command.
    pub fn parts(&self) -> Option<(Stamp, Reader<'_>)> {
        let (stamp, ops) = postcard::take_from_bytes(&self.0).ok()?;
        Some((stamp, Reader(ops)))
    }
}

/// A buffer of encoded operations.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Ops {
    bytes: Vec<u8>,
    count: usize,
    writes: bool,
}

impl Ops {
    /// Appends an operation.
    pub fn push(&mut self, op: &Op<'_>) {
        // Writing to memory cannot fail, and every part of an operation can be encoded.
        if let Ok(bytes) = postcard::to_extend(op, std::mem::take(&mut self.bytes)) {
            self.bytes = bytes;
            self.count += 1;
            self.writes |= !op.is_read();
        }
    }

    /// The number of operations.
    pub const fn count(&self) -> usize {
        self.count
    }

    /// Whether any operation changes something.
    pub const fn writes(&self) -> bool {
        self.writes
    }

    /// The encoded operations.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The operations after the first `n`.
    #[must_use]
    pub fn after(&self, n: usize) -> Self {
        let mut reader = self.reader();
        let passed = reader.by_ref().take(n).count();
        Self { bytes: reader.0.to_vec(), count: self.count.saturating_sub(passed), writes: self.writes }
    }

    /// Reads all operations.
    pub fn reader(&self) -> Reader<'_> {
        Reader(&self.bytes)
    }
}

/// Decodes operations in order.
#[derive(Clone, Debug)]
pub struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Iterator for Reader<'a> {
    /// An operation; `None` if the rest cannot be decoded.
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
