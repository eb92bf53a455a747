//! Consensus on a single value.

use crate::{BasicPaxos, Options, leaderless};
use paxos_core::{
    Audience, Batch, ClientId, Config, Entry, Envelope, Event, Leadership, Message, Node, NodeId,
    QuorumError, Record, Request, Setup, Slot, Time, Timeouts, Value,
};
use std::collections::VecDeque;
use std::sync::Arc;

/// One process of a cluster that agrees on one value, for a driver with its own messages, disk and clock. It is a
/// [`Node`] with a single slot and no execution. Every proposer may propose, so the configuration should have
/// self-appointed leaders, as [`leaderless`] does.
///
/// ```
/// use basic_paxos::{SingleDecree, leaderless};
/// use paxos_core::{NodeId, Time};
///
/// let mut process = SingleDecree::new(NodeId(0), leaderless(1)?.into(), Time(0));
/// let (mut network, mut disk) = (Vec::new(), Vec::new());
/// process.propose(Time(1), "red".to_owned());
/// process.process(|envelope| network.push(envelope), |records| disk.extend_from_slice(records));
/// assert_eq!(process.chosen().map(String::as_str), Some("red"));
/// # Ok::<(), paxos_core::QuorumError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SingleDecree<V: Value> {
    node: Node<BasicPaxos<V, ()>>,
    /// The number of this incarnation, which goes into the names of its proposals.
    incarnation: u32,
}

impl<V: Value> SingleDecree<V> {
    /// A process that starts for the first time.
    pub fn new(id: NodeId, config: Arc<Config>, now: Time) -> Self {
        Self { node: Node::new(Self::setup(id, config), now), incarnation: 0 }
    }

    /// A process that restarts with the records from its disk; `incarnation` counts its incarnations, from 0.
    pub fn restore<'a>(
        id: NodeId,
        config: Arc<Config>,
        now: Time,
        incarnation: u32,
        records: impl IntoIterator<Item = &'a Record<V>>,
    ) -> Self {
        Self {
            node: Node::restore(Self::setup(id, config), now, incarnation.max(1), records),
            incarnation: incarnation.max(1),
        }
    }

    fn setup(id: NodeId, config: Arc<Config>) -> Setup<Options> {
        Setup { id, config, options: Options { slots: 1 } }
    }

    /// Proposes `value`. Only the first proposal of a process counts, and none if the process is not a proposer or
    /// already knows the chosen value. [`SingleDecree::chosen`] returns the outcome.
    pub fn propose(&mut self, now: Time, value: V) {
        let from = self.node.id();
        let entry = Entry::new(ClientId::first_of(from, self.incarnation), 0, value);
        let request = Request { commands: Batch::from(entry), audience: Audience::Leader };
        self.node.step(now, Event::Message { from, message: Message::Request(request) });
    }

    /// Handles a message, or a timeout when the time of [`SingleDecree::deadline`] has come.
    pub fn step(&mut self, now: Time, event: Event<BasicPaxos<V, ()>>) {
        self.node.step(now, event);
    }

    /// Carries out the results of all events so far: calls `send` and `write`, in the safe order. The records must be
    /// on disk when `write` returns.
    pub fn process(
        &mut self,
        mut send: impl FnMut(Envelope<BasicPaxos<V, ()>>),
        mut write: impl FnMut(&[Record<V>]),
    ) {
        loop {
            let mut ready = self.node.ready();
            ready.messages().for_each(&mut send);
            if let Some(records) = ready.append() {
                write(records.records());
                self.node.durable(records.durable());
            }
            if !self.node.is_ready() {
                return;
            }
        }
    }

    /// The time to call [`SingleDecree::step`] with a timeout, if nothing happens before.
    pub fn deadline(&self) -> Option<Time> {
        self.node.deadline()
    }

    /// The chosen value, once this process knows it.
    pub fn chosen(&self) -> Option<&V> {
        match self.node.chosen().get(Slot(0))? {
            Entry::Command(command) => Some(&command.value),
            Entry::Noop | Entry::Change(..) => None,
        }
    }
}

/// A whole cluster in one place, in which no process fails: shows what consensus is, without the hard parts.
///
/// ```
/// use basic_paxos::Synod;
/// use paxos_core::NodeId;
///
/// let mut synod = Synod::new(3)?;
/// assert_eq!(synod.propose(NodeId(0), "red".to_owned()), "red");
/// assert_eq!(synod.propose(NodeId(2), "blue".to_owned()), "red"); // what is chosen stays chosen
/// # Ok::<(), paxos_core::QuorumError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Synod<V: Value> {
    processes: Vec<SingleDecree<V>>,
}

impl<V: Value> Synod<V> {
    /// `n` processes, n0 to n(n−1).
    ///
    /// # Errors
    /// [`QuorumError::NoAcceptors`] if `n` is 0.
    pub fn new(n: u16) -> Result<Self, QuorumError> {
        let mut config = leaderless(n)?;
        config.leadership = Leadership::SelfAppointed { backoff: None };
        config.timeouts = Timeouts::NEVER;
        let config = Arc::new(config);
        let process = |id| SingleDecree::new(id, Arc::clone(&config), Time(0));
        Ok(Self { processes: config.acceptors().iter().map(process).collect() })
    }

    /// Process `node` proposes `value`. Returns the chosen value, which differs if another value was chosen before.
    ///
    /// # Panics
    /// If there is no such process.
    pub fn propose(&mut self, node: NodeId, value: V) -> V {
        let proposer = usize::from(node.0);
        self.processes[proposer].propose(Time(0), value);
        let mut letters = VecDeque::new();
        let mut turn = node;
        loop {
            let process = &mut self.processes[usize::from(turn.0)];
            let post = |e: Envelope<_>| letters.extend(e.to.iter().map(|to| (turn, to, e.message.clone())));
            process.process(post, |_| {});
            let Some((from, to, message)) = letters.pop_front() else { break };
            turn = to;
            self.processes[usize::from(to.0)].step(Time(0), Event::Message { from, message });
        }
        let chosen = self.processes[proposer].chosen();
        chosen.expect("nothing is lost here, so a quorum answers").clone()
    }
}
