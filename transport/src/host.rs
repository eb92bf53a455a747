//! The host: drives a node with the real clock, a carrier and a store.
//!
//! ```text
//!   handles ──▶ requests ─┐                        ┌─▶ messages, answers ──▶ carrier, handles
//!   carrier ──▶ messages ─┼─▶ step, step … ready ──┼─▶ what is chosen ─────▶ state machine
//!   clock ────▶ timeout ──┤                        └─▶ writes ─┐
//!             ┌─ durable ─┘                                    │
//!             └──────────── store: all that waits, one sync ◀──┘
//! ```
//!
//! One task does all of this in turns, except for two jobs: the store has its own task, and so does writing down a
//! state for a snapshot. A turn takes in everything that waits. While the store writes, the process continues: it
//! answers, votes, learns, and sends what does not rest on that write. The slower the disk, the larger the next
//! write. Beyond fixed bounds, messages are lost (nodes send them again) and requests are refused.

mod change;
mod cluster;
mod disk;
mod error;
mod notices;
pub(crate) mod open;
mod reads;
mod replicated;
mod stages;
mod trace;
mod transfer;
mod waiters;

pub use change::{ChangeError, LeaveError};
pub use cluster::MemoryCluster;
pub(crate) use disk::on_thread;
pub use error::{HostError, ProposeError, ReadFailure, Stopped};
pub use reads::Seen;
pub use replicated::{HostStatus, Replicated};
pub use stages::Stages;
pub use trace::TraceOut;
pub use transfer::TransferError;

use crate::carrier::Transport;
use crate::uptime::Uptime;
use change::Changes;
use core::future::ready;
use core::ops::ControlFlow;
use core::pin::Pin;
use core::time::Duration;
use disk::{Beside, Carried, Pace, Porter, Scribe, Writer, Written};
use notices::Notices;
use paxos_core::{
    Amount, CommandId, Envelope, Event, Former, Incarnation, Membership, Node, NodeId, NodeSet, Protocol,
    Replica, Settled, StateMachine, Status, TakenOver, Time, Value,
};
use reads::WaitingReads;
use replicated::Ask;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, Sleep, sleep_until};
use waiters::Waiters;

/// Tells a node the time: how long the process has been running, including the time when its machine was suspended.
struct Clock {
    uptime: Uptime,
    alarm: Pin<Box<Sleep>>,
}

impl Clock {
    fn new() -> Self {
        let uptime = Uptime::new();
        let alarm = Box::pin(sleep_until(uptime.start()));
        Self { uptime, alarm }
    }

    fn now(&self) -> Time {
        Time(0).after(self.uptime.elapsed())
    }

    /// Waits until `deadline`, or for ever if there is none. It may return early.
    async fn reach(&mut self, deadline: Option<Time>) {
        let Some(at) = deadline.and_then(|at| self.uptime.instant(Duration::from_nanos(at.0))) else {
            return core::future::pending().await;
        };
        // Deadlines move into the future with almost every message. An occasional early wake-up costs less than
        // resetting the alarm each time.
        if at < self.alarm.deadline() || self.alarm.is_elapsed() {
            self.alarm.as_mut().reset(at);
        }
        self.alarm.as_mut().await;
    }
}

/// The host's ends of the channels that connect it to its handles.
type Ends<P, S> = (mpsc::Receiver<Ask<P, S>>, watch::Sender<Status>, watch::Sender<(Membership, NodeSet)>);

/// How long a process that ends waits for its disk, for all work on it together.
const DISK_PATIENCE: Duration = Duration::from_secs(4);

/// A node with everything that it needs to run.
struct Host<P: Protocol, S: StateMachine> {
    id: NodeId,
    node: Node<P>,
    replica: Replica<S>,
    transport: Box<dyn Transport<P>>,
    writer: Writer<P>,
    scribe: Scribe,
    porter: Porter,
    takeover: Beside<TakenOver<S>>,
    /// The identity of the store, its current incarnation, and the number of its writes.
    store: Option<Incarnation>,
    /// The starts that it remembers.
    former: Former,
    pace: Pace,
    notices: Notices,
    /// The number of writes that became durable, and the total time that they took.
    written: (u64, Duration),
    clock: Clock,
    requests: mpsc::Receiver<Ask<P, S>>,
    waiters: Waiters<P::Reply>,
    changes: Changes,
    reads: WaitingReads<S>,
    status: watch::Sender<Status>,
    /// The members, and the processes that were removed.
    members: watch::Sender<(Membership, NodeSet)>,
    inbox: Vec<Event<P>>,
    asked: Vec<Ask<P, S>>,
    outbox: Vec<Envelope<P>>,
    answers: Vec<Settled<P::Reply>>,
    trace: Option<TraceOut>,
}

impl<P, S> Host<P, S>
where
    P: Protocol,
    S: StateMachine<Command = P::Value, Reply = P::Reply> + Send + 'static,
{
    /// Runs until it is told to stop, until no handle is left, or until the carrier or the store fails. Callers that
    /// wait for an answer then learn that the outcome is unknown, since `waiters` is dropped.
    async fn run(mut self) -> Result<(), HostError> {
        let ended = self.turns().await;
        if ended.is_ok() {
            // Whoever starts from this disk knows what was known here.
            self.node.write_known();
        }
        // Also what the process was told about its disk.
        if matches!(ended, Ok(()) | Err(HostError::Forgot(_)))
            && let Some(write) = self.node.ready().append()
        {
            self.writer.begin(write);
        }
        let (scribe, porter, writer) = self.into_disk();
        let closed = match disk::close(writer, porter, scribe, DISK_PATIENCE).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(HostError::Hung),
            Err(error) => Err(error.into()),
        };
        ended.and(closed)
    }

    /// Drops everything but the store, so that callers who wait for an answer do not wait for the disk.
    fn into_disk(self) -> (Scribe, Porter, Writer<P>) {
        (self.scribe, self.porter, self.writer)
    }

    async fn turns(&mut self) -> Result<(), HostError> {
        loop {
            if let Some(amnesia) = self.node.amnesia() {
                return Err(HostError::Forgot(amnesia));
            }
            while let Some(amnesia) = self.node.noticed() {
                tracing::error!("{amnesia}");
            }
            self.settle().await?;
            self.gather().await?;
            if self.take_in().is_break() {
                return Ok(());
            }
        }
    }

    /// Does what follows from the events so far, without waiting for the disk. What rests on a write follows later.
    async fn settle(&mut self) -> Result<(), HostError> {
        loop {
            let mut ready = self.node.ready();
            self.outbox.extend(ready.messages());
            while let Some(write) = ready.write() {
                if let Some(snapshot) = write.snapshot() {
                    self.notices.installed(snapshot.next(), snapshot.id().length);
                }
                self.writer.begin(write);
            }
            self.porter.take(&mut ready);
            if let Some(takeover) = ready.take_over(&mut self.replica) {
                self.takeover.begin("paxos-takeover", || takeover.run())?;
            }
            let known = Instant::now();
            if let Some(captured) = ready.advance(&mut self.replica) {
                self.scribe.begin(captured);
            }
            if let Some(failure) = self.replica.failure() {
                return Err(failure.clone().into());
            }
            while !self.replica.is_away()
                && let Some(readable) = ready.readable()
            {
                self.reads.answer(readable, self.replica.machine());
            }
            self.answers.extend(ready.outcomes());
            self.outbox.extend(ready.messages());
            if let Some(trace) = &mut self.trace {
                trace.executed(self.id, self.node.chosen(), &self.replica);
                trace.said(self.id, &self.outbox);
            }
            for changed in self.node.changes() {
                self.waiters.changed(changed);
            }
            while let Some((id, why)) = self.node.ended_read() {
                self.reads.refuse(id, why);
            }
            while let Some((from, kind)) = self.node.disbelieved() {
                let kind = kind.name();
                tracing::warn!(peer = %from, kind, "ignores messages that contain an impossible number");
            }
            // Publish first: an answered caller must find a status that is as new as the answer.
            self.publish();
            for settled in self.answers.drain(..) {
                self.waiters.answer(settled, known);
            }
            if !self.outbox.is_empty() {
                self.transport.send(&mut self.outbox).await?;
            }
            if !self.node.is_ready() {
                return Ok(());
            }
        }
    }

    /// Handles durable writes, and lets the node do what rests on them.
    fn take_written(&mut self, written: Written<P>) {
        let Written { mut writes, took } = written;
        self.written = (self.written.0 + writes.len() as u64, self.written.1.saturating_add(took));
        if let Some(slow) = self.pace.wrote(took, Instant::now()) {
            tracing::warn!("{slow}");
        }
        if let Some(store) = &mut self.store {
            // Update the mark before anything that rests on these writes is sent.
            store.mark.writes += 1;
            self.node.tell_store(*store, &self.former);
            self.transport.introduce(*store, &self.former);
        }
        if let Some(trace) = &mut self.trace {
            // The records of a snapshot's write are the rest of the log, so they are not new.
            for write in writes.iter().filter(|write| write.snapshot().is_none()) {
                trace.wrote::<P>(self.id, write.records());
            }
        }
        // Writes are in order, so the last receipt covers all of them.
        if let Some(last) = writes.pop() {
            self.node.durable(last.durable());
        }
    }

    /// Waits until something happens, and gathers everything that has happened.
    async fn gather(&mut self) -> Result<(), HostError> {
        let (at_once, deadline) = (self.requests.max_capacity(), self.deadline());
        tokio::select! {
            received = self.transport.recv(&mut self.inbox) => received?,
            asked = self.requests.recv_many(&mut self.asked, at_once) => if asked == 0 {
                // The last handle was dropped.
                self.asked.push(Ask::Stop);
            },
            written = self.writer.done() => {
                let written = written?;
                self.take_written(written);
            }
            snapshot = self.scribe.done() => {
                if let Some(snapshot) = snapshot? {
                    self.notices.taken(snapshot.next(), snapshot.id().length);
                    self.node.written_down(snapshot);
                } else {
                    self.node.not_written_down();
                }
            }
            carried = self.porter.done() => match carried? {
                Carried::Kept(piece) => self.node.kept(&piece),
                Carried::Fetched(id, snapshot) => self.node.fetched(id, snapshot),
                Carried::Read(wanted, bytes) => self.node.lend(&wanted, bytes),
            },
            taken = self.takeover.done() => {
                self.replica.taken_over(taken.ok_or(HostError::Panicked)?)?;
            }
            () = self.clock.reach(deadline) => {}
        }
        // Other tasks that can run now may have requests as well; yielding puts them all into one batch. Without
        // this, a host on one thread whose callers run on another wakes up for each command.
        tokio::task::yield_now().await;
        tokio::select! {
            biased;
            received = self.transport.recv(&mut self.inbox) => received?,
            () = ready(()) => {}
        }
        while let Some(written) = self.writer.try_done() {
            self.take_written(written?);
        }
        while self.asked.len() < at_once
            && let Ok(ask) = self.requests.try_recv()
        {
            self.asked.push(ask);
        }
        Ok(())
    }

    /// Passes the gathered events and requests to the node.
    fn take_in(&mut self) -> ControlFlow<()> {
        let (now, taken) = (self.clock.now(), Instant::now());
        let longest = self.transport.longest_message();
        for event in self.inbox.drain(..) {
            self.node.step(now, event);
        }
        if self.node.deadline().is_some_and(|at| at <= now) {
            self.node.step(now, Event::Timeout);
            self.reads.sweep(now, &mut self.node);
        }
        for ask in self.asked.drain(..) {
            match ask {
                // The caller gave up while the request waited.
                Ask::Propose(_, waiter) if waiter.is_gone() => {}
                Ask::Propose(value, waiter) => match propose(&mut self.node, longest, now, value) {
                    Ok(id) => self.waiters.wait(id, waiter, taken),
                    Err(error) => waiter.refuse(error),
                },
                Ask::Read(_, query) if query.is_gone() => {}
                Ask::Read(consistency, query) => {
                    let mut read = self.node.read(now, consistency);
                    if read.is_err() && self.reads.give_up(&mut self.node) {
                        read = self.node.read(now, consistency);
                    }
                    match read {
                        Ok(id) => self.reads.wait(id, query),
                        Err(error) => query.answer(Err(error)),
                    }
                }
                // Sending fails only if the caller has gone away; that is fine.
                Ask::MayStop(id, answer) => drop(answer.send(self.node.may_stop(id))),
                Ask::Status(answer) => {
                    let stalled = self.node.status().disk.since.map(|since| now.since(since));
                    let (writes, writing) = self.written;
                    let surroundings = self.node.surroundings();
                    let stages = self.waiters.stages();
                    drop(answer.send(HostStatus { surroundings, writes, writing, stalled, stages }));
                }
                Ask::Transfer(to, answer) => drop(answer.send(self.node.transfer(now, to))),
                Ask::Change(change, waiter) => {
                    let timeouts = &self.node.setup().config.timeouts;
                    self.changes.take(now, timeouts, change, waiter);
                }
                Ask::ForceChange(change, waiter) => match self.node.force_change(now, change) {
                    Ok(id) => self.waiters.wait_for_change(id, waiter),
                    Err(unasked) => _ = waiter.send(Err(unasked.into())),
                },
                Ask::Stop => return ControlFlow::Break(()),
            }
        }
        self.changes.ask(now, &mut self.node, &mut self.waiters);
        ControlFlow::Continue(())
    }

    /// The time of the next timeout, if any.
    fn deadline(&self) -> Option<Time> {
        self.node.deadline().into_iter().chain(self.changes.deadline()).min()
    }

    fn publish(&mut self) {
        let mut new = self.node.status();
        // A snapshot counts as applied only when the machine has taken it over.
        new.applied = new.applied.min(self.replica.next());
        self.notices.compare(self.clock.now(), &self.node, &new);
        self.status.send_if_modified(|status| core::mem::replace(status, new) != new);
        if let Some(epochs) = self.node.chosen().epochs() {
            let new = (epochs.current().members, epochs.retired());
            self.notices.members(new);
            self.members.send_if_modified(|members| core::mem::replace(members, new) != new);
        }
    }
}

/// Submits a command if a message of at most `longest` bytes can carry it by itself.
fn propose<P: Protocol>(
    node: &mut Node<P>,
    longest: Option<usize>,
    now: Time,
    value: P::Value,
) -> Result<CommandId, ProposeError> {
    let bytes = value.bytes();
    let alone = Amount { count: 1, bytes };
    match longest.filter(|longest| *longest < alone.longest()) {
        Some(longest) => Err(ProposeError::TooLarge { bytes, longest }),
        None => Ok(node.submit(now, value)?),
    }
}
