//! One session: what its last commands were answered.

use super::Found;
use crate::{ClientId, Slot};
use serde::{Deserialize, Serialize};

/// What is known of a command that was executed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Done<R> {
    /// In which slot.
    slot: Slot,
    /// What that returned, and how many bytes it takes up, if it is kept.
    pub(super) kept: Option<(u64, R)>,
}

/// What became of the commands `base..end`, each in the place of its number modulo the ring's size, which is a
/// power of two and grows as needed. Lower numbers were answered, or their client would not have been allowed to
/// send the newest. Places outside the range are empty.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Session<R> {
    pub(crate) client: ClientId,
    /// The last slot in which a command of it was chosen.
    pub(crate) heard: Slot,
    pub(crate) base: u64,
    pub(crate) end: u64,
    pub(crate) ring: Vec<Option<Done<R>>>,
    /// The bytes that replies take up.
    #[serde(skip)]
    pub(super) bytes: u64,
    /// No reply to a command below is kept.
    #[serde(skip)]
    kept: u64,
}

impl<R> Session<R> {
    /// Counts anew what is not written down.
    pub(super) fn weigh(&mut self) {
        let sizes = self.ring.iter().flatten().filter_map(|done| Some(done.kept.as_ref()?.0));
        self.bytes = sizes.fold(0, u64::saturating_add);
        self.kept = self.base;
    }

    /// Whether what was read can be what was written.
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

    /// Whether the command `seq`, of the range, was executed.
    pub(super) fn has_executed(&self, seq: u64) -> bool {
        self.ring[self.place(seq)].is_some()
    }

    /// What is known of the command `seq`, of the range.
    pub(super) fn found(&self, seq: u64) -> Found<'_, R> {
        match &self.ring[self.place(seq)] {
            Some(Done { slot, kept: Some((_, reply)) }) => Found::Reply(*slot, reply),
            Some(Done { slot, kept: None }) => Found::NotKept(*slot),
            None => Found::New,
        }
    }

    /// Whether `seq` is the next number, and the ring has a place for its reply.
    #[inline]
    pub(super) fn is_next(&self, seq: u64, window: u64) -> bool {
        let held = self.end - self.base;
        seq == self.end && held <= window && (held == window || held < self.ring.len() as u64)
    }

    /// Makes room for the next command. The oldest is forgotten if it is a window behind.
    #[inline]
    pub(super) fn advance(&mut self, window: u64) {
        if self.end - self.base == window {
            self.forget(self.base);
            self.base += 1;
        }
        self.end = self.end.saturating_add(1);
    }

    /// Keeps the reply to the command `seq`, and as many of those before it as go into `limit` with it.
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

    /// The command `seq` was executed, and its reply is not kept.
    pub(super) fn pass(&mut self, seq: u64, slot: Slot) {
        let at = self.place(seq);
        self.ring[at] = Some(Done { slot, kept: None });
    }

    /// Gives up replies, of the lowest numbers first, until the rest is within `limit`.
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

    /// Nothing is known of the command `seq` any more.
    #[inline]
    fn forget(&mut self, seq: u64) {
        let at = self.place(seq);
        if let Some(Done { kept: Some((size, _)), .. }) = self.ring[at].take() {
            self.bytes = self.bytes.saturating_sub(size);
        }
    }

    /// Makes room for the reply to `seq`, the highest number so far, and forgets those a window behind it.
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

    /// Makes room for `n` replies.
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
