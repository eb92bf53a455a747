//! One simulated process: its node, its replica, its disk and its clock.

mod beside;
mod stored;

use beside::Beside;
pub(super) use beside::Job;
pub(super) use stored::Stored;

use core::cell::RefCell;
use core::time::Duration;
use paxos_core::{
    Amnesia, Capture, CommandId, Former, Incarnation, Message, Node, NodeId, Protocol, ReadId, Readable,
    Receipt, Replica, RestoreError, Settled, Setup, Slot, Snapshot, StateMachine, Time,
};
use std::collections::{BTreeMap, VecDeque};
use std::io::Read;

/// A state machine that records its effects.
#[derive(Clone, Debug)]
pub(super) struct Watched<S: StateMachine> {
    pub(super) machine: S,
    /// Each slot with an effect, and the reply.
    effects: RefCell<Vec<(Slot, S::Reply)>>,
}

impl<S: StateMachine> Watched<S> {
    const fn new(machine: S) -> Self {
        Self { machine, effects: RefCell::new(Vec::new()) }
    }

    /// Returns the effects since the last call.
    pub(super) fn effects(&self) -> Vec<(Slot, S::Reply)> {
        self.effects.take()
    }
}

impl<S: StateMachine> StateMachine for Watched<S> {
    type Command = S::Command;
    type Reply = S::Reply;

    fn apply(&mut self, slot: Slot, command: &S::Command) -> S::Reply {
        let reply = self.machine.apply(slot, command);
        self.effects.get_mut().push((slot, reply.clone()));
        reply
    }

    fn remembered(&self, command: &S::Command, reply: &S::Reply) -> Option<u64> {
        self.machine.remembered(command, reply)
    }

    fn snapshot(&self) -> Option<Vec<u8>> {
        self.machine.snapshot()
    }

    fn capture(&self) -> Option<Capture> {
        self.machine.capture()
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), RestoreError> {
        self.machine.restore(state)
    }

    fn restore_from(&mut self, state: &mut dyn Read) -> Result<(), RestoreError> {
        self.machine.restore_from(state)
    }
}

/// What a query makes of a machine.
pub(super) type Answer<S> = Box<dyn FnOnce(&S) -> <S as StateMachine>::Reply>;

/// The store that a process announces with a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Shown {
    /// The number of restarts of the process.
    pub(super) incarnation: u32,
    pub(super) store: Incarnation,
    /// The starts that the store remembers.
    pub(super) former: Former,
}

/// What a process is busy with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Busy {
    No,
    /// The process handles this many of the waiting messages.
    Serving(usize),
    /// The process sends messages and answers reads.
    Answering,
}

/// What a process has learned and executed in this incarnation, as far as recorded.
#[derive(Debug, Default)]
pub(super) struct Noticed {
    pub(super) changes: u64,
    pub(super) below: Slot,
    pub(super) known: Vec<bool>,
    pub(super) applied: Slot,
}

pub(super) struct Process<P: Protocol, S: StateMachine> {
    pub(super) id: NodeId,
    pub(super) node: Node<P>,
    pub(super) replica: Replica<Watched<S>>,
    pub(super) inbox: Vec<(NodeId, Message<P>)>,
    /// The number of writes its disk had made when it started; `None` if it does not announce its store.
    opened: Option<u64>,
    /// The starts that its disk remembers.
    former: Former,
    /// For each other process, its incarnation and the number of its store's writes that it last announced.
    shown: BTreeMap<NodeId, (u32, u64)>,
    /// The latest of these states before the last restart. Messages from before them came over connections that a
    /// restart ends.
    shown_before: BTreeMap<NodeId, (u32, u64)>,
    /// Announced stores, each with the number of waiting messages that precede it.
    pub(super) showing: VecDeque<(usize, NodeId, Incarnation, Former)>,
    /// Whether its disk lost data, or holds another process's data.
    pub(super) has_forgotten: bool,
    /// Why it stopped, if it learned that it has forgotten something.
    pub(super) amnesia: Option<Amnesia>,
    pub(super) up: bool,
    pub(super) paused: bool,
    pub(super) busy: Busy,
    /// The number of restarts.
    pub(super) incarnation: u32,
    /// When it will be woken.
    pub(super) wake: Option<Time>,
    pub(super) disk: Stored<P>,
    /// The last copy of its disk.
    pub(super) copied: Option<Stored<P>>,
    /// Its work beside the turns.
    pub(super) beside: Beside<S>,
    /// The receipt of a durable write that it has not noticed yet.
    pub(super) receipt: Option<Receipt<P>>,
    /// By how much its clock is fast, in millionths.
    pub(super) drift: i32,
    /// Since when its clock has been stopped.
    pub(super) stopped: Option<Time>,
    /// How long its clock was stopped before, in nanoseconds.
    lost: u64,
    /// By how much its clock has jumped ahead, in nanoseconds.
    pub(super) ahead: u64,
    /// The time that it takes for each received message, if that is longer than others take.
    pub(super) each: Duration,
    /// The commands that its client has yet to submit.
    pub(super) script: VecDeque<P::Value>,
    /// The number of commands of the script that may be in flight.
    pub(super) in_flight: usize,
    /// The number of unanswered commands of its client.
    pub(super) open: usize,
    /// The replies since the last turn, with their senders.
    pub(super) heard: Vec<(CommandId, NodeId)>,
    pub(super) outcomes: Vec<Settled<P::Reply>>,
    pub(super) readable: Vec<Readable>,
    /// What queries make of its machine when they may be answered.
    pub(super) reads: BTreeMap<ReadId, Answer<S>>,
    pub(super) noticed: Noticed,
    /// When it first knew each slot, over all its incarnations.
    pub(super) learned: Vec<Option<Time>>,
    /// When it first executed each slot, over all its incarnations.
    pub(super) applied: Vec<Option<Time>>,
}

impl<P, S> Process<P, S>
where
    P: Protocol,
    S: StateMachine<Command = P::Value, Reply = P::Reply>,
{
    pub(super) fn new(setup: Setup<P::Options>, drift: i32, tells_store: bool, machine: S) -> Self {
        let replica = Replica::new(Watched::new(machine), &setup.config.limits);
        let disk = Stored::new(u128::from(setup.id.0) << 96);
        let mut process = Self {
            id: setup.id,
            node: Node::new(setup, Time::default()),
            replica,
            inbox: Vec::new(),
            opened: tells_store.then_some(0),
            former: Former::default(),
            shown: BTreeMap::new(),
            shown_before: BTreeMap::new(),
            showing: VecDeque::new(),
            has_forgotten: false,
            amnesia: None,
            up: true,
            paused: false,
            busy: Busy::No,
            incarnation: 0,
            wake: None,
            disk,
            copied: None,
            beside: Beside::default(),
            receipt: None,
            drift,
            stopped: None,
            lost: 0,
            ahead: 0,
            each: Duration::ZERO,
            script: VecDeque::new(),
            in_flight: 0,
            open: 0,
            heard: Vec::new(),
            outcomes: Vec::new(),
            readable: Vec::new(),
            reads: BTreeMap::new(),
            noticed: Noticed::default(),
            learned: Vec::new(),
            applied: Vec::new(),
        };
        process.introduce();
        process
    }

    /// Tells its node the incarnation and the store of this process.
    fn introduce(&mut self) {
        if self.opened.is_some() {
            self.opened = Some(self.disk.mark.writes);
            self.former = Former::new(&self.disk.starts);
            if let Some(store) = self.store() {
                Former::add(&mut self.disk.starts, store.start());
            }
            self.node.draw(self.incarnation + 1);
        }
        // Processes with odd ids keep pieces beside their turns, so that runs mix both ways.
        if !self.id.0.is_multiple_of(2) {
            self.node.hand_out_pieces();
        }
        self.tell_store();
    }

    fn tell_store(&mut self) {
        if let Some(store) = self.store() {
            self.node.tell_store(store, &self.former);
        }
    }

    /// Its store and its current incarnation.
    fn store(&self) -> Option<Incarnation> {
        Some(Incarnation { mark: self.disk.mark, opened: self.opened?, nonce: self.incarnation + 1 })
    }

    /// Notices a durable write. Returns whether there was one.
    pub(super) fn take_receipt(&mut self) -> bool {
        let Some(receipt) = self.receipt.take() else { return false };
        self.tell_store();
        self.node.durable(receipt);
        true
    }

    /// The store that it announces with the messages that it sends now.
    pub(super) fn shows(&self) -> Option<Shown> {
        Some(Shown { incarnation: self.incarnation, store: self.store()?, former: self.former.clone() })
    }

    /// Receives a message, with the store of its sender. Like a carrier, it never announces an older state of a store
    /// after a newer one, and drops messages of a former incarnation after those of a later incarnation.
    pub(super) fn hear(&mut self, from: NodeId, message: Message<P>, shown: Option<Shown>) {
        if let Some(Shown { incarnation, store, former }) = shown {
            let last = self.shown.get(&from).copied();
            let before = self.shown_before.get(&from).copied();
            if last.is_some_and(|(last, _)| incarnation < last)
                || before > Some((incarnation, store.mark.writes))
            {
                return;
            }
            if last.is_none_or(|(last, writes)| incarnation > last || store.mark.writes > writes) {
                self.shown.insert(from, (incarnation, store.mark.writes));
                self.showing.push_back((self.inbox.len(), from, store, former));
            }
        }
        self.inbox.push((from, message));
    }

    /// Restarts the process from its disk.
    pub(super) fn restart(&mut self, now: Time, machine: S) {
        let setup = self.node.setup().clone();
        self.replica = Replica::new(Watched::new(machine), &setup.config.limits);
        self.incarnation += 1;
        let snapshot = self.disk.snapshot.clone();
        let incarnations = self.disk.open();
        let fresh = incarnations == 0 && snapshot.is_none() && self.disk.records.is_empty();
        let now = self.local(now);
        self.node = if fresh {
            Node::new(setup, now)
        } else {
            Node::restore_from(setup, now, incarnations, snapshot, &self.disk.records)
        };
        self.introduce();
        // The slots below were recorded in a former incarnation.
        let applied = self.disk.snapshot.as_ref().map_or(Slot(0), Snapshot::next);
        self.noticed = Noticed { applied, ..Noticed::default() };
        self.up = true;
        self.amnesia = None;
    }

    /// Stops the process; everything that is not on its disk is lost.
    pub(super) fn crash(&mut self) {
        self.up = false;
        self.busy = Busy::No;
        self.wake = None;
        self.receipt = None;
        self.beside = Beside::default();
        self.open = 0;
        self.inbox.clear();
        self.shown_before.append(&mut self.shown);
        self.showing.clear();
        self.heard.clear();
        self.reads.clear();
    }

    /// Whether the process can act now.
    pub(super) fn is_free(&self) -> bool {
        self.up && !self.paused && self.busy == Busy::No
    }

    fn rate(&self) -> u128 {
        (1_000_000 + i64::from(self.drift)).max(1) as u128
    }

    /// The time on its clock.
    pub(super) fn local(&self, now: Time) -> Time {
        let gone = Time(self.stopped.unwrap_or(now).0.saturating_sub(self.lost).saturating_add(self.ahead));
        if self.drift == 0 {
            return gone;
        }
        Time((u128::from(gone.0) * self.rate() / 1_000_000) as u64)
    }

    /// The first moment at which its clock shows `local`; `None` while the clock is stopped.
    pub(super) fn global(&self, local: Time) -> Option<Time> {
        if self.stopped.is_some() {
            return None;
        }
        let nanos = (u128::from(local.0) * 1_000_000).div_ceil(self.rate());
        let gone = u64::try_from(nanos).unwrap_or(u64::MAX).saturating_sub(self.ahead);
        Some(Time(gone.saturating_add(self.lost)))
    }

    /// Restarts its clock.
    pub(super) fn start_clock(&mut self, now: Time) {
        if let Some(since) = self.stopped.take() {
            self.lost += now.0.saturating_sub(since.0);
        }
    }
}

/// Sets the time of `slot` unless it is set.
pub(super) fn note(times: &mut Vec<Option<Time>>, slot: Slot, now: Time) {
    let at = slot.index() as usize;
    if times.len() <= at {
        times.resize(at + 1, None);
    }
    times[at].get_or_insert(now);
}
