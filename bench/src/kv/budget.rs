//! What the answers to one command may cost, and those to one client's reads.

use super::glob::matches;
use super::{Fault, Reply};
use paxos_core::Bytes;

/// The most bytes in the answers to one command, which every replica holds in memory.
const MOST: usize = 64 << 20;

/// The overhead that is counted for each answer, in bytes.
pub(super) const EACH: usize = 32;

/// The most steps for one command: less than a second of work. A step compares one byte of a pattern. Steps are counted
/// and not timed, so every replica stops at the same one.
const STEPS: u64 = 1 << 28;

/// The steps that are counted for each key that an operation looks at.
const LOOK: u64 = 16;

/// The most bytes of values that the operations of one command copy inside the store: less than a second of work.
const MOVED: u64 = 2 << 30;

/// What is left for the answers to one command, or to the operations of one client that only read.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    /// The bytes of answers.
    bytes: usize,
    /// The bytes of answers that are not shared with the store.
    copies: usize,
    steps: u64,
    /// The bytes that operations copy inside the store.
    moved: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self { bytes: MOST, copies: MOST, steps: STEPS, moved: MOVED }
    }
}

impl Budget {
    /// Allows as many bytes again that are shared with the store. Copies and steps stay limited.
    pub fn share_anew(&mut self) {
        self.bytes = MOST;
    }

    /// The bytes that were copied so far.
    pub const fn copied(&self) -> usize {
        MOST - self.copies
    }

    /// The steps that were taken so far.
    pub const fn taken(&self) -> u64 {
        STEPS - self.steps
    }

    /// Returns `bytes`, shared with the store, as an answer if the budget allows it.
    pub(super) fn bulk(&mut self, bytes: &Bytes) -> Reply {
        self.listed(bytes).unwrap_or_else(Reply::Error)
    }

    /// The same for a part of a list. A list that is too long is refused as a whole.
    pub(super) fn listed(&mut self, bytes: &Bytes) -> Result<Reply, Fault> {
        self.admit(bytes.len(), 0)?;
        Ok(Reply::Bulk(bytes.clone()))
    }

    /// Returns a copy of `bytes` as an answer if the budget allows it.
    pub(super) fn copy(&mut self, bytes: &[u8]) -> Reply {
        match self.admit(bytes.len(), bytes.len()) {
            Ok(()) => Reply::Bulk(bytes.into()),
            Err(fault) => Reply::Error(fault),
        }
    }

    /// Counts an answer, of which this many bytes are not shared with the store.
    fn admit(&mut self, bytes: usize, own: usize) -> Result<(), Fault> {
        let bytes = self.bytes.checked_sub(bytes.saturating_add(EACH)).ok_or(Fault::TooMuch)?;
        let copies = self.copies.checked_sub(own.saturating_add(EACH)).ok_or(Fault::TooMuch)?;
        (self.bytes, self.copies) = (bytes, copies);
        Ok(())
    }

    /// Counts bytes that an operation copies inside the store before it changes anything. A refusal tells the client to
    /// try again: a command holds operations of several clients, and the others have used up what it may copy.
    pub(super) fn work(&mut self, bytes: u64) -> Result<(), Fault> {
        self.moved = self.moved.checked_sub(bytes).ok_or(Fault::Crowded)?;
        Ok(())
    }

    /// Whether the operations before have left at least half of what one command may copy. A transaction that begins
    /// with less might be done by half.
    pub(super) const fn has_room(&self) -> bool {
        self.moved >= MOVED / 2
    }

    /// Counts a key that an operation looks at, and returns whether it matches the pattern, if there is one.
    ///
    /// # Errors
    /// [`Fault::TooMuch`] if no step is left.
    pub fn matches(&mut self, pattern: Option<&[u8]>, key: &[u8]) -> Result<bool, Fault> {
        self.steps = self.steps.saturating_sub(LOOK);
        let found = pattern.map_or(Some(true), |pattern| matches(pattern, key, &mut self.steps));
        found.filter(|_| self.steps > 0).ok_or(Fault::TooMuch)
    }
}
