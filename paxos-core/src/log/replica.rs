//! Execution: a state machine behind client sessions. A command takes effect once, however often it was sent or
//! chosen.

use crate::log::sessions::{Found, Sessions};
use crate::{
    Answer, Bytes, Capture, Captured, ClientId, Command, CommandId, Config, Decided, Entry, Epochs, Learning,
    Limits, NodeId, NodeSet, Outcome, Reconfiguration, Reply, RestoreError, Slot, Snapshot, Unchangeable,
    Value,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::io::Read;

/// The application that executes the log. It must be deterministic: the same commands in the same order give the same
/// replies and the same state on every replica.
pub trait StateMachine {
    /// The commands of clients.
    type Command: Value;
    /// The results of commands.
    type Reply: Answer;
    /// Executes one command, which was chosen in `slot`.
    fn apply(&mut self, slot: Slot, command: &Self::Command) -> Self::Reply;

    /// The bytes that it takes to keep `reply`, for a client that asks again because the answer to `command` was lost.
    /// None: it is not kept. Replicas keep replies within [`Limits::reply_bytes`]; for other commands, a client is
    /// told only that they were executed. So a command that only reads needs no kept reply: its client can read again.
    ///
    /// The result must be the same on every replica. By default, it is the length of the reply in a snapshot.
    fn remembered(&self, command: &Self::Command, reply: &Self::Reply) -> Option<u64> {
        let _ = command;
        postcard::experimental::serialized_size(reply).ok().map(|size| size as u64)
    }

    /// Returns the state as bytes, which are the same on every replica in the same state. None if the state cannot be
    /// written down; then no process ever forgets its log. It is called between two commands, so it should not take
    /// long: see [`StateMachine::capture`].
    fn snapshot(&self) -> Option<Vec<u8>> {
        None
    }

    /// Captures the state that [`StateMachine::snapshot`] returns, to be written down elsewhere while the machine
    /// continues. A machine with a large state makes this cheap, for example by a map that shares unchanged parts.
    ///
    /// By default, it writes the state down at once, which is good enough if that takes a few milliseconds.
    fn capture(&self) -> Option<Capture> {
        let state = self.snapshot()?;
        Some(Box::new(move |out| out.write_all(&state)))
    }

    /// Replaces its state by the one that [`StateMachine::snapshot`] wrote.
    ///
    /// # Errors
    /// An error if the bytes are invalid, or machines of this kind write none. The process then stops.
    fn restore(&mut self, _state: &[u8]) -> Result<(), RestoreError> {
        Err(RestoreError::Unsupported)
    }

    /// Replaces its state by the one that a [`Capture`] wrote. A machine with a large state reads it piece by piece,
    /// so that it is in memory only once.
    ///
    /// By default, it reads all bytes and passes them to [`StateMachine::restore`].
    ///
    /// # Errors
    /// Errors of [`StateMachine::restore`], and of reading. The process then stops.
    fn restore_from(&mut self, state: &mut dyn Read) -> Result<(), RestoreError> {
        let mut bytes = Vec::new();
        state.read_to_end(&mut bytes)?;
        self.restore(&bytes)
    }
}

/// The size of the result of a change of members, in bytes.
const CHANGED: u64 = 16;

/// The result of executing an entry, which its client is told then and whenever it asks again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Effect<R> {
    /// The machine's reply to a command.
    Reply(R),
    /// The first slot of the new members, or why the change is not made.
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
    /// The answer to the client, if there is one; `now` is the last executed slot.
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

/// The clients that a process answers. The node sets it with each batch that it delivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Answering {
    me: NodeId,
    /// Processes that hear at once what is chosen, so their own clients need no reply message.
    hear: NodeSet,
    everyone_else: bool,
}

impl Answering {
    /// All clients, for an observer of the log that is not a process.
    pub const fn everyone() -> Self {
        Self { me: NodeId(u16::MAX), hear: NodeSet::EMPTY, everyone_else: true }
    }

    pub(crate) fn new(me: NodeId, config: &Config) -> Self {
        let told = config.learning == Learning::Everyone || config.announce != crate::Announce::WithNext;
        let hear = if told { config.all_learners() } else { NodeSet::EMPTY };
        Self { me, hear, everyone_else: false }
    }

    /// Covers the process's own clients, and all others if `everyone_else` is set.
    pub(crate) fn including(self, everyone_else: bool) -> Self {
        Self { everyone_else, ..self }
    }

    pub(crate) fn covers(self, client: ClientId) -> bool {
        client.node == self.me || (self.everyone_else && !self.hear.contains(client.node))
    }
}

/// A state machine with the sessions of its clients. Changes of members go through the same sessions as commands: each
/// is made at most once, and never after its session has expired, and its answer is remembered.
#[derive(Clone, Debug)]
pub struct Replica<S: StateMachine> {
    /// None while the machine takes over a state elsewhere.
    machine: Option<S>,
    sessions: Sessions<Effect<S::Reply>>,
    next: Slot,
    owed: BTreeSet<CommandId>,
    answers: Vec<Reply<S::Reply>>,
    /// The slot of the last snapshot that was requested or taken over.
    written: Slot,
    /// The slot below which a snapshot replaced execution.
    installed: Slot,
    failure: Option<RestoreError>,
}

impl<S: StateMachine> Replica<S> {
    /// Creates a replica with a machine in its initial state. The limits on sessions must be the same at every
    /// process.
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
        self.machine.as_ref().expect("the machine is taking over a state elsewhere")
    }

    /// Whether the machine [takes over](Takeover) a state elsewhere. Meanwhile nothing is executed, captured or read.
    pub fn is_away(&self) -> bool {
        self.machine.is_none()
    }

    /// The first slot that is not executed.
    pub fn next(&self) -> Slot {
        self.next
    }

    /// Returns the executed state and the client sessions as a snapshot in memory. None if the machine has no
    /// snapshots.
    pub fn snapshot(&self) -> Option<Snapshot> {
        self.capture(Vec::new())?.write_down().ok()
    }

    fn capture(&self, membership: Vec<u8>) -> Option<Captured> {
        let machine = self.machine.as_ref()?.capture()?;
        Some(Captured { next: self.next, machine, sessions: self.sessions.encode(), membership })
    }

    /// Captures the state, with the members, if `every` slots were executed since the last time. 0: never.
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

    /// Takes over the state of a snapshot, from another replica or an earlier incarnation of this one. A state that is
    /// not newer than its own changes nothing.
    ///
    /// # Errors
    /// An error if the state of the machine or its sessions cannot be read. The replica then executes nothing more.
    pub fn install(&mut self, snapshot: &Snapshot) -> Result<(), RestoreError> {
        match self.take_over(snapshot) {
            Some(takeover) => self.taken_over(takeover.run()),
            None => Ok(()),
        }
    }

    /// As [`Replica::install`], for a caller that reads the state where nothing waits for it. None if the state is not
    /// newer than the replica's own, or if another takeover is in progress.
    pub fn take_over(&mut self, snapshot: &Snapshot) -> Option<Takeover<S>> {
        let machine = if snapshot.next() > self.next { self.machine.take()? } else { return None };
        Some(Takeover { machine, snapshot: snapshot.clone() })
    }

    /// Takes back the machine with the state that it took over.
    ///
    /// # Errors
    /// Errors of [`Replica::install`].
    pub fn taken_over(&mut self, taken: TakenOver<S>) -> Result<(), RestoreError> {
        let TakenOver { machine, next, sessions } = taken;
        self.machine = Some(machine);
        let taken = sessions.and_then(|sessions| self.go_on(next, &sessions));
        self.failure = taken.clone().err();
        taken
    }

    /// Continues at `next` with the machine's new state.
    fn go_on(&mut self, next: Slot, sessions: &[u8]) -> Result<(), RestoreError> {
        self.sessions = self.sessions.decode(sessions)?;
        self.next = next;
        (self.written, self.installed) = (self.next, self.next);
        // Clients that wait for an answer to something executed meanwhile get it now.
        for id in std::mem::take(&mut self.owed) {
            self.recall(id);
        }
        Ok(())
    }

    /// The slot below which a snapshot that was taken over replaced execution.
    pub fn installed(&self) -> Slot {
        self.installed
    }

    /// The reason why it has stopped: it could not read a snapshot that it had to take over.
    pub fn failure(&self) -> Option<&RestoreError> {
        self.failure.as_ref()
    }

    /// Executes what is decided, except slots that were executed before. After a [`Replica::failure`], it does
    /// nothing.
    ///
    /// # Panics
    /// If a slot is missing between the last call and this one, or if the members were delivered for a slot other than
    /// the next one here: node and replica must start from the same snapshot.
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
        change: &Reconfiguration,
        answering: Answering,
        members: Option<&mut Epochs>,
    ) {
        let owed = self.owed.remove(&id);
        let make = || members.map_or(Err(Unchangeable::Fixed), |members| members.note(slot, change));
        // The result of a change is of a fixed, small size.
        let found = self.sessions.enter(slot, id, || (Effect::Change(make()), Some(CHANGED)));
        if answering.covers(id.client) || owed {
            self.answers.extend(found.answer(id, slot));
        }
    }

    /// Handles a client that asks again: answers from its session, or when the command is executed.
    pub fn recall(&mut self, id: CommandId) {
        let found = self.sessions.find(id);
        match found {
            Found::Reply(..) | Found::NotKept(_) | Found::Expired(_) => {
                self.answers.extend(found.answer(id, self.next.minus(1)));
            }
            Found::New => {
                // A client has at most a window of commands open, so nobody waits for the oldest command beyond that.
                if self.owed.len() >= 16 * self.sessions.window {
                    self.owed.pop_first();
                }
                self.owed.insert(id);
            }
            Found::Forgotten => {}
        }
    }

    /// Whether there are answers to fetch.
    pub fn has_answers(&self) -> bool {
        !self.answers.is_empty()
    }

    /// The answers since the last call, for [`crate::Node::answer`].
    pub fn answers(&mut self) -> std::vec::Drain<'_, Reply<S::Reply>> {
        self.answers.drain(..)
    }
}

/// A state machine and the snapshot that it is to take over. [Run](Takeover::run) it where nothing waits for it.
#[must_use = "the replica executes nothing before the machine is back"]
#[derive(Debug)]
pub struct Takeover<S> {
    machine: S,
    snapshot: Snapshot,
}

/// A state machine that has taken over a snapshot, or failed to. Pass it to [`Replica::taken_over`].
#[must_use = "the replica executes nothing before the machine is back"]
#[derive(Debug)]
pub struct TakenOver<S> {
    machine: S,
    next: Slot,
    /// The encoded client sessions of the snapshot.
    sessions: Result<Bytes, RestoreError>,
}

impl<S: StateMachine> Takeover<S> {
    /// Takes over the snapshot. The time grows with the state.
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
