//! Plans of what goes wrong when.

use super::Cut;
use crate::sim::Chance;
use core::time::Duration;
use paxos_core::{NodeId, Time};

/// Something that happens to a process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// It stops, and forgets all that is not on its disk.
    Crash(NodeId),
    /// It starts again with what is on its disk.
    Restart(NodeId),
    /// It stops doing anything, and forgets nothing.
    Pause(NodeId),
    /// It goes on.
    Resume(NodeId),
    /// Its clock stands still from now on, whatever it does itself. With a pause, that is a virtual machine which its
    /// hypervisor halted.
    StopClock(NodeId),
    /// Its clock goes on from where it stands.
    StartClock(NodeId),
    /// Its disk finishes nothing from now on; the process itself goes on.
    StopDisk(NodeId),
    /// Its disk goes on: what it was doing is done now.
    StartDisk(NodeId),
    /// What is on its disk is copied.
    CopyDisk(NodeId),
    /// Its disk is lost while it is down, and an empty one comes in its place. Nothing happens, with this fault and the next two, where
    /// a server that is up has never heard of what is lost: nobody notices that ([`paxos_core::StoreMark`]).
    WipeDisk(NodeId),
    /// While it is down, its disk becomes again what it was when it was copied last.
    PutDiskBack(NodeId),
    /// Two processes that are down get each other's disks.
    SwapDisks(NodeId, NodeId),
}

/// A plan: faults of processes and of the network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// What happens to processes, and when.
    pub plan: Vec<(Time, Fault)>,
    /// The partitions.
    pub cuts: Vec<Cut>,
}

impl Faults {
    /// A crash with a restart, a pause, and a partition that heals, drawn from the seed. All is over at `end`.
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

/// Two moments before `end`, in order.
fn span(chance: &mut Chance, end: Duration) -> (Time, Time) {
    let mut draw = || Time::default().after(chance.between(Duration::ZERO, end));
    let (a, b) = (draw(), draw());
    (a.min(b), a.max(b))
}
