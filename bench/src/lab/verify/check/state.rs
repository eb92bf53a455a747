//! A state of a small cluster: the processes with their disks, and all messages that were ever sent.

use super::system::{Checked, Idle};
use paxos_core::{CommandId, Message, Node, NodeId, Record, Replica, Slot, Write};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use xxhash_rust::xxh3::Xxh3Default;

/// A process and its disk. Equal ones behave equally.
pub(super) struct Process<P: Checked> {
    pub(super) node: Node<P>,
    pub(super) disk: Vec<Record<u64>>,
    /// It executes the log, where members change. Its state follows from the log of the node.
    pub(super) replica: Option<Replica<Idle>>,
    /// The writes on their way to the disk, oldest first.
    pub(super) writes: VecDeque<Write<P>>,
    pub(super) incarnation: u32,
    print: u64,
}

impl<P: Checked> Process<P> {
    pub(super) fn new(
        node: Node<P>,
        disk: Vec<Record<u64>>,
        replica: Option<Replica<Idle>>,
        writes: VecDeque<Write<P>>,
        incarnation: u32,
    ) -> Self {
        let under_way: Vec<_> = writes.iter().map(Write::records).collect();
        let print = print(&(&node, &disk, under_way, incarnation));
        Self { node, disk, replica, writes, incarnation, print }
    }
}

/// A message that was sent. It may arrive at any later time, any number of times, or never.
pub(super) struct Letter<P: Checked> {
    pub(super) from: NodeId,
    pub(super) to: NodeId,
    pub(super) message: Message<P>,
}

impl<P: Checked> Letter<P> {
    pub(super) fn post(self, state: &mut State<P>) {
        let number = print(&(self.from, self.to, &self.message));
        state.letters.entry(number).or_insert_with(|| Arc::new(self));
    }
}

/// What a quorum voted for in one slot, in any of its ballots.
#[derive(Debug, Default)]
pub(super) struct Choice {
    /// The values: one, if there is agreement.
    pub(super) values: BTreeSet<Option<CommandId>>,
    /// Whether the voters are members that joined by a change.
    pub(super) by_new: bool,
}

/// The processes, and all messages that were ever sent.
pub(super) struct State<P: Checked> {
    pub(super) processes: Vec<Arc<Process<P>>>,
    pub(super) letters: BTreeMap<u64, Arc<Letter<P>>>,
    /// What the disks say is chosen.
    pub(super) chosen: Arc<BTreeMap<Slot, Choice>>,
    pub(super) crashes: u8,
}

impl<P: Checked> Clone for State<P> {
    fn clone(&self) -> Self {
        let Self { processes, letters, chosen, crashes } = self;
        Self {
            processes: processes.clone(),
            letters: letters.clone(),
            chosen: Arc::clone(chosen),
            crashes: *crashes,
        }
    }
}

impl<P: Checked> Hash for State<P> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.processes.iter().for_each(|process| process.print.hash(state));
        self.letters.keys().for_each(|print| print.hash(state));
        self.crashes.hash(state);
    }
}

impl<P: Checked> PartialEq for State<P> {
    fn eq(&self, other: &Self) -> bool {
        print(self) == print(other)
    }
}

impl<P: Checked> fmt::Debug for State<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (process, id) in self.processes.iter().zip(0..) {
            writeln!(f, "n{id}: {:?}", process.disk)?;
        }
        Ok(())
    }
}

fn print(what: &impl Hash) -> u64 {
    let mut hasher = Xxh3Default::new();
    what.hash(&mut hasher);
    hasher.finish()
}
