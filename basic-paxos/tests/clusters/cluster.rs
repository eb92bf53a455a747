//! A cluster in a test: nodes, a queue of messages, a clock in milliseconds, and what must hold after each step.

use basic_paxos::{BasicPaxos, Options};
use paxos_core::{
    Ballot, Config, Entry, Envelope, Event, Fact, Kind, Limits, Message, Node, NodeId, Phrase, Record,
    Replica, Settled, Setup, Slot, SlotRange, StateMachine, Time,
};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;

pub(crate) type P = BasicPaxos<u64, u64>;

/// The delays of the copies of a message that arrive, in ms.
pub(crate) type Link = Box<dyn FnMut(NodeId, NodeId, &Message<P>) -> Vec<u64>>;

/// From whom, to whom, what.
type Letter = (NodeId, NodeId, Message<P>);

/// Executes by remembering; the reply is the number of commands executed.
pub(crate) struct Journal(pub(crate) Vec<u64>);

impl StateMachine for Journal {
    type Command = u64;
    type Reply = u64;
    fn apply(&mut self, _slot: Slot, command: &u64) -> u64 {
        self.0.push(*command);
        self.0.len() as u64
    }
}

pub(crate) struct Cluster {
    config: Arc<Config>,
    pub(crate) now: u64,
    pub(crate) nodes: Vec<Option<Node<P>>>,
    pub(crate) replicas: Vec<Replica<Journal>>,
    disks: Vec<Vec<Record<u64>>>,
    lives: Vec<u32>,
    /// By time of arrival, precedence and number.
    letters: BTreeMap<(u64, bool, u64), Letter>,
    posted: u64,
    pub(crate) link: Link,
    /// Which of the messages that arrive at one moment come first.
    pub(crate) first: fn(Kind) -> bool,
    pub(crate) sent: BTreeMap<Kind, usize>,
    pub(crate) replies: Vec<(u64, Settled<u64>)>,
    /// When each process knew the value of slot 0.
    pub(crate) learned: BTreeMap<NodeId, u64>,
    pub(crate) drawing: Vec<(u64, Vec<NodeId>, Vec<NodeId>, String)>,
    proposed: BTreeMap<(Slot, Ballot), Entry<u64>>,
    prepared: BTreeMap<(Slot, Ballot), u32>,
    promised: BTreeMap<(usize, Slot), Ballot>,
    chosen: BTreeMap<Slot, Entry<u64>>,
}

impl Cluster {
    /// The servers of `config`, and `clients` more processes that only ask.
    pub(crate) fn new(config: Config, clients: u16) -> Self {
        let count = config.servers().iter().last().map_or(0, |node| node.0 + 1) + clients;
        let config = Arc::new(config);
        let node = |id| Some(Node::new(setup(&config, NodeId(id)), Time(0)));
        Self {
            now: 0,
            nodes: (0..count).map(node).collect(),
            replicas: (0..count).map(|_| Replica::new(Journal(Vec::new()), &Limits::default())).collect(),
            disks: vec![Vec::new(); usize::from(count)],
            lives: vec![0; usize::from(count)],
            letters: BTreeMap::new(),
            posted: 0,
            link: Box::new(|_, _, _| vec![1]),
            first: |_| false,
            sent: BTreeMap::new(),
            replies: Vec::new(),
            learned: BTreeMap::new(),
            drawing: Vec::new(),
            proposed: BTreeMap::new(),
            prepared: BTreeMap::new(),
            promised: BTreeMap::new(),
            chosen: BTreeMap::new(),
            config,
        }
    }

    pub(crate) fn node(&self, id: u16) -> &Node<P> {
        self.nodes[usize::from(id)].as_ref().expect("it is up")
    }

    pub(crate) fn journal(&self, id: u16) -> &[u64] {
        &self.replicas[usize::from(id)].machine().0
    }

    /// A client on process `id` asks.
    pub(crate) fn submit(&mut self, id: u16, value: u64) {
        let now = self.time();
        let node = self.nodes[usize::from(id)].as_mut().expect("it is up");
        node.submit(now, value).expect("there is room");
        self.process(usize::from(id));
    }

    pub(crate) fn crash(&mut self, id: u16) {
        self.nodes[usize::from(id)] = None;
    }

    pub(crate) fn restart(&mut self, id: u16) {
        let at = usize::from(id);
        self.lives[at] += 1;
        let setup = setup(&self.config, NodeId(id));
        self.nodes[at] = Some(Node::restore(setup, self.time(), self.lives[at], &self.disks[at]));
        self.replicas[at] = Replica::new(Journal(Vec::new()), &Limits::default());
        self.process(at);
    }

    /// Goes on until `done`, at most until `limit` ms or until nothing can happen any more; whether it is done.
    pub(crate) fn run(&mut self, limit: u64, done: impl Fn(&Self) -> bool) -> bool {
        for at in 0..self.nodes.len() {
            self.process(at);
        }
        while !done(self) {
            let letter = self.letters.first_key_value().map(|((at, _, _), _)| *at);
            let due = |node: &Node<P>| node.deadline().map(|t| t.0.div_ceil(1_000_000).max(self.now));
            let alarm = self.nodes.iter().flatten().filter_map(due).min();
            let Some(at) = letter.into_iter().chain(alarm).min().filter(|at| *at <= limit) else { break };
            self.now = at;
            let now = self.time();
            if letter == Some(at) {
                let Some((_, (from, to, message))) = self.letters.pop_first() else { break };
                let to = usize::from(to.0);
                if let Some(node) = self.nodes.get_mut(to).and_then(Option::as_mut) {
                    node.step(now, Event::Message { from, message });
                    self.process(to);
                }
            } else {
                for to in 0..self.nodes.len() {
                    let Some(node) = &mut self.nodes[to] else { continue };
                    if node.deadline().is_some_and(|t| t <= now) {
                        node.step(now, Event::Timeout);
                        self.process(to);
                    }
                }
            }
        }
        done(self)
    }

    /// Everyone who is up and learns has executed `n` commands.
    pub(crate) fn executed(&self, n: usize) -> bool {
        let up = self
            .nodes
            .iter()
            .zip(&self.replicas)
            .filter_map(|(node, replica)| Some((node.as_ref()?, replica)));
        up.filter(|(node, _)| node.is_learner()).all(|(_, replica)| replica.machine().0.len() >= n)
    }

    pub(crate) fn count(&self, kind: Kind) -> usize {
        self.sent.get(&kind).copied().unwrap_or(0)
    }

    /// The messages in order, those of one kind at one moment in one line.
    pub(crate) fn drawn(&self) -> String {
        let names = |nodes: &[NodeId]| nodes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        let line = |(at, from, to, what): &(u64, Vec<NodeId>, Vec<NodeId>, String)| {
            format!("{at:>2}   {:<8} ──▶  {:<8}  {what}", names(from), names(to)).trim_end().to_owned() + "\n"
        };
        self.drawing.iter().map(line).collect()
    }

    fn time(&self) -> Time {
        Time(self.now * 1_000_000)
    }

    fn process(&mut self, at: usize) {
        let Some(node) = &mut self.nodes[at] else { return };
        let (mut letters, mut replies) = (Vec::new(), Vec::new());
        let disk = &mut self.disks[at];
        let written = disk.len();
        let write = |records: &[_]| disk.extend_from_slice(records);
        node.process(&mut self.replicas[at], |e| letters.push(e), write, |r| replies.push(r));
        let from = node.id();
        if node.chosen().knows(Slot(0)) {
            self.learned.entry(from).or_insert(self.now);
        }
        self.replies.extend(replies.into_iter().map(|reply| (self.now, reply)));
        self.check(at, written);
        for envelope in &letters {
            self.post(from, envelope);
        }
    }

    fn post(&mut self, from: NodeId, envelope: &Envelope<P>) {
        let (kind, what) = self.listen(from, &envelope.message);
        *self.sent.entry(kind).or_default() += envelope.to.len();
        let to: Vec<NodeId> = envelope.to.iter().collect();
        match self.drawing.last_mut() {
            Some((at, senders, receivers, said)) if (*at, &*receivers, &*said) == (self.now, &to, &what) => {
                senders.push(from);
            }
            _ => self.drawing.push((self.now, vec![from], to.clone(), what)),
        }
        for to in to {
            for delay in (self.link)(from, to, &envelope.message) {
                self.posted += 1;
                let key = (self.now + delay, !(self.first)(kind), self.posted);
                self.letters.insert(key, (from, to, envelope.message.clone()));
            }
        }
    }

    /// One value a ballot and slot, and no ballot used by two lives of its owner. The message in words.
    fn listen(&mut self, from: NodeId, message: &Message<P>) -> (Kind, String) {
        let life = self.lives[usize::from(from.0)];
        let (kind, mut what) = (message.kind(), message.kind().name().to_owned());
        let mut tell = |fact: Fact<'_, u64>| match fact {
            Fact::Prepare { ballot, slots } => {
                assert_eq!(
                    *self.prepared.entry((slots.start, ballot)).or_insert(life),
                    life,
                    "{ballot} reused"
                );
                _ = write!(what, " {slots} {ballot}");
            }
            Fact::Propose { ballot, slot, entry } => {
                let one = self.proposed.entry((slot, ballot)).or_insert_with(|| entry.clone());
                assert_eq!(one, entry, "two values in {slot}, {ballot}");
                _ = write!(what, " {slot} {ballot} {entry}");
            }
            Fact::Promise { ballot, slots, votes } => {
                _ = write!(what, " {slots} {ballot}");
                for (_, ballot, entry) in votes {
                    _ = write!(what, ", voted {ballot} {entry}");
                }
            }
            Fact::Vote { ballot, slot, .. } => _ = write!(what, " {slot} {ballot}"),
            Fact::Chosen { slot, .. } => _ = write!(what, " {slot}"),
            Fact::Any { .. } => {}
        };
        match message {
            Message::Prepare(m) => m.facts(&mut tell),
            Message::Promise(m) => m.facts(&mut tell),
            Message::Accept(m) => m.facts(&mut tell),
            Message::Accepted(m) => m.facts(&mut tell),
            Message::Decide(m) => Phrase::<u64>::facts(m, &mut tell),
            Message::Nack(nack) => {
                _ = write!(what, " {} {}, promised {}", nack.slots, nack.refused, nack.promised);
            }
            Message::Request(_)
            | Message::Reply(_)
            | Message::Refuse(_)
            | Message::Heartbeat { .. }
            | Message::Heard { .. }
            | Message::Members { .. }
            | Message::Canvass { .. }
            | Message::Support { .. }
            | Message::TakeOver { .. }
            | Message::Progress { .. }
            | Message::Forgotten { .. }
            | Message::CatchUp { .. }
            | Message::Read(_)
            | Message::Chosen { .. }
            | Message::Offer { .. }
            | Message::Fetch { .. }
            | Message::Chunk { .. } => {}
        }
        (kind, what)
    }

    /// Promises on disk never fall, votes are never below them, and what is chosen stays chosen, everywhere.
    fn check(&mut self, at: usize, written: usize) {
        for record in &self.disks[at][written..] {
            let (ballot, slots) = match record {
                Record::Started(_) | Record::Learned { .. } | Record::Met { .. } | Record::Known(_) => {
                    continue;
                }
                Record::Promised { ballot, slots } => (*ballot, *slots),
                Record::Voted { ballot, first, batch } => (*ballot, first.extend(batch.len() as u64)),
            };
            for slot in slots.iter() {
                let promised = self.promised.entry((at, slot)).or_default();
                assert!(ballot >= *promised, "n{at} fell from {promised} to {ballot} in {slot}");
                *promised = ballot;
            }
        }
        let Some(node) = &self.nodes[at] else { return };
        let known = node.chosen();
        let news = SlotRange::new(known.first_unknown().minus(3), known.end()).iter();
        for (slot, entry) in news.filter_map(|slot| Some((slot, known.get(slot)?))) {
            let one = self.chosen.entry(slot).or_insert_with(|| entry.clone());
            assert_eq!(one, entry, "two values chosen in {slot}");
        }
        let journal = &self.replicas[at].machine().0;
        assert_eq!(journal.iter().collect::<BTreeSet<_>>().len(), journal.len(), "executed twice");
    }
}

pub(crate) fn setup(config: &Arc<Config>, id: NodeId) -> Setup<Options> {
    Setup { id, config: Arc::clone(config), options: Options::default() }
}
