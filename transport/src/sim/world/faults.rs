//! Schedules of faults.

use super::Cut;
use crate::sim::Chance;
use core::time::Duration;
use paxos_core::{NodeId, Time};

/// Something that happens to a process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The process stops, and forgets everything that is not on its disk.
    Crash(NodeId),
    /// The process starts again from its disk.
    Restart(NodeId),
    /// The process does nothing any more, but forgets nothing.
    Pause(NodeId),
    /// The process continues.
    Resume(NodeId),
    /// The clock of the process stops, even if the process itself continues. Together with a pause, this is a virtual
    /// machine halted by its hypervisor.
    StopClock(NodeId),
    /// The clock of the process continues from where it stopped.
    StartClock(NodeId),
    /// The clock of the process jumps ahead by this time. Leases rest on clocks that do not.
    JumpClock(NodeId, Duration),
    /// The process takes this time for each message that it receives, however fast others are; zero: as long as others.
    Slow(NodeId, Duration),
    /// The disk of the process finishes nothing from now on; the process itself continues.
    StopDisk(NodeId),
    /// The disk of the process continues, and finishes its current write at once.
    StartDisk(NodeId),
    /// The disk of the process is full: the process stops when it writes, and does not start again.
    FillDisk(NodeId),
    /// The disk of the process has room again.
    FreeDisk(NodeId),
    /// The content of the process's disk is copied.
    CopyDisk(NodeId),
    /// While the process is down, its disk is lost and replaced by an empty one. This fault and the next two do nothing
    /// unless each server that is up would notice: it knows that the process is a member, and with which store
    /// ([`paxos_core::StoreMark`]).
    WipeDisk(NodeId),
    /// While the process is down, its disk returns to the state of its last copy.
    PutDiskBack(NodeId),
    /// Two processes that are down exchange their disks.
    SwapDisks(NodeId, NodeId),
}

/// A schedule of faults of processes and of the network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// The faults of processes, and when they happen.
    pub plan: Vec<(Time, Fault)>,
    /// The partitions.
    pub cuts: Vec<Cut>,
}

impl Faults {
    /// Draws a crash with a restart, a pause, and a partition that heals, from the seed. All end before `end`.
    pub fn random(seed: u64, servers: impl IntoIterator<Item = NodeId>, end: Duration) -> Self {
        let mut chance = Chance::new(seed, 3);
        let servers: Vec<NodeId> = servers.into_iter().collect();
        let mut faults = Self::default();
        if servers.is_empty() {
            return faults;
        }
        let one = |chance: &mut Chance| servers[chance.below(servers.len() as u64) as usize];
        let crashing = one(&mut chance);
        let (down, up) = span(&mut chance, end);
        faults.plan.push((down, Fault::Crash(crashing)));
        faults.plan.push((up, Fault::Restart(crashing)));
        if chance.hits(0.3) {
            let pausing = one(&mut chance);
            let (start, stop) = span(&mut chance, end);
            faults.plan.push((start, Fault::Pause(pausing)));
            faults.plan.push((stop, Fault::Resume(pausing)));
        }
        let (start, stop) = span(&mut chance, end);
        let (from, to): (Vec<_>, Vec<_>) = servers.iter().partition(|_| chance.hits(0.5));
        faults.cuts.push(Cut { from, to, both_ways: chance.hits(0.5), start, end: stop });
        faults.plan.sort_by_key(|(at, _)| *at);
        faults
    }
}

/// Draws two moments before `end`, in order.
fn span(chance: &mut Chance, end: Duration) -> (Time, Time) {
    let mut draw = || Time::default().after(chance.between(Duration::ZERO, end));
    let (a, b) = (draw(), draw());
    (a.min(b), a.max(b))
}
