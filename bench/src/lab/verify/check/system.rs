//! A small cluster as a transition system: the shipped nodes with every order, loss and duplication of messages.

use paxos_core::{
    Ballot, Chosen, CommandId, Config, Entry, Event, Kind, Message, Node, NodeId, NodeSet, Phase, Protocol,
    Record, Setup, Slot, Time, Write,
};
use stateright::{Model, Property};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

/// At most one value is chosen in a slot, and a process takes no other value for chosen.
pub(super) const AGREEMENT: &str = "agreement";
/// In some run a value is chosen.
pub(super) const SOMETHING: &str = "a decision is reachable";
/// In some run every command is chosen.
pub(super) const EVERYTHING: &str = "every command can be decided";

/// The messages that arrive. The others help learners that miss something, elections and readers; losing them is one of the
/// runs that the network allows. A refusal is what lets a proposer begin a higher ballot.
const EXPLORED: [Kind; 8] = [
    Kind::Request,
    Kind::Prepare,
    Kind::Promise,
    Kind::Nack,
    Kind::Any,
    Kind::Accept,
    Kind::Accepted,
    Kind::Decide,
];

/// What a variant must implement so that its states can be compared.
pub(super) trait Checked:
    Protocol<
        Value = u64,
        Record = Record<u64>,
        Options: Hash + Send + Sync,
        Client: Sync,
        Proposer: Sync,
        Acceptor: Sync,
        Learner: Sync,
        Leader: Sync,
        Decision: Sync,
    >
{
}

impl Checked for basic_paxos::BasicPaxos<u64, u64> {}
impl Checked for fast_paxos::FastPaxos<u64, u64> {}
impl Checked for multi_paxos::MultiPaxos<u64, u64> {}

/// The cluster to explore, with the limits of the exploration.
pub(super) struct System<P: Checked> {
    pub(super) config: Arc<Config>,
    pub(super) options: P::Options,
    /// The commands that processes submit at the start: the id of the process and the command.
    pub(super) commands: Vec<(u16, u64)>,
    /// Messages in flight when the commands are submitted. All other messages of the start have arrived by then.
    pub(super) early: Vec<(u16, u16, Message<P>)>,
    /// The number of processes.
    pub(super) processes: u16,
    /// The highest round in which a proposer starts a term.
    pub(super) rounds: u64,
    /// The most crashes in a run.
    pub(super) crashes: u8,
    /// Whether a process that crashes loses its disk, which no variant tolerates.
    pub(super) forgetful: bool,
    /// The most writes of a process in progress at a time, while messages arrive; 0: each is durable at once.
    pub(super) writes: usize,
}

/// A process and its disk. Equal ones behave equally.
pub(super) struct Process<P: Checked> {
    node: Node<P>,
    disk: Vec<Record<u64>>,
    /// The writes on their way to the disk, oldest first.
    writes: VecDeque<Write<P>>,
    incarnation: u32,
    print: u64,
}

impl<P: Checked> Process<P> {
    fn new(node: Node<P>, disk: Vec<Record<u64>>, writes: VecDeque<Write<P>>, incarnation: u32) -> Self {
        let under_way: Vec<_> = writes.iter().map(Write::records).collect();
        let print = print(&(&node, &disk, under_way, incarnation));
        Self { node, disk, writes, incarnation, print }
    }
}

/// A message that was sent. It may arrive at any later time, any number of times, or never.
pub(super) struct Letter<P: Checked> {
    from: NodeId,
    to: NodeId,
    message: Message<P>,
}

impl<P: Checked> Letter<P> {
    fn post(self, state: &mut State<P>) {
        let number = print(&(self.from, self.to, &self.message));
        state.letters.entry(number).or_insert_with(|| Arc::new(self));
    }
}

/// The processes, and all messages that were ever sent.
pub(super) struct State<P: Checked> {
    processes: Vec<Arc<Process<P>>>,
    letters: BTreeMap<u64, Arc<Letter<P>>>,
    crashes: u8,
}

impl<P: Checked> Clone for State<P> {
    fn clone(&self) -> Self {
        Self { processes: self.processes.clone(), letters: self.letters.clone(), crashes: self.crashes }
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

/// A transition from one state to the next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// The message with this number arrives.
    Arrive(u64),
    /// The message arrives. The process crashes before it has written what follows from it, and restarts.
    ArriveAndCrash(u64),
    /// The oldest write of a process becomes durable.
    Durable(u16),
}

fn print(what: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    what.hash(&mut hasher);
    hasher.finish()
}

impl<P: Checked> System<P> {
    fn setup(&self, id: u16) -> Setup<P::Options> {
        Setup { id: NodeId(id), config: self.config.clone(), options: self.options.clone() }
    }

    fn deliver(&self, state: &mut State<P>, letter: &Letter<P>, crash: bool) {
        let process = &state.processes[usize::from(letter.to.0)];
        let (mut node, incarnation) = (process.node.clone(), process.incarnation);
        node.step(Time(0), Event::Message { from: letter.from, message: letter.message.clone() });
        self.settle(state, letter.to.0, node, incarnation, crash);
    }

    fn become_durable(&self, state: &mut State<P>, id: u16) {
        let process = &state.processes[usize::from(id)];
        let (mut node, mut disk, incarnation) =
            (process.node.clone(), process.disk.clone(), process.incarnation);
        let mut writes = process.writes.clone();
        let Some(write) = writes.pop_front() else { return };
        disk.extend_from_slice(write.records());
        node.durable(write.durable());
        state.processes[usize::from(id)] = Arc::new(Process::new(node.clone(), disk, writes, incarnation));
        self.settle(state, id, node, incarnation, false);
    }

    /// Handles what the node hands out after a step. A crash loses what is not on the disk, or the disk as well.
    fn settle(&self, state: &mut State<P>, id: u16, mut node: Node<P>, incarnation: u32, crash: bool) {
        let before = state.processes.get(usize::from(id));
        let (mut disk, mut writes) =
            before.map_or_else(Default::default, |process| (process.disk.clone(), process.writes.clone()));
        let mut said = Vec::new();
        while node.is_ready() {
            let mut ready = node.ready();
            said.extend(ready.messages());
            if crash {
                break;
            }
            while ready.decided().is_some() {}
            ready.asked();
            ready.outcomes();
            let Some(write) = ready.append() else { continue };
            if writes.len() < self.writes {
                writes.push_back(write);
                continue;
            }
            // When the last write is durable, all before it are.
            disk.extend(writes.drain(..).flat_map(|write| write.records().to_vec()));
            disk.extend_from_slice(write.records());
            node.durable(write.durable());
        }
        // In the only round, a refusal lets nobody begin another ballot.
        let arrives = |kind| EXPLORED.contains(&kind) && (kind != Kind::Nack || self.rounds > 1);
        for envelope in said.into_iter().filter(|envelope| arrives(envelope.message.kind())) {
            for to in envelope.to.iter() {
                Letter { from: NodeId(id), to, message: envelope.message.clone() }.post(state);
            }
        }
        if crash {
            if self.forgetful {
                disk.clear();
            }
            let node = Node::restore(self.setup(id), Time(0), incarnation + 1, &disk);
            let again = Process::new(node.clone(), disk, VecDeque::new(), incarnation + 1);
            state.processes[usize::from(id)] = Arc::new(again);
            return self.settle(state, id, node, incarnation + 1, false);
        }
        let process = Arc::new(Process::new(node, disk, writes, incarnation));
        match state.processes.get_mut(usize::from(id)) {
            Some(place) => *place = process,
            None => state.processes.push(process),
        }
    }

    /// Describes `step`, taken from `state`.
    pub(super) fn tell(state: &State<P>, step: Step) -> String {
        let letter = |number| match state.letters.get(&number) {
            Some(letter) => format!("{} hears from {}: {:?}", letter.to, letter.from, letter.message),
            None => format!("message {number:x} arrives"),
        };
        match step {
            Step::Arrive(number) => letter(number),
            Step::ArriveAndCrash(number) => {
                format!("{}; it crashes before it writes what follows, and restarts", letter(number))
            }
            Step::Durable(id) => format!("n{id} is told that its oldest write is durable"),
        }
    }

    /// The values that a quorum voted for in one ballot, slot by slot. Votes are never taken back, so the disks hold
    /// everything that was ever chosen.
    pub(super) fn chosen(&self, state: &State<P>) -> BTreeMap<Slot, BTreeSet<Option<CommandId>>> {
        let mut votes: BTreeMap<(Slot, Ballot, Option<CommandId>), NodeSet> = BTreeMap::new();
        for (process, id) in state.processes.iter().zip(0..) {
            for record in &process.disk {
                let Record::Voted { ballot, first, batch } = record else { continue };
                for (slot, entry) in first.extend(batch.len() as u64).iter().zip(batch.iter()) {
                    votes.entry((slot, *ballot, entry.id())).or_default().insert(NodeId(id));
                }
            }
        }
        let mut chosen: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for ((slot, ballot, value), voters) in votes {
            if self.config.quorums.is_quorum(Phase::of(ballot), voters) {
                chosen.entry(slot).or_default().insert(value);
            }
        }
        chosen
    }

    fn agrees(&self, state: &State<P>) -> bool {
        let chosen = self.chosen(state);
        let one = chosen.values().all(|values| values.len() == 1);
        let told = |known: &Chosen<u64>, slot: Slot| known.get(slot).map(Entry::id);
        let slots = || (0..8).map(Slot);
        one && state.processes.iter().all(|process| {
            let known = process.node.chosen();
            slots().all(|slot| {
                told(known, slot).is_none_or(|value| chosen.get(&slot).is_some_and(|v| v.contains(&value)))
            })
        })
    }
}

impl<P: Checked> Model for System<P> {
    type State = State<P>;
    type Action = Step;

    fn init_states(&self) -> Vec<State<P>> {
        let mut state = State { processes: Vec::new(), letters: BTreeMap::new(), crashes: 0 };
        for id in 0..self.processes {
            let mut node = Node::new(self.setup(id), Time(0));
            if node.deadline().is_some_and(|at| at <= Time(0)) {
                node.step(Time(0), Event::Timeout);
            }
            self.settle(&mut state, id, node, 0, false);
        }
        while let Some((_, letter)) = state.letters.pop_first() {
            self.deliver(&mut state, &letter, false);
        }
        for (from, to, message) in &self.early {
            Letter { from: NodeId(*from), to: NodeId(*to), message: message.clone() }.post(&mut state);
        }
        for (client, value) in &self.commands {
            let mut node = state.processes[usize::from(*client)].node.clone();
            // A client without unanswered commands accepts one.
            _ = node.submit(Time(0), *value);
            self.settle(&mut state, *client, node, 0, false);
        }
        vec![state]
    }

    fn actions(&self, state: &State<P>, next: &mut Vec<Step>) {
        for (number, letter) in &state.letters {
            next.push(Step::Arrive(*number));
            if state.crashes < self.crashes && self.config.servers().contains(letter.to) {
                next.push(Step::ArriveAndCrash(*number));
            }
        }
        for (process, id) in state.processes.iter().zip(0..) {
            if !process.writes.is_empty() {
                next.push(Step::Durable(id));
            }
        }
    }

    fn next_state(&self, last: &State<P>, what: Step) -> Option<State<P>> {
        let (number, crash) = match what {
            Step::Arrive(number) => (number, false),
            Step::ArriveAndCrash(number) => (number, true),
            Step::Durable(id) => {
                let mut state = last.clone();
                self.become_durable(&mut state, id);
                return Some(state);
            }
        };
        let letter = last.letters.get(&number)?;
        let mut state = last.clone();
        state.crashes += u8::from(crash);
        self.deliver(&mut state, letter, crash);
        Some(state)
    }

    fn within_boundary(&self, state: &State<P>) -> bool {
        let started = |record: &Record<u64>| match record {
            Record::Started(ballot) => ballot.round(),
            Record::Promised { .. }
            | Record::Voted { .. }
            | Record::Learned { .. }
            | Record::Met { .. }
            | Record::Known(_) => 0,
        };
        state.processes.iter().flat_map(|process| &process.disk).all(|record| started(record) <= self.rounds)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(AGREEMENT, |system: &Self, state| system.agrees(state)),
            Property::sometimes(SOMETHING, |system: &Self, state| !system.chosen(state).is_empty()),
            Property::sometimes(EVERYTHING, |system: &Self, state| {
                let values: BTreeSet<_> = system.chosen(state).into_values().flatten().flatten().collect();
                values.len() == system.commands.len()
            }),
        ]
    }
}
