//! Disks: what a process finds again after a crash.

use super::Delay;
use crate::sim::Chance;

/// What a crash leaves of records whose sync was not finished.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Tail {
    /// Nothing.
    #[default]
    Lost,
    /// The first few of them, how many is drawn: the write is torn.
    Torn,
}

/// The disks of all processes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Disk {
    /// How long writing and syncing takes, once for all that waits when it begins. The process goes on meanwhile.
    pub sync: Delay,
    /// What a crash leaves of an unfinished write.
    pub tail: Tail,
    /// Whether syncs are honest. A disk that lies loses some of the records it reported as written, the last
    /// few, when its process crashes. No protocol survives that; it is here to show that it is noticed.
    pub lies: bool,
}

impl Default for Disk {
    /// Writes in no time.
    fn default() -> Self {
        Self { sync: Delay::NONE, tail: Tail::Lost, lies: false }
    }
}

impl Disk {
    /// An honest disk with this sync latency, on which an unfinished write is torn.
    pub const fn with_sync(sync: Delay) -> Self {
        Self { sync, tail: Tail::Torn, lies: false }
    }

    /// How many of `unfinished` records a crash leaves.
    pub fn survivors(&self, unfinished: usize, chance: &mut Chance) -> usize {
        match self.tail {
            Tail::Lost => 0,
            Tail::Torn => chance.below(unfinished as u64 + 1) as usize,
        }
    }

    /// How many of `written` records are there after a crash.
    pub fn kept(&self, written: usize, chance: &mut Chance) -> usize {
        if self.lies { chance.below(written as u64) as usize } else { written }
    }
}
