//! A small cluster as a transition system: the shipped nodes with every order, loss and duplication of messages.

use super::state::{Choice, Letter, Process, State};
use paxos_core::{
    Ballot, Change, Chosen, CommandId, Config, Entry, Event, Fold, Kind, Message, Node, NodeId, NodeSet,
    Phase, Places, Protocol, QuorumSystem, Record, Replica, Setup, Slot, Time,
};
use stateright::{Model, Property};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::hash::Hash;
use std::sync::Arc;

/// At most one value is chosen in a slot, and a process takes no other value for chosen.
pub(super) const AGREEMENT: &str = "agreement";
/// In some run a value is chosen.
pub(super) const SOMETHING: &str = "a decision is reachable";
/// In some run every command is chosen.
pub(super) const EVERYTHING: &str = "every command can be decided";
/// In some run the members change, and the new ones choose a command.
pub(super) const SUCCEEDED: &str = "the new members can decide";

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

/// Messages that arrive as well where members change: whoever joins hears what was chosen before.
const FOR_NEWCOMERS: [Kind; 4] = [Kind::Members, Kind::Progress, Kind::CatchUp, Kind::Chosen];

/// It changes nothing: only changes of members must be executed.
pub(super) type Idle = Fold<(), u64, u64>;

/// What a variant must implement so that its states can be compared.
pub(super) trait Checked:
    Protocol<
        Value = u64,
        Reply = u64,
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
    /// The change of members that n0 asks for at the start.
    pub(super) change: Option<Change>,
    /// Messages in flight when the commands are submitted. All other messages of the start have arrived by then.
    pub(super) early: Vec<(u16, u16, Message<P>)>,
    /// The number of processes.
    pub(super) processes: u16,
    /// How many of them are clients only.
    pub(super) clients: u16,
    /// The highest round in which a proposer starts a term.
    pub(super) rounds: u64,
    /// The most crashes in a run.
    pub(super) crashes: u8,
    /// Whether a process that crashes loses its disk, which no variant tolerates.
    pub(super) forgetful: bool,
    /// The most writes of a process in progress at a time, while messages arrive; 0: each is durable at once.
    pub(super) writes: usize,
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
        let replica = process.replica.clone();
        let mut writes = process.writes.clone();
        let Some(write) = writes.pop_front() else { return };
        disk.extend_from_slice(write.records());
        node.durable(write.durable());
        state.processes[usize::from(id)] =
            Arc::new(Process::new(node.clone(), disk, replica, writes, incarnation));
        self.settle(state, id, node, incarnation, false);
        state.chosen = Arc::new(self.chosen(state));
    }

    /// Handles what the node hands out after a step. A crash loses what is not on the disk, or the disk as well.
    fn settle(&self, state: &mut State<P>, id: u16, mut node: Node<P>, incarnation: u32, crash: bool) {
        let (mut disk, mut replica, mut writes) = match state.processes.get(usize::from(id)) {
            Some(before) => (before.disk.clone(), before.replica.clone(), before.writes.clone()),
            None => (Vec::new(), self.replica(), VecDeque::new()),
        };
        let (mut said, written) = (Vec::new(), disk.len());
        while node.is_ready() {
            let mut ready = node.ready();
            said.extend(ready.messages());
            if crash {
                break;
            }
            match &mut replica {
                Some(replica) => ready.execute(replica),
                None => while ready.decided().is_some() {},
            }
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
        let arrives = |kind| {
            EXPLORED.contains(&kind) && (kind != Kind::Nack || self.rounds > 1)
                || self.change.is_some() && FOR_NEWCOMERS.contains(&kind)
        };
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
            let again = Process::new(node.clone(), disk, self.replica(), VecDeque::new(), incarnation + 1);
            state.processes[usize::from(id)] = Arc::new(again);
            self.settle(state, id, node, incarnation + 1, false);
            state.chosen = Arc::new(self.chosen(state));
            return;
        }
        let has_written = disk.len() > written;
        let process = Arc::new(Process::new(node, disk, replica, writes, incarnation));
        match state.processes.get_mut(usize::from(id)) {
            Some(place) => *place = process,
            None => state.processes.push(process),
        }
        if has_written {
            state.chosen = Arc::new(self.chosen(state));
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

    fn replica(&self) -> Option<Replica<Idle>> {
        self.change.map(|_| Replica::new(Fold::new((), |(), command| *command), &self.config.limits))
    }

    /// What a quorum voted for in one ballot, slot by slot. Votes are never taken back, so the disks hold everything that was
    /// ever chosen. From α slots after a chosen change on, quorums are those of the new members.
    fn chosen(&self, state: &State<P>) -> BTreeMap<Slot, Choice> {
        let mut votes: BTreeMap<(Slot, Ballot, Option<CommandId>), (NodeSet, bool)> = BTreeMap::new();
        for (process, id) in state.processes.iter().zip(0..) {
            for record in &process.disk {
                let Record::Voted { ballot, first, batch } = record else { continue };
                for (slot, entry) in first.extend(batch.len() as u64).iter().zip(batch.iter()) {
                    let (who, is_change) = votes.entry((slot, *ballot, entry.id())).or_default();
                    who.insert(NodeId(id));
                    *is_change = matches!(entry, Entry::Change(..));
                }
            }
        }
        let mut new: Option<(Slot, Arc<dyn QuorumSystem>)> = None;
        let mut chosen: BTreeMap<Slot, Choice> = BTreeMap::new();
        for ((slot, ballot, value), (voters, is_change)) in votes {
            let later = new.as_ref().filter(|(from, _)| slot >= *from).map(|(_, quorums)| quorums);
            if !later.unwrap_or(&self.config.quorums).is_quorum(Phase::of(ballot), voters) {
                continue;
            }
            let choice = chosen.entry(slot).or_default();
            choice.values.insert(value);
            choice.by_new = later.is_some();
            if is_change && new.is_none() {
                new = self.succeeding().map(|quorums| (slot.plus(self.config.limits.alpha as u64), quorums));
            }
        }
        chosen
    }

    /// The quorums of the new members.
    fn succeeding(&self) -> Option<Arc<dyn QuorumSystem>> {
        let members = self.config.members();
        let places = Places::of(members.acceptors).after(self.change?.of(&members).acceptors);
        self.config.quorums.over(&places).ok()
    }

    fn agrees(state: &State<P>) -> bool {
        let told = |known: &Chosen<u64>, slot: Slot| known.get(slot).map(Entry::id);
        let slots = || (0..8).map(Slot);
        state.chosen.values().all(|choice| choice.values.len() == 1)
            && state.processes.iter().all(|process| {
                let known = process.node.chosen();
                slots().all(|slot| {
                    told(known, slot).is_none_or(|value| {
                        state.chosen.get(&slot).is_some_and(|choice| choice.values.contains(&value))
                    })
                })
            })
    }
}

impl<P: Checked> Model for System<P> {
    type State = State<P>;
    type Action = Step;

    fn init_states(&self) -> Vec<State<P>> {
        let mut state =
            State { processes: Vec::new(), letters: BTreeMap::new(), chosen: Arc::default(), crashes: 0 };
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
        if let Some(change) = self.change {
            let mut node = state.processes[0].node.clone();
            // A client without unanswered commands accepts one.
            _ = node.force_change(Time(0), change);
            self.settle(&mut state, 0, node, 0, false);
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
            if state.crashes < self.crashes && letter.to.0 < self.processes - self.clients {
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
        let mut properties = vec![
            Property::always(AGREEMENT, |_, state| Self::agrees(state)),
            Property::sometimes(SOMETHING, |_, state: &State<P>| !state.chosen.is_empty()),
            Property::sometimes(EVERYTHING, |system: &Self, state: &State<P>| {
                let values = state.chosen.values().flat_map(|choice| &choice.values);
                let values: BTreeSet<_> = values.flatten().collect();
                values.len() == system.commands.len() + usize::from(system.change.is_some())
            }),
        ];
        if self.change.is_some() {
            properties.push(Property::sometimes(SUCCEEDED, |_, state: &State<P>| {
                let commands = |choice: &Choice| choice.values.iter().any(Option::is_some);
                state.chosen.values().any(|choice| choice.by_new && commands(choice))
            }));
        }
        properties
    }
}
