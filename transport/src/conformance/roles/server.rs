//! A server by itself, with its replica and its disk: a test delivers each message.

pub mod changes;
pub mod epochs;
pub mod fetching;
pub mod leaders;
pub mod pieces;
pub mod stores;
pub mod writing;

use super::stage::{NOW, Process, entry, setup};
use crate::conformance::{Facts, Tested};
use core::ops::Range;
use core::time::Duration;
use paxos_core::{
    Ballot, Batch, Change, CommandId, Config, Counts, Entry, Event, Fold, Leadership, Limits, Message, Node,
    NodeId, NodeSet, Reconfiguration, Replica, Slot, Snapshot, SnapshotId, Time, Timeouts, To, Unchangeable,
};
use std::sync::Arc;

pub(super) const N0: NodeId = NodeId(0);
pub(super) const N1: NodeId = NodeId(1);
pub(super) const N2: NodeId = NodeId(2);

/// The time after which a server asks again.
pub(super) const PATIENCE: Duration = Duration::from_millis(50);

/// What a server says, and to whom.
pub(super) type Said<P> = Vec<(To, Message<P>)>;

type Sum = Fold<u64, u64, u64>;

fn sum() -> Replica<Sum> {
    let add = |sum: &mut u64, n: &u64| {
        *sum += n;
        *sum
    };
    Replica::new(Fold::new(0, add), &Limits::default())
}

pub(super) struct Server<'a, P: Tested> {
    facts: &'a Facts<P>,
    pub(super) node: Node<P>,
    pub(super) replica: Replica<Sum>,
    pub(super) disk: (Option<Snapshot>, Vec<P::Record>),
}

impl<P: Tested> Clone for Server<'_, P> {
    fn clone(&self) -> Self {
        Self { node: self.node.clone(), replica: self.replica.clone(), disk: self.disk.clone(), ..*self }
    }
}

impl<'a, P: Tested> Server<'a, P> {
    pub(super) fn new(facts: &'a Facts<P>, config: Config, id: NodeId) -> Self {
        let node = Node::new(setup(facts, config, id.0), NOW);
        Self { facts, node, replica: sum(), disk: (None, Vec::new()) }
    }

    /// A server that has executed the first `n` slots.
    pub(super) fn after(facts: &'a Facts<P>, config: Config, id: NodeId, n: u64) -> Self {
        let mut server = Self::new(facts, config, id);
        server.learn(0..n);
        server
    }

    /// A server of a cluster whose members may change. None in a variant whose members never do: it refuses requests.
    pub(super) fn changing(facts: &'a Facts<P>, config: Config, id: NodeId) -> Option<Self> {
        let mut server = Self::new(facts, config, id);
        if !P::CHANGES {
            let asked = server.node.force_change(NOW, Change::remove(id));
            assert_eq!(asked, Err(Unchangeable::Fixed.into()));
        }
        P::CHANGES.then_some(server)
    }

    /// n0, which leads with the promise of n1, and n1's roles. It knows the first `known` slots.
    pub(super) fn leading(facts: &'a Facts<P>, config: Config, known: u64) -> (Self, Process<P>) {
        let n1 = Process::new(facts, config.clone(), 1);
        (Self::new(facts, config, N0).led(&n1, known), n1)
    }

    fn led(mut self, n1: &Process<P>, known: u64) -> Self {
        for first in (0..known).step_by(1000) {
            self.give(N1, told(first, (first..known.min(first + 1000)).map(entry)));
        }
        let mut said = self.settle();
        if !asks(&said) {
            said.extend(self.wake(self.node.deadline().unwrap_or(NOW)));
        }
        self.win(&mut n1.clone(), said);
        assert!(self.node.leading().is_some());
        self
    }

    /// Lets n1 promise whatever the server asks in `said`, and so on. Returns all that it says.
    pub(super) fn win(&mut self, n1: &mut Process<P>, mut said: Said<P>) -> Said<P> {
        let mut heard = 0;
        while let Some((_, message)) = said.get(heard) {
            if let Message::Prepare(question) = message {
                let promise = n1.promise(question).expect("no higher ballot");
                said.extend(self.hear(n1.id, Message::Promise(promise)));
            }
            heard += 1;
        }
        said
    }

    /// Power fails and returns.
    pub(super) fn restart(&mut self) {
        let (snapshot, records) = self.disk.clone();
        self.node = Node::restore_from(self.node.setup().clone(), NOW, 1, snapshot, &records);
        self.replica = sum();
    }

    pub(super) fn config(&self) -> Config {
        (*self.node.setup().config).clone()
    }

    pub(super) fn snapshot(&self) -> SnapshotId {
        self.node.snapshot().expect("it took one").id()
    }

    /// The first slot that it does not know.
    pub(super) fn unknown(&self) -> Slot {
        self.node.chosen().first_unknown()
    }

    /// Delivers a message, and does nothing else.
    pub(super) fn give(&mut self, from: NodeId, message: Message<P>) {
        self.node.step(NOW, Event::Message { from, message });
    }

    pub(super) fn hear(&mut self, from: NodeId, message: Message<P>) -> Said<P> {
        self.give(from, message);
        self.settle()
    }

    pub(super) fn hear_at(&mut self, now: Time, from: NodeId, message: Message<P>) -> Said<P> {
        self.node.step(now, Event::Message { from, message });
        self.settle()
    }

    /// Its answer to `from`, if that is its only message.
    pub(super) fn answer(&mut self, from: NodeId, message: Message<P>) -> Message<P> {
        let said = self.hear(from, message);
        let [(To::One(to), answer)] = &said[..] else { panic!("{said:?}") };
        assert_eq!(*to, from);
        answer.clone()
    }

    /// It hears that the commands of these numbers are chosen, each in the slot of its number.
    pub(super) fn learn(&mut self, slots: Range<u64>) -> Said<P> {
        self.hear(N0, told(slots.start, slots.map(entry)))
    }

    pub(super) fn wake(&mut self, now: Time) -> Said<P> {
        self.node.step(now, Event::Timeout);
        self.settle()
    }

    /// Does all pending work, with a disk. Returns the messages sent.
    pub(super) fn settle(&mut self) -> Said<P> {
        let mut said = Vec::new();
        loop {
            let mut ready = self.node.ready();
            said.extend(ready.messages().map(|e| (e.to, e.message)));
            ready.execute(&mut self.replica);
            if let Some(write) = ready.write() {
                match write.snapshot() {
                    Some(snapshot) => self.disk = (Some(snapshot.clone()), write.records().to_vec()),
                    None => self.disk.1.extend_from_slice(write.records()),
                }
                self.node.durable(write.durable());
            }
            if !self.node.is_ready() {
                return said;
            }
        }
    }

    /// The phase 2a messages in which `from` proposes these commands, each in the slot of its number, in a ballot above
    /// `heard`.
    pub(super) fn proposals(&self, from: NodeId, heard: Ballot, slots: Range<u64>) -> Vec<P::Accept> {
        let config = self.node.setup().config.clone();
        let mut all: Vec<_> =
            config.servers().iter().map(|id| Process::new(self.facts, (*config).clone(), id.0)).collect();
        let who = all.iter().position(|process| process.id == from).expect("a server");
        let mut leader = all.swap_remove(who);
        leader.know(slots.start);
        leader.proposals(&mut all, heard, slots)
    }

    /// The server votes for these commands, each in the slot of its number, in a ballot of `from` above `heard`.
    pub(super) fn vote(&mut self, from: NodeId, heard: Ballot, slots: Range<u64>) {
        for accept in self.proposals(from, heard, slots) {
            self.hear(from, Message::Accept(accept));
        }
    }

    /// A question of `from` about the slots from `first` on, in a ballot above `heard`.
    pub(super) fn question(&self, from: NodeId, heard: Ballot, first: u64) -> Message<P> {
        let mut asker = Process::new(self.facts, self.config(), from.0);
        asker.know(first);
        Message::Prepare(super::stage::candidate(&mut [asker], 0, heard))
    }
}

/// What a peer says that knows these entries, and nothing behind them.
pub(super) fn told<P: Tested>(first: u64, entries: impl IntoIterator<Item = Entry<u64>>) -> Message<P> {
    let (first, batch) = (Slot(first), entries.into_iter().collect::<Batch<u64>>());
    let known = first.plus(batch.len() as u64);
    Message::Chosen { first, batch, known, asked: Some(first) }
}

/// A change of members, as the command of this number.
pub(super) fn change(seq: u64, change: impl Into<Reconfiguration>) -> Entry<u64> {
    let client = entry(seq).id().expect("a command").client;
    Entry::Change(CommandId { client, seq }, Box::new(change.into()))
}

pub(super) fn promises<P: Tested>(said: &Said<P>) -> bool {
    said.iter().any(|(_, message)| matches!(message, Message::Promise(_)))
}

/// The first question of a phase 1.
pub(super) fn asked<P: Tested>(said: &Said<P>) -> Option<P::Prepare> {
    said.iter().find_map(|(_, message)| {
        let Message::Prepare(question) = message else { return None };
        Some(question.clone())
    })
}

pub(super) fn asks<P: Tested>(said: &Said<P>) -> bool {
    asked(said).is_some()
}

/// Three servers that take a snapshot every 4 slots and send it in pieces of 16 bytes. Nobody leads.
pub(super) fn forgetful() -> Config {
    let mut config = Config::collapsed(3).expect("servers");
    (config.limits.snapshot, config.limits.chunk) = (4, 16);
    config.timeouts = Timeouts { resend: Some(PATIENCE), ..Timeouts::NEVER };
    config.leadership = Leadership::Elected { first: None };
    config
}

/// The same. In a variant whose acceptors keep all records, the three only learn from another server.
pub(super) fn forgetful_learners<P: Tested>(facts: &Facts<P>) -> Config {
    if facts.compacts {
        return forgetful();
    }
    let one = NodeSet::only(NodeId(3));
    let config = Config::new(Arc::new(Counts::majority(one).expect("an acceptor")));
    let Config { limits, timeouts, leadership, .. } = forgetful();
    Config { proposers: one, learners: NodeSet::first(3), limits, timeouts, leadership, ..config }
}
