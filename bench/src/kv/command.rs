//! Operations written down: what the servers agree on.

use super::Op;
use paxos_core::{Bytes, Value};
use serde::{Deserialize, Serialize};

/// The bytes before the operations: the clock.
const HEAD: usize = 8;

/// Operations that one server gathered, in order, with its clock. Written down once and shared; replicas read the
/// operations in place.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Command(Bytes);

impl Value for Command {
    fn bytes(&self) -> usize {
        self.0.len()
    }
}

impl Command {
    /// From the clock of the server, in milliseconds since 1970, and operations that were [written down](Ops).
    pub fn new<'a>(clock: u64, runs: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut bytes = clock.to_le_bytes().to_vec();
        for run in runs {
            bytes.extend_from_slice(run);
        }
        Self(bytes.into())
    }

    /// The clock of the server that proposed it; 0 if the bytes are no command.
    pub fn clock(&self) -> u64 {
        self.0.first_chunk::<HEAD>().map_or(0, |clock| u64::from_le_bytes(*clock))
    }

    /// Its operations.
    pub fn ops(&self) -> Reader<'_> {
        Reader(self.0.get(HEAD..).unwrap_or_default())
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
