//! Execution: a state machine behind client sessions, so that a command takes effect once however often it was
//! sent or chosen.

use crate::log::sessions::{Found, Sessions};
use crate::{
    Answer, Bytes, Capture, Captured, Change, ClientId, Command, CommandId, Config, Decided, Entry, Epochs,
    Learning, Limits, NodeId, NodeSet, Outcome, Reply, RestoreError, Slot, Snapshot, Unchangeable, Value,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::io::Read;

/// What the log is for. It must be deterministic: the same commands in the same order give the same replies and
/// the same state on every replica.
pub trait StateMachine {
    /// What clients ask for.
    type Command: Value;
    /// What they get.
    type Reply: Answer;
    /// Executes one command, which was chosen in `slot`.
    fn apply(&mut self, slot: Slot, command: &Self::Command) -> Self::Reply;

    /// How many bytes it takes up to keep `reply`, which `command` was answered, for a client that asks again because its answer got
    /// lost; none: it is not kept. Replicas keep replies within [`Limits::reply_bytes`]; of any other command a client is told that it
    /// was executed, and no more. So a command that only reads needs none: its client may as well ask anew.
    ///
    /// The same on every replica. By default, the length of the reply as snapshots have it.
    fn remembered(&self, command: &Self::Command, reply: &Self::Reply) -> Option<u64> {
        let _ = command;
        postcard::experimental::serialized_size(reply).ok().map(|size| size as u64)
    }

    /// The state as bytes, the same on every replica in the same state; none if it cannot be written down, and
    /// then no process ever forgets its log. It is asked for between two commands, so it should not take long: see
    /// [`StateMachine::capture`].
    fn snapshot(&self) -> Option<Vec<u8>> {
        None
    }

    /// The state as [`StateMachine::snapshot`] has it, to be written down later and elsewhere, while the machine goes on. A machine
    /// with much state keeps it so that this is cheap, in a map that shares what does not change, say.
    ///
    /// By default it is written down at once: no more is needed where that takes a few milliseconds.
    fn capture(&self) -> Option<Capture> {
        let state = self.snapshot()?;
        Some(Box::new(move |out| out.write_all(&state)))
    }

    /// Takes over the state that [`StateMachine::snapshot`] wrote, whatever the own state was.
    ///
    /// # Errors
    /// If the bytes cannot be understood, or machines of this kind never wrote any. The process stops then.
    fn restore(&mut self, _state: &[u8]) -> Result<(), RestoreError> {
        Err(RestoreError::Unsupported)
    }

    /// Takes over the state that a [`Capture`] wrote, whatever the own state was. A machine with much state reads it piece by piece,
    /// so that it is in memory only once.
    ///
    /// By default, all of it is read and given to [`StateMachine::restore`].
    ///
    /// # Errors
    /// Those of [`StateMachine::restore`], and if it cannot be read. The process stops then.
    fn restore_from(&mut self, state: &mut dyn Read) -> Result<(), RestoreError> {
        let mut bytes = Vec::new();
        state.read_to_end(&mut bytes)?;
        self.restore(&bytes)
    }
}

/// What the result of a change of members takes up, in bytes.
const CHANGED: u64 = 16;

/// What came of an entry when it was executed: what its client is told, then and whenever it asks again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Effect<R> {
    /// Of a command, what the machine returned.
    Reply(R),
    /// Of a change of members, where the new ones begin, or why they stay as they are.
    Change(Result<Slot, Unchangeable>),
}

impl<R: Clone> Effect<R> {
    fn outcome(&self) -> Outcome<R> {
        match self {
            Self::Reply(reply) => Outcome::Executed(reply.clone()),
            Self::Change(result) => Outcome::Changed(*result),
        }
    }
}

impl<R: Clone> Found<'_, Effect<R>> {
    /// What to tell the client, if it is to be told anything; `now` is the slot executed last.
    fn answer(&self, id: CommandId, now: Slot) -> Option<Reply<R>> {
        let (slot, outcome) = match self {
            Self::Reply(slot, effect) => (*slot, effect.outcome()),
            Self::NotKept(slot) => (*slot, Outcome::NotKept),
            Self::Expired(latest) => (now, Outcome::SessionExpired { latest: *latest }),
            Self::New | Self::Forgotten => return None,
        };
        Some(Reply { id, slot, outcome })
    }
}

/// Which clients a process answers. Set by the node with each batch it delivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Answering {
    me: NodeId,
    /// Processes that hear of what is chosen at once, so that their own clients need no reply message.
    hear: NodeSet,
    everyone_else: bool,
}

impl Answering {
    /// All clients, for whoever follows the log without being a process.
    pub const fn everyone() -> Self {
        Self { me: NodeId(u16::MAX), hear: NodeSet::EMPTY, everyone_else: true }
    }

    pub(crate) fn new(me: NodeId, config: &Config) -> Self {
        let told = config.learning == Learning::Everyone || config.announce == crate::Announce::AtOnce;
        let hear = if told { config.all_learners() } else { NodeSet::EMPTY };
        Self { me, hear, everyone_else: false }
    }

    /// Its own clients, and all others if so.
    pub(crate) fn including(self, everyone_else: bool) -> Self {
        Self { everyone_else, ..self }
    }

    pub(crate) fn covers(self, client: ClientId) -> bool {
        client.node == self.me || (self.everyone_else && !self.hear.contains(client.node))
    }
}

/// A state machine with the sessions of its clients. Changes of members go through the same sessions as commands: each is
/// made once at most, and not when its session has expired; its answer is remembered.
#[derive(Clone, Debug)]
pub struct Replica<S: StateMachine> {
    /// None while it takes over a state elsewhere.
    machine: Option<S>,
    sessions: Sessions<Effect<S::Reply>>,
    next: Slot,
    owed: BTreeSet<CommandId>,
    answers: Vec<Reply<S::Reply>>,
    /// Where a snapshot was last asked for or taken over.
    written: Slot,
    /// The state came from a snapshot, which stands for every slot below.
    installed: Slot,
    failure: Option<RestoreError>,
}

impl<S: StateMachine> Replica<S> {
    /// A machine in its first state. Of the limits, those of sessions count, and they must be the same everywhere.
    pub fn new(machine: S, limits: &Limits) -> Self {
        Self {
            machine: Some(machine),
            sessions: Sessions::new(limits),
            next: Slot(0),
            owed: BTreeSet::new(),
            answers: Vec::new(),
            written: Slot(0),
            installed: Slot(0),
            failure: None,
        }
    }

    /// The state.
    ///
    /// # Panics
    /// While the machine [takes over](Takeover) a state elsewhere.
    pub fn machine(&self) -> &S {
        self.machine.as_ref().expect("the machine is where it takes over a state")
    }

    /// Whether the machine [takes over](Takeover) a state elsewhere. Meanwhile nothing is executed, captured or read.
    pub fn is_away(&self) -> bool {
        self.machine.is_none()
    }

    /// The first slot not executed.
    pub fn next(&self) -> Slot {
        self.next
    }

    /// What was executed so far, written down in memory with the sessions of its clients; none if the machine cannot be.
    pub fn snapshot(&self) -> Option<Snapshot> {
        self.capture(Vec::new())?.write_down().ok()
    }

    fn capture(&self, membership: Vec<u8>) -> Option<Captured> {
        let machine = self.machine.as_ref()?.capture()?;
        Some(Captured { next: self.next, machine, sessions: self.sessions.encode(), membership })
    }

    /// Captures the state, with the members, if `every` slots were executed since the last time; 0: never.
    pub(crate) fn capture_each(
        &mut self,
        every: u64,
        membership: impl FnOnce(Slot) -> Option<Vec<u8>>,
    ) -> Option<Captured> {
        if every == 0 || self.next.since(self.written) < every || self.failure.is_some() {
            return None;
        }
        self.written = self.next;
        self.capture(membership(self.next)?)
    }

    /// Takes over the state that another replica, or a former life of this one, wrote down. A state that is no newer
    /// than the own one is left alone.
    ///
    /// # Errors
    /// If the machine or its sessions cannot be read; the replica must not go on then, and does not.
    pub fn install(&mut self, snapshot: &Snapshot) -> Result<(), RestoreError> {
        match self.take_over(snapshot) {
            Some(takeover) => self.taken_over(takeover.run()),
            None => Ok(()),
        }
    }

    /// As [`Replica::install`], for a caller that has the state read where nobody waits for it. None if the state is no newer
    /// than the own one, or another one is being taken over.
    pub fn take_over(&mut self, snapshot: &Snapshot) -> Option<Takeover<S>> {
        let machine = if snapshot.next() > self.next { self.machine.take()? } else { return None };
        Some(Takeover { machine, snapshot: snapshot.clone() })
    }

    /// The machine comes back with the state that it took over.
    ///
    /// # Errors
    /// Those of [`Replica::install`].
    pub fn taken_over(&mut self, taken: TakenOver<S>) -> Result<(), RestoreError> {
        let TakenOver { machine, next, sessions } = taken;
        self.machine = Some(machine);
        let taken = sessions.and_then(|sessions| self.go_on(next, &sessions));
        self.failure = taken.clone().err();
        taken
    }

    /// The machine has the state at `next`.
    fn go_on(&mut self, next: Slot, sessions: &[u8]) -> Result<(), RestoreError> {
        self.sessions = self.sessions.decode(sessions)?;
        self.next = next;
        (self.written, self.installed) = (self.next, self.next);
        // Who waits for an answer to what happened meanwhile gets it now.
        for id in std::mem::take(&mut self.owed) {
            self.recall(id);
        }
        Ok(())
    }

    /// Every slot below is executed only inasmuch as a snapshot that was taken over stands for it.
    pub fn installed(&self) -> Slot {
        self.installed
    }

    /// Why it does not go on: a snapshot that it had to take over could not be read.
    pub fn failure(&self) -> Option<&RestoreError> {
        self.failure.as_ref()
    }

    /// Executes what is decided; slots executed before are passed over. After a [`Replica::failure`], it does nothing.
    ///
    /// # Panics
    /// If a slot is missing between the last call and this one, or if what the members are was told for another slot than
    /// the next one here: node and replica start from the same snapshot.
    pub fn execute(&mut self, decided: Decided<'_, S::Command>) {
        let Decided { first, entries, answering, mut members } = decided;
        if self.failure.is_some() || self.is_away() {
            return;
        }
        assert!(first <= self.next, "executed up to {}, then given {first}", self.next);
        if let Some(members) = &members {
            let (known, next) = (members.next_slot(), self.next);
            assert_eq!(known, next, "the members are known up to {known}, and {next} is executed next");
        }
        let known = self.next.since(first) as usize;
        for entry in entries.get(known..).unwrap_or_default() {
            let slot = self.next;
            self.next = slot.plus(1);
            match entry {
                Entry::Command(command) => self.execute_once(slot, command, answering),
                Entry::Change(id, change) => {
                    self.change_once(slot, *id, change, answering, members.as_deref_mut());
                }
                Entry::Noop => {}
            }
        }
        if let Some(members) = members {
            members.advance(self.next);
        }
    }

    fn execute_once(&mut self, slot: Slot, command: &Command<S::Command>, answering: Answering) {
        let id = command.id;
        let owed = !self.owed.is_empty() && self.owed.remove(&id);
        let Some(machine) = &mut self.machine else { return };
        let found = self.sessions.enter(slot, id, || {
            let reply = machine.apply(slot, &command.value);
            let size = machine.remembered(&command.value, &reply);
            (Effect::Reply(reply), size)
        });
        if (answering.covers(id.client) || owed)
            && let Some(answer) = found.answer(id, slot)
        {
            self.answers.push(answer);
        }
    }

    #[cold]
    fn change_once(
        &mut self,
        slot: Slot,
        id: CommandId,
        change: &Change,
        answering: Answering,
        members: Option<&mut Epochs>,
    ) {
        let owed = self.owed.remove(&id);
        let make = || members.map_or(Err(Unchangeable::Fixed), |members| members.note(slot, change));
        // What came of a change is as short as a name.
        let found = self.sessions.enter(slot, id, || (Effect::Change(make()), Some(CHANGED)));
        if answering.covers(id.client) || owed {
            self.answers.extend(found.answer(id, slot));
        }
    }

    /// A client asks again: what was executed is answered from its session, the rest when it is executed.
    pub fn recall(&mut self, id: CommandId) {
        let found = self.sessions.find(id);
        match found {
            Found::Reply(..) | Found::NotKept(_) | Found::Expired(_) => {
                self.answers.extend(found.answer(id, self.next.minus(1)));
            }
            Found::New => {
                // Clients have at most a window of commands open; beyond that nobody waits for the oldest.
                if self.owed.len() >= 16 * self.sessions.window {
                    self.owed.pop_first();
                }
                self.owed.insert(id);
            }
            Found::Forgotten => {}
        }
    }

    /// Whether there are answers to be fetched.
    pub fn has_answers(&self) -> bool {
        !self.answers.is_empty()
    }

    /// The answers since the last call, for [`crate::Node::answer`].
    pub fn answers(&mut self) -> std::vec::Drain<'_, Reply<S::Reply>> {
        self.answers.drain(..)
    }
}

/// A state machine with the snapshot that it is to take over, to be [run](Takeover::run) where nobody waits for it.
#[must_use = "the replica executes nothing before the machine is back"]
#[derive(Debug)]
pub struct Takeover<S> {
    machine: S,
    snapshot: Snapshot,
}

/// A state machine that has taken over a snapshot, or could not, for [`Replica::taken_over`].
#[must_use = "the replica executes nothing before the machine is back"]
#[derive(Debug)]
pub struct TakenOver<S> {
    machine: S,
    next: Slot,
    /// What clients were answered by then.
    sessions: Result<Bytes, RestoreError>,
}

impl<S: StateMachine> Takeover<S> {
    /// Takes as long as the state is large.
    pub fn run(self) -> TakenOver<S> {
        let Self { mut machine, snapshot } = self;
        let mut read = || {
            let sessions = snapshot.head()?.sessions;
            snapshot.restore(|state| machine.restore_from(state))?;
            Ok(sessions)
        };
        let sessions = read();
        TakenOver { machine, next: snapshot.next(), sessions }
    }
}

#[cfg(test)]
mod tests;
