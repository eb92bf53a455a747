//! The disks: what remains for a process after a crash.

use super::Delay;
use crate::sim::Chance;

/// What a crash leaves of records whose sync has not finished.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Tail {
    /// Nothing.
    #[default]
    Lost,
    /// A random number of the first records: the write is torn.
    Torn,
}

/// The disks of all processes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Disk {
    /// How long a write with its sync takes, for all records that wait when it begins. The process continues meanwhile.
    pub sync: Delay,
    /// What a crash leaves of an unfinished write.
    pub tail: Tail,
    /// Whether the disk lies about syncs. Such a disk loses some of the last records that it reported as durable when
    /// its process crashes. No protocol survives that; the option exists to show that the loss is noticed.
    pub lies: bool,
}

impl Default for Disk {
    /// Writes in no time.
    fn default() -> Self {
        Self { sync: Delay::NONE, tail: Tail::Lost, lies: false }
    }
}

impl Disk {
    /// Creates an honest disk with this sync latency, on which an unfinished write is torn.
    pub const fn with_sync(sync: Delay) -> Self {
        Self { sync, tail: Tail::Torn, lies: false }
    }

    /// Draws how many of `unfinished` records survive a crash.
    pub fn survivors(&self, unfinished: usize, chance: &mut Chance) -> usize {
        match self.tail {
            Tail::Lost => 0,
            Tail::Torn => chance.below(unfinished as u64 + 1) as usize,
        }
    }

    /// Draws how many of `written` records remain after a crash.
    pub fn kept(&self, written: usize, chance: &mut Chance) -> usize {
        if self.lies { chance.below(written as u64) as usize } else { written }
    }
}
