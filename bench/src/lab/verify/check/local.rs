//! One process of a small cluster: its node, its disk and what it has sent, and what one act makes of it.

use super::system::{Checked, Idle, System};
use paxos_core::{
    Ballot, CommandId, Entry, Event, Message, Node, NodeId, Record, Replica, Slot, Time, Write,
};
use std::collections::VecDeque;
use std::hash::Hash;
use xxhash_rust::xxh3::Xxh3Default;

/// Agreement is checked in the slots below this one. No scenario has as many commands.
const SLOTS: u64 = 8;

/// A message that was sent. It may arrive at any later time, any number of times, or never.
pub(super) struct Letter<P: Checked> {
    pub(super) from: NodeId,
    pub(super) to: NodeId,
    pub(super) message: Message<P>,
}

/// What happens to a process. `L` tells which message: its number, or the message itself.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Act<L> {
    /// The message arrives.
    Hear(L),
    /// The message arrives. The process crashes before it has written what follows from it, and restarts.
    HearAndCrash(L),
    /// Its oldest write becomes durable.
    Durable,
    /// Its client asks for a command.
    Submit(u64),
    /// It asks for the change of members.
    Change,
    /// The message counts as sent from the start.
    Post(L),
    /// What it has sent so far has arrived, and does not arrive again.
    Forget,
}

impl<L> Act<L> {
    /// The same act with another kind of message.
    pub(super) fn map<M>(self, message: impl FnOnce(L) -> M) -> Act<M> {
        match self {
            Act::Hear(letter) => Act::Hear(message(letter)),
            Act::HearAndCrash(letter) => Act::HearAndCrash(message(letter)),
            Act::Post(letter) => Act::Post(message(letter)),
            Act::Durable => Act::Durable,
            Act::Submit(value) => Act::Submit(value),
            Act::Change => Act::Change,
            Act::Forget => Act::Forget,
        }
    }
}

/// A process and its disk. Equal ones behave equally.
pub(super) struct Process<P: Checked> {
    pub(super) node: Node<P>,
    pub(super) disk: Vec<Record<u64>>,
    /// It executes the log, where members change. Its state follows from the log of the node.
    replica: Option<Replica<Idle>>,
    /// The writes on their way to the disk, oldest first.
    pub(super) writes: VecDeque<Write<P>>,
    incarnation: u32,
}

impl<P: Checked> Clone for Process<P> {
    fn clone(&self) -> Self {
        let Self { node, disk, replica, writes, incarnation } = self;
        Self {
            node: node.clone(),
            disk: disk.clone(),
            replica: replica.clone(),
            writes: writes.clone(),
            incarnation: *incarnation,
        }
    }
}

impl<P: Checked> Process<P> {
    /// A process at its start, and what it says.
    pub(super) fn start(system: &System<P>, id: u16) -> (Self, Vec<(NodeId, Message<P>)>) {
        let mut node = Node::new(system.setup(id), Time(0));
        if node.deadline().is_some_and(|at| at <= Time(0)) {
            node.step(Time(0), Event::Timeout);
        }
        let (replica, mut said) = (system.replica(), Vec::new());
        let mut process = Self { node, disk: Vec::new(), replica, writes: VecDeque::new(), incarnation: 0 };
        process.settle(system, &mut said);
        (process, said)
    }

    /// The process after `act`, and what it says.
    pub(super) fn after(
        &self,
        system: &System<P>,
        act: &Act<&Letter<P>>,
    ) -> (Self, Vec<(NodeId, Message<P>)>) {
        let (mut process, mut said) = (self.clone(), Vec::new());
        match act {
            Act::Hear(letter) => {
                process.hear(letter);
                process.settle(system, &mut said);
            }
            Act::HearAndCrash(letter) => {
                process.hear(letter);
                process.crash(system, &mut said);
                process.settle(system, &mut said);
            }
            Act::Durable => {
                if let Some(write) = process.writes.pop_front() {
                    process.disk.extend_from_slice(write.records());
                    process.node.durable(write.durable());
                    process.settle(system, &mut said);
                }
            }
            Act::Submit(value) => {
                // A client without unanswered commands accepts one.
                _ = process.node.submit(Time(0), *value);
                process.settle(system, &mut said);
            }
            Act::Change => {
                // A client without unanswered commands accepts one.
                _ = system.change.map(|change| process.node.force_change(Time(0), change));
                process.settle(system, &mut said);
            }
            Act::Post(letter) => said.push((letter.to, letter.message.clone())),
            Act::Forget => {}
        }
        (process, said)
    }

    fn hear(&mut self, letter: &Letter<P>) {
        self.node.step(Time(0), Event::Message { from: letter.from, message: letter.message.clone() });
    }

    /// Handles what the node hands out after a step.
    fn settle(&mut self, system: &System<P>, said: &mut Vec<(NodeId, Message<P>)>) {
        while self.node.is_ready() {
            let mut ready = self.node.ready();
            system.note_said(ready.messages(), said);
            match &mut self.replica {
                Some(replica) => ready.execute(replica),
                None => while ready.decided().is_some() {},
            }
            ready.asked();
            ready.outcomes();
            let Some(write) = ready.append() else { continue };
            if self.writes.len() < system.writes {
                self.writes.push_back(write);
                continue;
            }
            // When the last write is durable, all before it are.
            for earlier in self.writes.drain(..) {
                self.disk.extend_from_slice(earlier.records());
            }
            self.disk.extend_from_slice(write.records());
            self.node.durable(write.durable());
        }
    }

    /// Crashes and restarts. What it says without a write leaves before. What is not on the disk is lost, or the disk as well.
    fn crash(&mut self, system: &System<P>, said: &mut Vec<(NodeId, Message<P>)>) {
        if self.node.is_ready() {
            let mut ready = self.node.ready();
            system.note_said(ready.messages(), said);
        }
        if system.forgetful {
            self.disk.clear();
        }
        self.incarnation += 1;
        let id = self.node.id().0;
        self.node = Node::restore(system.setup(id), Time(0), self.incarnation, &self.disk);
        self.replica = system.replica();
        self.writes.clear();
    }
}

/// A vote that was cast, on a disk.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cast {
    pub(super) slot: Slot,
    pub(super) ballot: Ballot,
    pub(super) value: Option<CommandId>,
    pub(super) is_change: bool,
}

/// A process, all that it has sent, and what the properties read of it.
pub(super) struct Local<P: Checked> {
    pub(super) process: Process<P>,
    /// The receivers and numbers of all messages that it has ever sent, in order.
    pub(super) sent: Vec<(u16, u32)>,
    /// The numbers of the requests that have arrived, each as often as it has.
    pub(super) requests: Vec<u32>,
    pub(super) votes: Vec<Cast>,
    /// What it takes for chosen.
    pub(super) known: Vec<(Slot, Option<CommandId>)>,
    /// The highest round in which it began a ballot.
    pub(super) round: u64,
}

impl<P: Checked> Local<P> {
    pub(super) fn new(process: Process<P>, sent: Vec<(u16, u32)>, requests: Vec<u32>) -> Self {
        let (mut votes, mut round) = (Vec::new(), 0);
        for record in &process.disk {
            match record {
                Record::Voted { ballot, first, batch } => {
                    for (slot, entry) in first.extend(batch.len() as u64).iter().zip(batch.iter()) {
                        let is_change = matches!(entry, Entry::Change(..));
                        votes.push(Cast { slot, ballot: *ballot, value: entry.id(), is_change });
                    }
                }
                Record::Started(ballot) => round = round.max(ballot.round()),
                Record::Promised { .. } | Record::Learned { .. } | Record::Met { .. } | Record::Known(_) => {}
            }
        }
        votes.sort_unstable();
        votes.dedup();
        let chosen = process.node.chosen();
        let known = (0..SLOTS).map(Slot).filter_map(|slot| Some((slot, chosen.get(slot)?.id()))).collect();
        Self { process, sent, requests, votes, known, round }
    }

    /// The numbers of the messages that it has sent to `to`.
    pub(super) fn sent_to(&self, to: u16) -> impl Iterator<Item = u32> {
        let first = self.sent.partition_point(|(receiver, _)| *receiver < to);
        self.sent[first..].iter().take_while(move |(receiver, _)| *receiver == to).map(|(_, number)| *number)
    }

    /// How often the request has arrived. Other messages are not counted.
    pub(super) fn arrived(&self, request: u32) -> usize {
        self.requests.iter().filter(|arrived| **arrived == request).count()
    }

    /// What identifies it among all states of all processes.
    pub(super) fn print(&self) -> u128 {
        let Process { node, disk, writes, incarnation, .. } = &self.process;
        let under_way: Vec<_> = writes.iter().map(Write::records).collect();
        print(&(node.id(), node, disk, under_way, incarnation, &self.sent, &self.requests))
    }
}

impl<P: Checked> Letter<P> {
    pub(super) fn print(&self) -> u128 {
        print(&(self.from, self.to, &self.message))
    }
}

fn print(what: &impl Hash) -> u128 {
    let mut hasher = Xxh3Default::new();
    what.hash(&mut hasher);
    hasher.digest128()
}
