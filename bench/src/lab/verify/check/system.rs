//! A small cluster as a transition system: the shipped nodes with every order, loss and duplication of messages.

use super::local::{Act, Cast};
use super::table::{Opening, Table};
use paxos_core::{
    Change, CommandId, Config, Envelope, Fold, Kind, Message, NodeId, NodeSet, Phase, Places, Protocol,
    QuorumSystem, Record, Replica, Setup, Slot,
};
use stateright::{Model, Property};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hash;
use std::ops::Range;
use std::sync::atomic::{self, AtomicU64};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

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

/// The number of no state: it is to be computed.
const UNKNOWN: u32 = u32::MAX;

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
    /// How often the same request may arrive again at a process. Each time, it may take another slot.
    pub(super) repeats: usize,
    /// The processes whose names make no difference, so that states that differ only by these are explored once.
    pub(super) same: Range<u16>,
    /// What is known about single processes.
    pub(super) table: RwLock<Table<P>>,
    /// The number of states that the explored ones stand for, which differ by the names of acceptors.
    pub(super) covered: AtomicU64,
}

/// The number of each process's state, and the number of crashes so far. All messages that were ever sent follow from these.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct State {
    pub(super) places: Box<[u32]>,
    pub(super) crashes: u8,
    /// The number of states that differ from it only by the names of acceptors, with itself.
    alike: u16,
}

/// A transition from one state to the next: an act of one process, and the number of the state in which that leaves it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Step {
    pub(super) at: u16,
    pub(super) act: Act<u32>,
    pub(super) after: u32,
}

/// What a quorum voted for in one slot, in any of its ballots.
#[derive(Debug, Default)]
struct Choice {
    /// The values: one, if there is agreement.
    values: BTreeSet<Option<CommandId>>,
    /// Whether the voters are members that joined by a change.
    by_new: bool,
}

impl<P: Checked> System<P> {
    pub(super) fn setup(&self, id: u16) -> Setup<P::Options> {
        Setup { id: NodeId(id), config: self.config.clone(), options: self.options.clone() }
    }

    pub(super) fn replica(&self) -> Option<Replica<Idle>> {
        self.change.map(|_| Replica::new(Fold::new((), |(), command| *command), &self.config.limits))
    }

    /// Notes the messages that may arrive, with each of their receivers.
    pub(super) fn note_said(
        &self,
        messages: impl Iterator<Item = Envelope<P>>,
        said: &mut Vec<(NodeId, Message<P>)>,
    ) {
        // In the only round, a refusal lets nobody begin another ballot.
        let arrives = |kind| {
            EXPLORED.contains(&kind) && (kind != Kind::Nack || self.rounds > 1)
                || self.change.is_some() && FOR_NEWCOMERS.contains(&kind)
        };
        for envelope in messages.filter(|envelope| arrives(envelope.message.kind())) {
            said.extend(envelope.to.iter().map(|to| (to, envelope.message.clone())));
        }
    }

    pub(super) fn table(&self) -> RwLockReadGuard<'_, Table<P>> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn step(&self, number: u32, act: Act<u32>) -> u32 {
        self.table.write().unwrap_or_else(PoisonError::into_inner).step(self, number, act)
    }

    /// The first of all states that differ from this one only by the names of acceptors, and the renaming that leads there.
    pub(super) fn first_alike(table: &Table<P>, places: &[u32], crashes: u8) -> (State, usize) {
        let (mut first, mut by, mut equal) = (Box::<[u32]>::from(places), 0, 1);
        let mut renamed = vec![0; places.len()];
        for renaming in 1..table.renamings.len() {
            for (place, id) in places.iter().zip(0..) {
                renamed[usize::from(table.renamings.name(renaming, id))] = table.image(*place, renaming);
            }
            match renamed[..].cmp(&first) {
                Ordering::Less => (first, by, equal) = (renamed.as_slice().into(), renaming, 1),
                Ordering::Equal => equal += 1,
                Ordering::Greater => {}
            }
        }
        // As many renamings lead to each of them.
        let alike = u16::try_from(table.renamings.len() / equal).unwrap_or(u16::MAX);
        (State { places: first, crashes, alike }, by)
    }

    /// What a quorum voted for in one ballot, slot by slot. Votes are never taken back, so the disks hold everything that was
    /// ever chosen. From α slots after a chosen change on, quorums are those of the new members.
    fn chosen(&self, table: &Table<P>, state: &State) -> BTreeMap<Slot, Choice> {
        let mut votes: BTreeMap<Cast, NodeSet> = BTreeMap::new();
        for (place, id) in state.places.iter().zip(0..) {
            for vote in &table.local(*place).votes {
                votes.entry(*vote).or_default().insert(NodeId(id));
            }
        }
        let mut new: Option<(Slot, Arc<dyn QuorumSystem>)> = None;
        let mut chosen: BTreeMap<Slot, Choice> = BTreeMap::new();
        for (Cast { slot, ballot, value, is_change }, voters) in votes {
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

    fn agrees(&self, state: &State) -> bool {
        let table = self.table();
        let chosen = self.chosen(&table, state);
        let is_chosen = |(slot, value): &(Slot, Option<CommandId>)| {
            chosen.get(slot).is_some_and(|choice| choice.values.contains(value))
        };
        chosen.values().all(|choice| choice.values.len() == 1)
            && state.places.iter().all(|place| table.local(*place).known.iter().all(is_chosen))
    }
}

impl<P: Checked> Model for System<P> {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        let mut places = table.start(self);
        let mut opening: Vec<Opening> =
            places.iter().zip(0..).map(|(place, id)| (None, *place, id)).collect();
        let mut act = |table: &mut Table<P>, places: &mut [u32], id: u16, act| {
            let before = places[usize::from(id)];
            let after = table.step(self, before, act);
            places[usize::from(id)] = after;
            opening.push((Some(before), after, id));
        };
        let mut arrived = BTreeSet::new();
        loop {
            let sent: BTreeSet<_> =
                places.iter().flat_map(|place| table.local(*place).sent.clone()).collect();
            let Some((to, letter)) = sent.difference(&arrived).next().copied() else { break };
            arrived.insert((to, letter));
            act(&mut table, &mut places, to, Act::Hear(letter));
        }
        (0..self.processes).for_each(|id| act(&mut table, &mut places, id, Act::Forget));
        if self.change.is_some() {
            act(&mut table, &mut places, 0, Act::Change);
        }
        for (client, value) in &self.commands {
            act(&mut table, &mut places, *client, Act::Submit(*value));
        }
        for (from, to, message) in &self.early {
            let letter = table.post(NodeId(*from), NodeId(*to), message);
            act(&mut table, &mut places, *from, Act::Post(letter));
        }
        let (state, renaming) = Self::first_alike(&table, &places, 0);
        table.open(opening, renaming);
        vec![state]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        self.covered.fetch_add(u64::from(state.alike), atomic::Ordering::Relaxed);
        let add = |steps: &mut Vec<Step>, table: &Table<P>, at: u16, act| {
            let before = state.places[usize::from(at)];
            match table.known(before, act) {
                // Nothing would change.
                Some(after) if after == before => {}
                known => steps.push(Step { at, act, after: known.unwrap_or(UNKNOWN) }),
            }
        };
        let table = self.table();
        // Then the exploration has failed, and ends.
        if table.even().is_err() {
            return;
        }
        for to in 0..self.processes {
            let may_crash = state.crashes < self.crashes && to < self.processes - self.clients;
            for from in &state.places {
                for letter in table.local(*from).sent_to(to) {
                    if table.local(state.places[usize::from(to)]).arrived(letter) > self.repeats {
                        continue;
                    }
                    add(steps, &table, to, Act::Hear(letter));
                    if may_crash {
                        add(steps, &table, to, Act::HearAndCrash(letter));
                    }
                }
            }
            if !table.local(state.places[usize::from(to)]).process.writes.is_empty() {
                add(steps, &table, to, Act::Durable);
            }
        }
        drop(table);
        for step in steps.iter_mut().filter(|step| step.after == UNKNOWN) {
            step.after = self.step(state.places[usize::from(step.at)], step.act);
        }
        // A step that was computed just now is left out next time, so it must be left out now.
        steps.retain(|step| step.after != state.places[usize::from(step.at)]);
    }

    fn next_state(&self, last: &State, step: Step) -> Option<State> {
        let mut places = last.places.clone();
        places[usize::from(step.at)] = step.after;
        let crashes = last.crashes + u8::from(matches!(step.act, Act::HearAndCrash(_)));
        Some(Self::first_alike(&self.table(), &places, crashes).0)
    }

    fn within_boundary(&self, state: &State) -> bool {
        let table = self.table();
        state.places.iter().all(|place| table.local(*place).round <= self.rounds)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let mut properties = vec![
            Property::always(AGREEMENT, |system: &Self, state| system.agrees(state)),
            Property::sometimes(SOMETHING, |system: &Self, state| {
                !system.chosen(&system.table(), state).is_empty()
            }),
            Property::sometimes(EVERYTHING, |system: &Self, state| {
                let chosen = system.chosen(&system.table(), state);
                let values: BTreeSet<_> =
                    chosen.values().flat_map(|choice| &choice.values).flatten().collect();
                values.len() == system.commands.len() + usize::from(system.change.is_some())
            }),
        ];
        if self.change.is_some() {
            properties.push(Property::sometimes(SUCCEEDED, |system: &Self, state| {
                let commands = |choice: &Choice| choice.values.iter().any(Option::is_some);
                let chosen = system.chosen(&system.table(), state);
                chosen.values().any(|choice| choice.by_new && commands(choice))
            }));
        }
        properties
    }
}
