//! Disks that are lost, restored from copies, or exchanged, and processes that stop because of that.

use super::Sim;
use super::outside::Outside;
use super::process::Process;
use super::process::Stored;
use paxos_core::{Amnesia, NodeId, Protocol, StateMachine};

impl<P, S> Sim<P, S>
where
    P: Protocol,
    S: StateMachine<Command = P::Value, Reply = P::Reply>,
{
    /// Why a process stopped, if it learned that it has forgotten something.
    pub fn amnesia(&self, node: NodeId) -> Option<Amnesia> {
        self.processes[self.at(node)?].amnesia
    }

    /// Whether the disk of `node` lost data, or holds another process's data.
    pub fn has_forgotten(&self, node: NodeId) -> bool {
        self.at(node).is_some_and(|at| self.processes[at].has_forgotten)
    }

    /// Replaces the disk of `node`, which is down, by an empty one. Returns whether it did.
    pub(super) fn wipe(&mut self, node: NodeId) -> bool {
        let Some(at) = self.down(node).filter(|_| self.is_missed(node)) else { return false };
        let id = self.processes[at].disk.mark.id + 1;
        self.lose(at, Stored::blank(id));
        true
    }

    /// Restores the disk of `node`, which is down, from its last copy. Returns whether it did.
    pub(super) fn put_back(&mut self, node: NodeId) -> bool {
        let Some(at) = self.down(node) else { return false };
        // A process that has not heard of later writes cannot miss them: see `paxos_core::StoreMark`.
        let heard = self.least_heard_of(node);
        let copied = self.processes[at].copied.as_ref();
        let missed = self.is_missed(node);
        let copy = copied.filter(|copy| missed && copy.mark.writes < heard).map(Stored::copy);
        let Some(copy) = copy else { return false };
        self.lose(at, copy);
        true
    }

    /// Exchanges the disks of two processes that are down. Returns whether it did.
    pub(super) fn swap(&mut self, one: NodeId, other: NodeId) -> bool {
        let known = [one, other].into_iter().all(|node| self.is_missed(node));
        let (Some(one), Some(other), true) = (self.down(one), self.down(other), known) else { return false };
        let (mine, theirs) = (self.processes[one].disk.copy(), self.processes[other].disk.copy());
        self.lose(one, theirs);
        self.lose(other, mine);
        true
    }

    fn down(&self, node: NodeId) -> Option<usize> {
        self.at(node).filter(|at| !self.processes[*at].up)
    }

    /// Whether each server that is up would miss the store of `node`: it knows it, and that `node` is or was a member. What a
    /// process promised before it joined does not count. Always, if stores are not announced: nobody notices.
    fn is_missed(&self, node: NodeId) -> bool {
        let Some(at) = self.at(node) else { return false };
        let id = self.processes[at].disk.mark.id;
        let servers = self.world.config.servers().union(self.world.config.spares);
        let others =
            self.processes.iter().filter(|other| other.up && other.id != node && servers.contains(other.id));
        let misses = |other: &Process<P, S>| {
            let epochs = other.node.chosen().epochs();
            let everyone = epochs.map(|epochs| epochs.everyone().servers().union(epochs.retired()));
            everyone.unwrap_or(self.world.config.servers()).contains(node)
                && other.node.store_of(node).is_some_and(|store| store.id == id)
        };
        let missing: Vec<bool> = others.map(misses).collect();
        !self.world.stores || (!missing.is_empty() && missing.iter().all(|misses| *misses))
    }

    /// The least number of writes to the store of `node` that another running server has heard of; no limit if stores
    /// are not announced.
    fn least_heard_of(&self, node: NodeId) -> u64 {
        if !self.world.stores {
            return u64::MAX;
        }
        let servers = self.world.config.servers().union(self.world.config.spares);
        let others =
            self.processes.iter().filter(|other| other.up && other.id != node && servers.contains(other.id));
        let heard = others.map(|other| self.out.heard.get(&(node, other.id)).copied().unwrap_or(0));
        heard.min().unwrap_or(0)
    }

    fn lose(&mut self, at: usize, disk: Stored<P>) {
        let process = &mut self.processes[at];
        (process.disk, process.has_forgotten, process.amnesia) = (disk, true, None);
        if let Some(ledger) = &mut self.out.ledger {
            ledger.forgets(process.id);
        }
    }
}

impl<P, S> Process<P, S>
where
    P: Protocol,
    S: StateMachine<Command = P::Value, Reply = P::Reply>,
{
    /// Stops the process because it learned that it has forgotten something. Its pending messages are not sent, and what it
    /// writes about it may not get to the disk.
    pub(super) fn stop(&mut self, amnesia: Amnesia, out: &mut Outside<P>) {
        if let Some(write) = self.node.ready().append() {
            self.disk.take(write);
        }
        self.go_down(out);
        self.amnesia = Some(amnesia);
    }
}
