//! Slots: positions of the log, each an independent instance of consensus.

use core::fmt;
use serde::{Deserialize, Serialize};

/// A position in the log, from 0.
///
/// There are 2⁵⁶ of them. At ten million a second, which no log here comes near, they last for 228 years. So a higher
/// number is a mistake, and cannot be read from a message or a disk. What is computed stays among them, or is
/// [`Slot::MAX`]: no sum wraps around.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Slot {
    index: u64,
}

/// The slots from `start` up to, not including, `end`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct SlotRange {
    /// The first slot.
    pub start: Slot,
    /// The slot after the last; [`Slot::MAX`] where the range has no end.
    pub end: Slot,
}

/// The slot of this index; [`Slot::MAX`] if there is none.
#[expect(non_snake_case, reason = "it reads as a tuple struct whose field is checked")]
pub const fn Slot(index: u64) -> Slot {
    if index <= Slot::LAST.index { Slot { index } } else { Slot::MAX }
}

impl Slot {
    /// The last slot.
    pub const LAST: Self = Self { index: (1 << 56) - 1 };

    /// The end of a range without end. It is no slot.
    pub const MAX: Self = Self { index: u64::MAX };

    /// How many slots lie before this one.
    pub const fn index(self) -> u64 {
        self.index
    }

    /// The slot `n` further on; [`Slot::MAX`] beyond the last.
    #[must_use]
    pub const fn plus(self, n: u64) -> Self {
        Slot(self.index.saturating_add(n))
    }

    /// The slot `n` before this one, at least slot 0; of [`Slot::MAX`], itself.
    #[must_use]
    pub const fn minus(self, n: u64) -> Self {
        if self.index > Self::LAST.index { self } else { Self { index: self.index.saturating_sub(n) } }
    }

    /// How many slots lie between `earlier` and this one, `earlier` among them; 0 if it is not earlier.
    pub const fn since(self, earlier: Self) -> u64 {
        self.index.saturating_sub(earlier.index)
    }

    /// Whether this is a slot, and `n` slots from here on are.
    pub const fn holds(self, n: u64) -> bool {
        self.index <= Self::LAST.index && n <= Self::LAST.index + 1 - self.index
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
    /// The slots of `start..end`; empty if `end` is not above `start`.
    pub const fn new(start: Slot, end: Slot) -> Self {
        Self { start, end }
    }

    /// How many slots.
    pub const fn len(self) -> u64 {
        self.end.since(self.start)
    }

    /// Whether there is no slot in it.
    pub const fn is_empty(self) -> bool {
        self.end.index <= self.start.index
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
    /// `s4` for one slot, `s4-6` for three, `s4-` for all from there on.
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
