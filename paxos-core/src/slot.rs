//! Slots: positions of the log, each an independent instance of consensus.

use core::fmt;
use serde::{Deserialize, Serialize};

/// A position in the log, from 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Slot(pub u64);

/// The slots from `start` up to, not including, `end`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct SlotRange {
    /// The first slot.
    pub start: Slot,
    /// The slot after the last; [`Slot::MAX`] where the range has no end.
    pub end: Slot,
}

impl Slot {
    /// The end of a range without end.
    pub const MAX: Self = Self(u64::MAX);

    /// The slot `n` further on, at most [`Slot::MAX`].
    #[must_use]
    pub const fn plus(self, n: u64) -> Self {
        Self(self.0.saturating_add(n))
    }

    /// The range of `len` slots that starts here.
    pub const fn extend(self, len: u64) -> SlotRange {
        SlotRange { start: self, end: self.plus(len) }
    }

    /// This slot and all later ones.
    pub const fn onwards(self) -> SlotRange {
        SlotRange { start: self, end: Self::MAX }
    }
}

impl SlotRange {
    /// The slots of `start..end`; empty if `end` is not above `start`.
    pub const fn new(start: Slot, end: Slot) -> Self {
        Self { start, end }
    }

    /// How many slots.
    pub const fn len(self) -> u64 {
        self.end.0.saturating_sub(self.start.0)
    }

    /// Whether there is no slot in it.
    pub const fn is_empty(self) -> bool {
        self.end.0 <= self.start.0
    }

    /// Whether `slot` is one of them.
    pub fn contains(self, slot: Slot) -> bool {
        self.start <= slot && slot < self.end
    }

    /// What both ranges share; empty if they are apart.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        Self { start: self.start.max(other.start), end: self.end.min(other.end) }
    }

    /// The slots in order.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = Slot> {
        (self.start.0..self.end.0).map(Slot)
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s{}", self.0)
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for SlotRange {
    /// `s4` for one slot, `s4-6` for three, `s4-` for all from there on.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.len(), self.end) {
            (_, Slot::MAX) => write!(f, "{}-", self.start),
            (0, _) => write!(f, "{}, none", self.start),
            (1, _) => write!(f, "{}", self.start),
            (_, end) => write!(f, "{}-{}", self.start, end.0 - 1),
        }
    }
}

impl fmt::Debug for SlotRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
