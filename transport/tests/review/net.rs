//! A cluster whose messages are delivered by hand, for runs that depend on the order of deliveries.

use paxos_core::{Config, Event, Fold, Message, Node, NodeId, Protocol, Replica, Settled, Setup, Time};
use std::collections::VecDeque;
use std::sync::Arc;

pub(crate) type Sum = Fold<u64, u64, u64>;

pub(crate) fn sum() -> Sum {
    Fold::new(0, |sum, n| {
        *sum = sum.wrapping_add(*n);
        *sum
    })
}

/// A message with its sender and receiver, in the order sender, receiver, message.
pub(crate) type Letter<P> = (u16, u16, Message<P>);

pub(crate) struct Net<P: Protocol> {
    pub(crate) nodes: Vec<Node<P>>,
    replicas: Vec<Replica<Sum>>,
    pub(crate) letters: VecDeque<Letter<P>>,
    pub(crate) outcomes: Vec<Settled<u64>>,
    pub(crate) ms: u64,
}

impl<P: Protocol<Value = u64, Reply = u64>> Net<P> {
    /// Starts the processes 0 to n − 1, with the messages that they send at the start.
    pub(crate) fn new(config: Config, n: u16) -> Self {
        let config = Arc::new(Config { seed: 3, ..config });
        let node = |id| {
            let setup = Setup { id: NodeId(id), config: config.clone(), options: P::Options::default() };
            Node::new(setup, Time(0))
        };
        let mut net = Self {
            nodes: (0..n).map(node).collect(),
            replicas: (0..n).map(|_| Replica::new(sum(), &config.limits)).collect(),
            letters: VecDeque::new(),
            outcomes: Vec::new(),
            ms: 0,
        };
        for id in 0..n {
            net.wake(id);
        }
        net
    }

    fn now(&self) -> Time {
        Time(self.ms * 1_000_000)
    }

    fn act(&mut self, id: u16) {
        let (letters, outcomes) = (&mut self.letters, &mut self.outcomes);
        self.nodes[usize::from(id)].process(
            &mut self.replicas[usize::from(id)],
            |envelope| letters.extend(envelope.to.iter().map(|to| (id, to.0, envelope.message.clone()))),
            |_| {},
            |outcome| outcomes.push(outcome),
        );
    }

    pub(crate) fn give(&mut self, (from, to, message): Letter<P>) {
        let now = self.now();
        self.nodes[usize::from(to)].step(now, Event::Message { from: NodeId(from), message });
        self.act(to);
    }

    pub(crate) fn submit(&mut self, id: u16, value: u64) {
        let now = self.now();
        self.nodes[usize::from(id)].submit(now, value).expect("room");
        self.act(id);
    }

    /// Lets a process handle a timeout that is due.
    pub(crate) fn wake(&mut self, id: u16) {
        let now = self.now();
        if self.nodes[usize::from(id)].deadline().is_some_and(|at| at <= now) {
            self.nodes[usize::from(id)].step(now, Event::Timeout);
            self.act(id);
        }
    }

    /// Lets a millisecond pass at these processes.
    pub(crate) fn tick(&mut self, ids: &[u16]) {
        self.ms += 1;
        for id in ids {
            self.wake(*id);
        }
    }

    /// Delivers all messages that `keep` lets pass, and those that follow from them.
    pub(crate) fn run(&mut self, mut keep: impl FnMut(u16, u16, &Message<P>) -> bool) {
        while let Some((from, to, message)) = self.letters.pop_front() {
            if keep(from, to, &message) {
                self.give((from, to, message));
            }
        }
    }
}
