//! The mishaps of a run.

use clap::ValueEnum;
use paxos_core::{NodeId, Time};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;

/// The kinds of mishaps. For each kind, `plan` has when it is possible and which processes it hits, and `trial` has
/// what it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Messages are lost.
    Loss,
    /// Messages arrive twice.
    Duplication,
    /// Some messages are so late that others overtake them.
    Late,
    /// The processes on one side and those on the other do not reach each other.
    Cut,
    /// Messages from one side do not reach the other. Messages in the other direction arrive.
    OneWay,
    /// Two processes do not reach each other. All others reach both.
    Partial,
    /// A process crashes and restarts.
    Crash,
    /// All servers crash at once and restart.
    CrashAll,
    /// A process is paused.
    Pause,
    /// A process is paused, and its clock is stopped.
    Halt,
    /// The clock of a process is stopped.
    StopClock,
    /// The clock of a process jumps ahead.
    JumpClock,
    /// A process takes long for each message.
    Slow,
    /// The disk of a process stalls.
    StallDisk,
    /// The disk of a process is full: the process stops, and starts again when there is room.
    FullDisk,
    /// The servers are restarted one after the other.
    RollingRestart,
    /// The leader is asked to hand over.
    Transfer,
    /// A member is replaced by a spare.
    Replace,
    /// A spare becomes a member, and leaves again.
    JoinAndLeave,
    /// The disk of a process is lost while it is down.
    WipeDisk,
    /// The disk of a process is restored from an older copy while the process is down.
    OlderDisk,
    /// The disks of two processes are exchanged while both are down.
    SwapDisks,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 22] = [
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
        Self::JumpClock,
        Self::Slow,
        Self::FullDisk,
        Self::RollingRestart,
        Self::JoinAndLeave,
    ];

    /// Whether a disk is lost or replaced.
    pub const fn is_amnesia(self) -> bool {
        matches!(self, Self::WipeDisk | Self::OlderDisk | Self::SwapDisks)
    }

    /// Whether processes crash, apart from mishaps to disks.
    pub const fn crashes(self) -> bool {
        matches!(self, Self::Crash | Self::CrashAll | Self::FullDisk | Self::RollingRestart)
    }

    /// Whether a clock stops or jumps, so that a process may rely on a lease that has expired for others, or let one expire
    /// that others rely on.
    pub const fn wrongs_clocks(self) -> bool {
        matches!(self, Self::Halt | Self::StopClock | Self::JumpClock)
    }

    /// Why these two kinds never happen in one run; none if they may.
    pub const fn apart(self, other: Self) -> Option<&'static str> {
        if self.is_amnesia() && other.is_amnesia() {
            return Some("fewer than half of the disks may forget: one such mishap per run");
        }
        if self.is_amnesia() && other.crashes() || self.crashes() && other.is_amnesia() {
            return Some("a process that was down may not have heard of what the disk forgot (`StoreMark`)");
        }
        let replaces = matches!(self, Self::Replace) && other.is_amnesia();
        if replaces || self.is_amnesia() && matches!(other, Self::Replace) {
            return Some("with one process removed and another forgetful, no quorum may be left");
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
    /// The number of the mishap among those of the seed.
    pub number: usize,
    /// The kind.
    pub kind: Kind,
    /// When it begins.
    pub start: Time,
    /// When it ends.
    pub end: Time,
    /// The processes that it hits; one side of a cut.
    pub nodes: Vec<NodeId>,
    /// The other side of a cut, or the process that replaces a member.
    pub others: Vec<NodeId>,
    /// The percentage of messages that are lost or duplicated.
    pub percent: u64,
    /// The longest delay of late messages; by how much a clock jumps; what a slow process takes for a message.
    pub latest: Duration,
}

impl Mishap {
    /// When each process goes down and comes up again, if one after the other does.
    pub(super) fn in_turn(&self) -> impl Iterator<Item = (NodeId, Time, Time)> {
        let each = self.end.since(self.start) / self.nodes.len().max(1) as u32;
        let down = self.start;
        (0..).zip(&self.nodes).map(move |(nth, id)| {
            let down = down.after(each * nth);
            (*id, down, down.after(each / 2))
        })
    }
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
            Kind::CrashAll | Kind::RollingRestart => Ok(()),
            Kind::JumpClock => write!(f, " {} by {} ms", names(&self.nodes), self.latest.as_millis()),
            Kind::Slow => write!(f, " {}: {} ms a message", names(&self.nodes), self.latest.as_millis()),
            Kind::Crash
            | Kind::Pause
            | Kind::Halt
            | Kind::StopClock
            | Kind::StallDisk
            | Kind::FullDisk
            | Kind::JoinAndLeave
            | Kind::WipeDisk
            | Kind::OlderDisk
            | Kind::SwapDisks => write!(f, " {}", names(&self.nodes)),
        }
    }
}
