//! Counts messages when they are sent: one for each receiver other than the sender.

use core::ops::Sub;
use paxos_core::Kind;

/// The number of messages sent, by kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts([u64; Kind::ALL.len()]);

impl Counts {
    /// Counts `n` messages of this kind.
    pub const fn add(&mut self, kind: Kind, n: u64) {
        self.0[kind as usize] += n;
    }

    /// The number of messages of this kind.
    pub const fn of(&self, kind: Kind) -> u64 {
        self.0[kind as usize]
    }

    /// The number of all messages.
    pub fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The kinds of which at least one message was sent, with their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (Kind, u64)> {
        Kind::ALL.into_iter().zip(self.0).filter(|(_, n)| *n > 0)
    }
}

/// The messages sent since an earlier moment.
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
