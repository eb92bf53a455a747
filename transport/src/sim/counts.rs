//! Counting messages: one is one receiver that is not the sender, counted when it is sent.

use core::ops::Sub;
use paxos_core::Kind;

/// Messages sent, by kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts([u64; Kind::ALL.len()]);

impl Counts {
    /// Counts `n` messages of this kind.
    pub const fn add(&mut self, kind: Kind, n: u64) {
        self.0[kind as usize] += n;
    }

    /// Messages of this kind.
    pub const fn of(&self, kind: Kind) -> u64 {
        self.0[kind as usize]
    }

    /// All messages.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The kinds that were sent at all, with how many.
    pub fn iter(&self) -> impl Iterator<Item = (Kind, u64)> {
        Kind::ALL.into_iter().zip(self.0).filter(|(_, n)| *n > 0)
    }
}

/// What was sent since an earlier moment.
impl Sub for Counts {
    type Output = Self;
    fn sub(self, earlier: Self) -> Self {
        let mut left = self;
        for (mine, theirs) in left.0.iter_mut().zip(earlier.0) {
            *mine = mine.saturating_sub(theirs);
        }
        left
    }
}
