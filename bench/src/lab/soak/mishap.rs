//! What may go wrong in a run, and when.

use clap::ValueEnum;
use paxos_core::{NodeId, Time};
use serde::Serialize;
use std::fmt;
use std::time::Duration;

/// The kinds of mishaps. A new one also says in `plan` where it can happen and whom it hits, and in `trial` what it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Messages are lost.
    Loss,
    /// Messages arrive twice.
    Duplication,
    /// Some messages are very late, so that others overtake them.
    Late,
    /// Processes on one side do not reach those on the other.
    Cut,
    /// What one side sends does not reach the other, which is still heard.
    OneWay,
    /// Two processes do not reach each other; all others reach both.
    Partial,
    /// A process crashes, and restarts.
    Crash,
    /// All servers crash at once, and restart.
    CrashAll,
    /// A process does nothing.
    Pause,
    /// A process does nothing, and its clock stands still.
    Halt,
    /// The clock of a process stands still.
    StopClock,
    /// The disk of a process finishes nothing.
    StallDisk,
    /// The leader is asked to hand over.
    Transfer,
    /// A member is replaced by a spare.
    Replace,
    /// The disk of a process is lost while it is down.
    WipeDisk,
    /// The disk of a process is put back from a copy while it is down.
    OlderDisk,
    /// Two processes that are down get each other's disks.
    SwapDisks,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::Loss,
        Self::Duplication,
        Self::Late,
        Self::Cut,
        Self::OneWay,
        Self::Partial,
        Self::Crash,
        Self::CrashAll,
        Self::Pause,
        Self::Halt,
        Self::StopClock,
        Self::StallDisk,
        Self::Transfer,
        Self::Replace,
        Self::WipeDisk,
        Self::OlderDisk,
        Self::SwapDisks,
    ];

    /// Whether a disk forgets.
    pub const fn is_amnesia(self) -> bool {
        matches!(self, Self::WipeDisk | Self::OlderDisk | Self::SwapDisks)
    }

    /// Whether a process is down meanwhile.
    pub const fn crashes(self) -> bool {
        matches!(self, Self::Crash | Self::CrashAll)
    }

    /// Whether a clock stands still, so that a lease may be believed that has run out.
    pub const fn stops_clocks(self) -> bool {
        matches!(self, Self::Halt | Self::StopClock)
    }

    /// Why these two never happen in one run; none: they may.
    pub const fn apart(self, other: Self) -> Option<&'static str> {
        if self.is_amnesia() && other.is_amnesia() {
            return Some("disks of fewer processes than half may forget: one such mishap a run");
        }
        if self.is_amnesia() && other.crashes() || self.crashes() && other.is_amnesia() {
            return Some("a process that was down may not have heard of what the disk forgot (`StoreMark`)");
        }
        let replaces = matches!(self, Self::Replace) && other.is_amnesia();
        if replaces || self.is_amnesia() && matches!(other, Self::Replace) {
            return Some("a removed process and one that has forgotten may leave no quorum");
        }
        None
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.to_possible_value().as_ref().map_or("", |value| value.get_name()))
    }
}

/// One mishap of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Mishap {
    /// Its number among those of the seed.
    pub number: usize,
    /// What it is.
    pub kind: Kind,
    /// When it begins.
    pub start: Time,
    /// When it is over.
    pub end: Time,
    /// Whom it hits, first of all; of a cut, one side.
    pub nodes: Vec<NodeId>,
    /// The other side, or who takes the place.
    pub others: Vec<NodeId>,
    /// Of messages that are lost or doubled, how many of a hundred.
    pub percent: u64,
    /// Of late messages, the latest.
    pub latest: Duration,
}

impl fmt::Display for Mishap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |time: Time| time.since(Time(0)).as_millis();
        let names = |nodes: &[NodeId]| nodes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        write!(f, "{:>2}  {:>4}–{:<4} ms  {}", self.number, ms(self.start), ms(self.end), self.kind)?;
        match self.kind {
            Kind::Loss | Kind::Duplication => write!(f, " of {} %", self.percent),
            Kind::Late => write!(f, ": 5 % up to {} ms", self.latest.as_millis()),
            Kind::Cut | Kind::Partial => {
                write!(f, " between {} and {}", names(&self.nodes), names(&self.others))
            }
            Kind::OneWay => write!(f, " from {} to {}", names(&self.nodes), names(&self.others)),
            Kind::Replace => write!(f, " {} by {}", names(&self.nodes), names(&self.others)),
            Kind::Transfer => write!(f, " to {}", names(&self.nodes)),
            Kind::CrashAll => Ok(()),
            Kind::Crash
            | Kind::Pause
            | Kind::Halt
            | Kind::StopClock
            | Kind::StallDisk
            | Kind::WipeDisk
            | Kind::OlderDisk
            | Kind::SwapDisks => write!(f, " {}", names(&self.nodes)),
        }
    }
}
