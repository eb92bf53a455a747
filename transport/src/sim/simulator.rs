//! The simulator: the processes, their environment, and the clock that they share.

mod act;
mod amnesia;
mod commands;
mod history;
mod leadership;
mod outside;
mod process;
mod queue;
mod reads;
mod run;
mod single;

pub use commands::{Answered, Submitted};
pub use outside::{Fate, Post};
pub use reads::{Reading, Seen, Unread};
pub use single::{Event, InFlight};

use crate::sim::invariants::{Ledger, Violation};
use crate::sim::trace::Trace;
use crate::sim::{Chance, Counts, Fault, Harm, Links, Steps, World};
use commands::Commands;
use core::fmt;
use core::time::Duration;
use outside::{Carrier, Outside};
use paxos_core::{
    Change, CommandId, Node, NodeId, Overloaded, Protocol, Setup, Slot, Snapshot, StateMachine, Time, Unasked,
};
use process::Process;
use queue::{Happening, Queue};
use reads::Readings;
use std::collections::{BTreeMap, BTreeSet};

/// Why a run stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stop {
    /// The condition that the caller waited for holds.
    Done,
    /// Nothing is left to happen.
    Quiet,
    /// The virtual time is up.
    Time,
    /// The world's limit of events is reached: either some events repeat for ever, or [`super::Limit::events`] is too
    /// low.
    Events,
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Done => "done",
            Self::Quiet => "nothing is left to happen",
            Self::Time => "the virtual time is up",
            Self::Events => "the limit of events is reached",
        })
    }
}

/// Why a command was not submitted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Unsubmitted {
    /// The process does not exist, or is down.
    #[error("process {0} is not up; restart it, or add it to the world's clients")]
    Down(NodeId),
    /// Its client has too many unanswered commands.
    #[error(transparent)]
    Overloaded(#[from] Overloaded),
    /// The change of members cannot be requested.
    #[error(transparent)]
    Unasked(#[from] Unasked),
}

/// A cluster in virtual time.
pub struct Sim<P: Protocol, S: StateMachine<Command = P::Value, Reply = P::Reply>> {
    world: World<P>,
    machine: Box<dyn FnMut(NodeId) -> S>,
    ids: Vec<NodeId>,
    processes: Vec<Process<P, S>>,
    out: Outside<P>,
    /// The processes that have something to do now.
    awake: BTreeSet<usize>,
    events: u64,
    unsubmitted: u64,
}

impl<P, S> Sim<P, S>
where
    P: Protocol,
    S: StateMachine<Command = P::Value, Reply = P::Reply>,
{
    /// Starts every process at time 0. `machine` makes the state machine of each process, at the start and after each
    /// restart.
    pub fn new(world: World<P>, mut machine: impl FnMut(NodeId) -> S + 'static) -> Self {
        let ids = world.processes();
        let build = |id: &NodeId| {
            let setup = Setup { id: *id, config: world.config.clone(), options: world.options.clone() };
            Process::new(setup, world.drift.get(id).copied().unwrap_or(0), world.stores, machine(*id))
        };
        let processes: Vec<_> = ids.iter().map(build).collect();
        let mut queue = Queue::new();
        for (at, fault) in &world.faults.plan {
            queue.push(*at, Happening::Fault(*fault));
        }
        let mut links = world.links.clone();
        links.cuts.extend(world.faults.cuts.iter().cloned());
        let out = Outside {
            now: Time::default(),
            queue,
            links,
            frame: world.frame.clone(),
            weather: Chance::new(world.seed, 0),
            disk: world.disk,
            syncs: world.syncs.clone(),
            service: world.service,
            spent: Duration::ZERO,
            platter: Chance::new(world.seed, 1),
            counts: Counts::default(),
            harm: Harm::default(),
            carrier: None,
            ledger: world.check.then(|| Ledger::new(&world.config)),
            trace: world.trace.then(|| Trace { nodes: ids.clone(), rows: Vec::new() }),
            steps: world.steps.then(Steps::default),
            breach: None,
            commands: Commands::new(),
            reads: Readings::default(),
            queries: Vec::new(),
            jumps: 0,
            heard: BTreeMap::new(),
        };
        Self {
            awake: (0..processes.len()).collect(),
            machine: Box::new(machine),
            world,
            ids,
            processes,
            out,
            events: 0,
            unsubmitted: 0,
        }
    }

    /// Passes every message to `carrier` before it leaves.
    pub fn set_carrier(&mut self, carrier: impl FnMut(&mut Post<P>) -> Fate + 'static) {
        let carrier: Carrier<P> = Box::new(carrier);
        self.out.carrier = Some(carrier);
    }

    /// The settings of the run.
    pub const fn world(&self) -> &World<P> {
        &self.world
    }

    /// The links, which may be changed during the run.
    pub const fn links_mut(&mut self) -> &mut Links {
        &mut self.out.links
    }

    /// The virtual time.
    pub const fn now(&self) -> Time {
        self.out.now
    }

    /// The ids of all processes, in order.
    pub fn ids(&self) -> &[NodeId] {
        &self.ids
    }

    fn at(&self, node: NodeId) -> Option<usize> {
        self.ids.binary_search(&node).ok()
    }

    fn process(&self, node: NodeId) -> Option<&Process<P, S>> {
        self.processes.get(self.at(node)?)
    }

    /// A process's node.
    pub fn node(&self, node: NodeId) -> Option<&Node<P>> {
        Some(&self.process(node)?.node)
    }

    /// A process's state machine; `None` while it takes over a state.
    pub fn machine(&self, node: NodeId) -> Option<&S> {
        let replica = &self.process(node)?.replica;
        (!replica.is_away()).then(|| &replica.machine().machine)
    }

    /// Whether a process is up, even if paused.
    pub fn is_up(&self, node: NodeId) -> bool {
        self.process(node).is_some_and(|p| p.up)
    }

    /// The records on a process's disk.
    pub fn disk(&self, node: NodeId) -> &[P::Record] {
        self.process(node).map_or(&[], |p| &p.disk.records)
    }

    /// The snapshot on a process's disk, which precedes its records.
    pub fn snapshot(&self, node: NodeId) -> Option<&Snapshot> {
        self.process(node)?.disk.snapshot.as_ref()
    }

    /// The number of times that a replica took over another process's snapshot.
    pub const fn jumps(&self) -> u64 {
        self.out.jumps
    }

    /// When a process first knew the chosen entry of `slot`, over all its incarnations.
    pub fn learned(&self, node: NodeId, slot: Slot) -> Option<Time> {
        self.process(node)?.learned.get(slot.index() as usize).copied().flatten()
    }

    /// When a process first executed `slot`, over all its incarnations.
    pub fn applied(&self, node: NodeId, slot: Slot) -> Option<Time> {
        self.process(node)?.applied.get(slot.index() as usize).copied().flatten()
    }

    /// All commands, in order of submission.
    pub fn commands(&self) -> &[Submitted<P::Reply>] {
        &self.out.commands.list
    }

    /// Returns one command.
    pub fn command(&self, id: CommandId) -> Option<&Submitted<P::Reply>> {
        self.out.commands.get(id)
    }

    /// Whether every command submitted or still to be submitted is answered, or abandoned because its client crashed. It
    /// never is once a caller was told that there is no answer ([`Submitted::unanswered`]).
    pub fn all_answered(&self) -> bool {
        self.all_settled() && self.out.commands.unanswered == 0
    }

    /// Whether every command submitted or still to be submitted has ended in some way ([`Submitted::is_settled`]).
    pub fn all_settled(&self) -> bool {
        self.out.commands.open == 0 && self.processes.iter().all(|p| p.script.is_empty())
    }

    /// The number of commands and reads that [`Sim::submit_at`] and [`Sim::read_at`] could not begin, because their
    /// process was down or overloaded.
    pub const fn unsubmitted(&self) -> u64 {
        self.unsubmitted
    }

    /// The number of messages sent since the last [`Sim::reset_counts`].
    pub const fn counts(&self) -> Counts {
        self.out.counts
    }

    /// Resets the counts, which [`super::Answered::sent`] also uses.
    pub fn reset_counts(&mut self) {
        self.out.counts = Counts::default();
    }

    /// What the faults did so far.
    pub const fn harm(&self) -> &Harm {
        &self.out.harm
    }

    /// The events kept for drawing; `None` unless [`World::trace`] is set.
    pub const fn trace(&self) -> Option<&Trace> {
        self.out.trace.as_ref()
    }

    /// The protocol steps; `None` unless [`World::steps`] is set.
    pub const fn steps(&self) -> Option<&Steps> {
        self.out.steps.as_ref()
    }

    /// The data by which the invariants are judged; `None` unless [`World::check`] is set.
    pub const fn ledger(&self) -> Option<&Ledger<P>> {
        self.out.ledger.as_ref()
    }

    /// Checks that no invariant was violated so far.
    ///
    /// # Errors
    /// The first breach.
    pub fn verdict(&self) -> Result<(), Violation> {
        let Some((at, breach)) = &self.out.breach else { return Ok(()) };
        Err(Violation {
            invariant: breach.invariant,
            seed: self.world.seed,
            at: *at,
            message: breach.message.clone(),
            replay: self.world.replay.clone(),
        })
    }

    /// Submits a command now, at the client of `node`.
    ///
    /// # Errors
    /// If the process is not up, or its client has too many unanswered commands.
    pub fn submit(&mut self, node: NodeId, value: P::Value) -> Result<CommandId, Unsubmitted> {
        let at = self.at(node).filter(|at| self.processes[*at].up).ok_or(Unsubmitted::Down(node))?;
        let id = self.processes[at].submit(&mut self.out, value)?;
        self.awake.insert(at);
        Ok(id)
    }

    /// Submits a change of members now, at the client of `node`, as [`Node::submit_change`].
    ///
    /// # Errors
    /// If the process is not up, its client has too many unanswered commands, or it refuses to request the change.
    pub fn change(&mut self, node: NodeId, change: Change) -> Result<CommandId, Unsubmitted> {
        self.submit_change(node, change, false)
    }

    /// Submits a change of members now, at the client of `node`, as [`Node::force_change`].
    ///
    /// # Errors
    /// If the process is not up, or its client has too many unanswered commands.
    pub fn force_change(&mut self, node: NodeId, change: Change) -> Result<CommandId, Unsubmitted> {
        self.submit_change(node, change, true)
    }

    fn submit_change(&mut self, node: NodeId, change: Change, force: bool) -> Result<CommandId, Unsubmitted> {
        let at = self.at(node).filter(|at| self.processes[*at].up).ok_or(Unsubmitted::Down(node))?;
        let id = self.processes[at].change(&mut self.out, change, force)?;
        self.awake.insert(at);
        Ok(id)
    }

    /// Submits a command at a future time, if that is possible then; see [`Sim::unsubmitted`].
    pub fn submit_at(&mut self, at: Time, node: NodeId, value: P::Value) {
        self.out.queue.push(at.max(self.out.now), Happening::Submit(node, value));
    }

    /// Lets the client of `node` submit these values one after the other, each as soon as fewer than `in_flight`
    /// commands are unanswered.
    pub fn submit_in_turn(
        &mut self,
        node: NodeId,
        in_flight: usize,
        values: impl IntoIterator<Item = P::Value>,
    ) {
        let Some(at) = self.at(node) else { return };
        let process = &mut self.processes[at];
        process.script.extend(values);
        process.in_flight = in_flight.max(1);
        process.go_on(&mut self.out);
        self.awake.insert(at);
    }

    /// Schedules a fault.
    pub fn fail_at(&mut self, at: Time, fault: Fault) {
        self.out.queue.push(at.max(self.out.now), Happening::Fault(fault));
    }
}
