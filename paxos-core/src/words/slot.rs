//! Slots: positions in the log, each an independent instance of consensus.

use core::fmt;
use serde::{Deserialize, Serialize};

/// A position in the log, from 0.
///
/// There are 2⁵⁶ slots. At ten million a second, far more than any log here reaches, they last for 228 years. So a
/// higher number is a mistake, and cannot be read from a message or a disk. Arithmetic stays within this range or
/// yields [`Slot::MAX`]; no sum wraps around.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Slot {
    index: u64,
}

/// The slots from `start` up to `end`, without `end`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct SlotRange {
    /// The first slot.
    pub start: Slot,
    /// The slot after the last one; [`Slot::MAX`] if the range has no end.
    pub end: Slot,
}

/// The slot with this index; [`Slot::MAX`] if there is none.
#[expect(non_snake_case, reason = "it reads as a tuple struct whose field is checked")]
pub const fn Slot(index: u64) -> Slot {
    if index <= Slot::LAST.index { Slot { index } } else { Slot::MAX }
}

impl Slot {
    /// The last slot.
    pub const LAST: Self = Self { index: (1 << 56) - 1 };

    /// The end of a range without an end. It is not a slot.
    pub const MAX: Self = Self { index: u64::MAX };

    /// The number of slots before this one.
    pub const fn index(self) -> u64 {
        self.index
    }

    /// Returns the slot `n` later; [`Slot::MAX`] beyond the last slot.
    #[must_use]
    pub const fn plus(self, n: u64) -> Self {
        Slot(self.index.saturating_add(n))
    }

    /// Returns the slot `n` earlier, but at least slot 0. For [`Slot::MAX`], returns itself.
    #[must_use]
    pub const fn minus(self, n: u64) -> Self {
        if self.index > Self::LAST.index { self } else { Self { index: self.index.saturating_sub(n) } }
    }

    /// The number of slots from `earlier` up to this one, without this one; 0 if `earlier` is not earlier.
    pub const fn since(self, earlier: Self) -> u64 {
        self.index.saturating_sub(earlier.index)
    }

    /// Whether this and the next `n` − 1 are slots.
    pub const fn holds(self, n: u64) -> bool {
        self.index <= Self::LAST.index && n <= Self::LAST.index + 1 - self.index
    }

    /// Returns the range of `len` slots from this one on.
    pub const fn extend(self, len: u64) -> SlotRange {
        SlotRange { start: self, end: self.plus(len) }
    }

    /// Returns the range of this slot and all later ones.
    pub const fn onwards(self) -> SlotRange {
        SlotRange { start: self, end: Self::MAX }
    }
}

impl TryFrom<u64> for Slot {
    type Error = &'static str;

    fn try_from(index: u64) -> Result<Self, Self::Error> {
        let slot = Slot(index);
        if slot.index == index { Ok(slot) } else { Err("there are no slots from 2^56 on") }
    }
}

impl From<Slot> for u64 {
    fn from(slot: Slot) -> Self {
        slot.index
    }
}

impl SlotRange {
    /// Creates the range `start..end`; empty if `end` is not above `start`.
    pub const fn new(start: Slot, end: Slot) -> Self {
        Self { start, end }
    }

    /// The number of slots.
    pub const fn len(self) -> u64 {
        self.end.since(self.start)
    }

    /// Whether there is no slot in it.
    pub const fn is_empty(self) -> bool {
        self.end.index <= self.start.index
    }

    /// Whether `slot` is in the range.
    pub fn contains(self, slot: Slot) -> bool {
        self.start <= slot && slot < self.end
    }

    /// Returns the slots in both ranges; empty if there are none.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        Self { start: self.start.max(other.start), end: self.end.min(other.end) }
    }

    /// Iterates over the slots in order.
    pub fn iter(self) -> impl DoubleEndedIterator<Item = Slot> {
        (self.start.index..self.end.index).map(Slot)
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s{}", self.index)
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for SlotRange {
    /// `s4` for one slot, `s4-6` for three, `s4-` for a range without an end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.len(), self.end) {
            (_, Slot::MAX) => write!(f, "{}-", self.start),
            (0, _) => write!(f, "{}, none", self.start),
            (1, _) => write!(f, "{}", self.start),
            (_, end) => write!(f, "{}-{}", self.start, end.index.saturating_sub(1)),
        }
    }
}

impl fmt::Debug for SlotRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_number_beyond_the_last_slot_is_a_slot() {
        let last = Slot::LAST;
        assert_eq!(
            [last.plus(1), last.plus(u64::MAX), Slot(u64::MAX - 1), Slot::MAX.minus(1)],
            [Slot::MAX; 4]
        );
        assert_eq!((last.minus(u64::MAX), Slot(3).since(Slot(5)), Slot(5).since(Slot(3))), (Slot(0), 0, 2));
        assert!(last.holds(1) && !last.holds(2) && !Slot::MAX.holds(0) && !Slot(1).holds(u64::MAX));
        assert_eq!(Slot::try_from(last.index()), Ok(last));
        assert_eq!(Slot::try_from(u64::MAX), Ok(Slot::MAX));
        for index in [1 << 56, 1 << 63, u64::MAX - 1] {
            Slot::try_from(index).expect_err("no slot");
            let written = postcard::to_extend(&index, Vec::new()).expect("a number");
            postcard::from_bytes::<Slot>(&written).expect_err("nor is it read");
        }
        let written = postcard::to_extend(&last, Vec::new()).expect("a slot");
        assert_eq!(postcard::from_bytes(&written), Ok(last));
    }
}
