//! One session: the results of its last commands.

use super::Found;
use crate::{ClientId, Slot};
use serde::{Deserialize, Serialize};

/// The record of an executed command.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Done<R> {
    /// The slot in which it was executed.
    slot: Slot,
    /// The result and its size in bytes, if it is kept.
    pub(super) kept: Option<(u64, R)>,
}

/// The results of the commands `base..end`. Each is at the index of its number modulo the size of the ring, a power of
/// two that grows as needed. Lower numbers were answered, since otherwise their client could not have sent the newest.
/// Places outside the range are empty.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Session<R> {
    pub(crate) client: ClientId,
    /// The last slot in which one of its commands was chosen.
    pub(crate) heard: Slot,
    pub(crate) base: u64,
    pub(crate) end: u64,
    pub(crate) ring: Vec<Option<Done<R>>>,
    /// The bytes that the kept replies take.
    #[serde(skip)]
    pub(super) bytes: u64,
    /// No reply to a command with a lower number is kept.
    #[serde(skip)]
    kept: u64,
}

impl<R> Session<R> {
    /// Recomputes the fields that are not encoded.
    pub(super) fn weigh(&mut self) {
        let sizes = self.ring.iter().flatten().filter_map(|done| Some(done.kept.as_ref()?.0));
        self.bytes = sizes.fold(0, u64::saturating_add);
        self.kept = self.base;
    }

    /// Whether it is a possible session: checks what was decoded.
    pub(super) fn is_sound(&self) -> bool {
        let places = self.ring.len();
        self.base <= self.end
            && self.end - self.base <= places as u64
            && (places.is_power_of_two() || (places == 0 && self.end == 0))
    }

    pub(crate) fn new(client: ClientId, heard: Slot) -> Self {
        Self { client, heard, base: 0, end: 0, ring: Vec::new(), bytes: 0, kept: 0 }
    }

    fn place(&self, seq: u64) -> usize {
        seq as usize & (self.ring.len() - 1)
    }

    /// Whether the command `seq`, within the range, was executed.
    pub(super) fn has_executed(&self, seq: u64) -> bool {
        self.ring[self.place(seq)].is_some()
    }

    /// Returns the known state of the command `seq`, within the range.
    pub(super) fn found(&self, seq: u64) -> Found<'_, R> {
        match &self.ring[self.place(seq)] {
            Some(Done { slot, kept: Some((_, reply)) }) => Found::Reply(*slot, reply),
            Some(Done { slot, kept: None }) => Found::NotKept(*slot),
            None => Found::New,
        }
    }

    /// Whether `seq` is the next number, and the ring has a place for its result.
    #[inline]
    pub(super) fn is_next(&self, seq: u64, window: u64) -> bool {
        let held = self.end - self.base;
        seq == self.end && held <= window && (held == window || held < self.ring.len() as u64)
    }

    /// Makes room for the next command. The oldest one is forgotten if it is a window behind.
    #[inline]
    pub(super) fn advance(&mut self, window: u64) {
        if self.end - self.base == window {
            self.forget(self.base);
            self.base += 1;
        }
        self.end = self.end.saturating_add(1);
    }

    /// Keeps the reply to the command `seq`, and as many earlier replies as `limit` bytes allow.
    #[inline]
    pub(super) fn keep(&mut self, seq: u64, slot: Slot, reply: R, size: u64, limit: u64) -> Found<'_, R> {
        self.bytes = self.bytes.saturating_add(size);
        if self.bytes > limit {
            self.lighten(limit);
        }
        self.kept = self.kept.min(seq);
        let at = self.place(seq);
        let done = self.ring[at].insert(Done { slot, kept: None });
        let (_, reply) = done.kept.insert((size, reply));
        Found::Reply(slot, reply)
    }

    /// Notes that the command `seq` was executed, without keeping its reply.
    pub(super) fn pass(&mut self, seq: u64, slot: Slot) {
        let at = self.place(seq);
        self.ring[at] = Some(Done { slot, kept: None });
    }

    /// Drops replies, lowest numbers first, until the rest is within `limit`.
    #[cold]
    fn lighten(&mut self, limit: u64) {
        for seq in self.kept.max(self.base)..self.end {
            if self.bytes <= limit {
                return;
            }
            let at = self.place(seq);
            if let Some((size, _)) = self.ring[at].as_mut().and_then(|done| done.kept.take()) {
                self.bytes = self.bytes.saturating_sub(size);
            }
            self.kept = seq + 1;
        }
    }

    /// Forgets the command `seq`.
    #[inline]
    fn forget(&mut self, seq: u64) {
        let at = self.place(seq);
        if let Some(Done { kept: Some((size, _)), .. }) = self.ring[at].take() {
            self.bytes = self.bytes.saturating_sub(size);
        }
    }

    /// Makes room for the result of `seq`, the highest number so far, and forgets commands a window behind it.
    #[cold]
    pub(super) fn extend(&mut self, seq: u64, window: u64) {
        let base = seq.saturating_sub(window - 1).max(self.base);
        for forgotten in self.base..base.min(self.end) {
            self.forget(forgotten);
        }
        self.base = base;
        self.end = self.end.max(base);
        if seq - base >= self.ring.len() as u64 {
            self.grow(seq - base + 1);
        }
        self.end = seq.saturating_add(1);
    }

    /// Makes room for `n` results.
    #[cold]
    fn grow(&mut self, n: u64) {
        let mut ring: Vec<Option<Done<R>>> = Vec::new();
        ring.resize_with((n as usize).next_power_of_two().max(8), || None);
        let mask = ring.len() - 1;
        for seq in self.base..self.end {
            let at = self.place(seq);
            ring[seq as usize & mask] = self.ring[at].take();
        }
        self.ring = ring;
    }
}
