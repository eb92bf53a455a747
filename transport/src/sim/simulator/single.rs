//! Runs a simulation one event at a time and exposes the messages in flight, for tools that watch a run and interfere.

use super::Sim;
use super::queue::Happening;
use crate::sim::Fault;
use crate::sim::facts::label;
use crate::sim::invariants::Violation;
use core::time::Duration;
use paxos_core::{Entry, Kind, Message, NodeId, Protocol, StateMachine, Time, Write};

/// An event of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The message with this number arrived. If its receiver is down, it is lost.
    Arrived(u64),
    /// A process was woken, as it had asked.
    Woken(NodeId),
    /// The disk of a process finished a write.
    Written(NodeId),
    /// A process finished other work that takes time: it served messages, or wrote down its state.
    Finished(NodeId),
    /// A planned fault happened.
    Failed(Fault),
    /// A planned command or read began at this process.
    Asked(NodeId),
}

/// A message in flight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InFlight {
    /// The message's number, which no other event of the run has.
    pub number: u64,
    /// The sender.
    pub from: NodeId,
    /// The receiver.
    pub to: NodeId,
    /// When the message arrives.
    pub due: Time,
    /// The message's kind.
    pub kind: Kind,
    /// A short description of the message.
    pub label: String,
}

impl<P, S> Sim<P, S>
where
    P: Protocol,
    S: StateMachine<Command = P::Value, Reply = P::Reply>,
{
    /// Gives every process with something to do its turn: at the start of a run, and after a command or a fault from
    /// outside. No message arrives meanwhile.
    ///
    /// # Errors
    /// The first breach of an invariant.
    pub fn settle(&mut self) -> Result<(), Violation> {
        for at in std::mem::take(&mut self.awake) {
            self.processes[at].act(&mut self.out);
        }
        self.verdict()
    }

    /// Handles the next event alone, and gives the affected process its turn. Returns `None` if nothing is left to
    /// happen. Events that change nothing are skipped.
    ///
    /// [`Sim::run_until`] handles all events of a moment together. Here they come one by one. A network may deliver
    /// messages in either order, so the two methods make different runs.
    ///
    /// # Errors
    /// The first breach of an invariant.
    pub fn step(&mut self) -> Result<Option<Event>, Violation> {
        self.settle()?;
        while let Some((at, number, happening)) = self.out.queue.pop_next() {
            self.out.now = self.out.now.max(at);
            self.events += 1;
            let event = match &happening {
                Happening::Arrive { .. } => Event::Arrived(number),
                Happening::Wake(id) => Event::Woken(*id),
                Happening::Written(id, _) => Event::Written(*id),
                Happening::Done(id, ..) | Happening::Served(id, _) => Event::Finished(*id),
                Happening::Fault(fault) => Event::Failed(*fault),
                Happening::Submit(id, _) | Happening::Read(id, _) => Event::Asked(*id),
            };
            self.on_happening(happening);
            let idle = self.awake.is_empty();
            self.settle()?;
            match event {
                // Its process had nothing to do, or has changed since the event was scheduled.
                Event::Woken(_) | Event::Written(_) | Event::Finished(_) if idle => {}
                Event::Woken(_)
                | Event::Written(_)
                | Event::Finished(_)
                | Event::Arrived(_)
                | Event::Failed(_)
                | Event::Asked(_) => return Ok(Some(event)),
            }
        }
        Ok(None)
    }

    /// When the next event is due, if there is one. That event may turn out to change nothing.
    pub fn next_due(&self) -> Option<Time> {
        self.out.queue.next_time()
    }

    /// Advances the time to `at`, or to the next event if that is earlier.
    pub fn pass(&mut self, at: Time) {
        let due = self.next_due().unwrap_or(at);
        self.out.now = self.out.now.max(at.min(due));
    }

    /// The messages in flight, in order of arrival.
    pub fn in_flight(&self) -> Vec<InFlight> {
        let arrivals = self.out.queue.iter().filter_map(|(due, number, happening)| match happening {
            Happening::Arrive { to, from, message, .. } => {
                let (kind, label) = (message.kind(), label(message));
                Some(InFlight { number, from: *from, to: *to, due, kind, label })
            }
            Happening::Wake(_)
            | Happening::Written(..)
            | Happening::Done(..)
            | Happening::Served(..)
            | Happening::Fault(_)
            | Happening::Submit(..)
            | Happening::Read(..) => None,
        });
        let mut all: Vec<InFlight> = arrivals.collect();
        all.sort_by_key(|message| (message.due, message.number));
        all
    }

    /// Loses the message with this number. Returns whether it was in flight.
    pub fn drop_message(&mut self, number: u64) -> bool {
        self.is_under_way(number) && self.out.queue.take(number).is_some()
    }

    /// Delays the message with this number by `by`. Returns whether it was in flight.
    pub fn delay_message(&mut self, number: u64, by: Duration) -> bool {
        if !self.is_under_way(number) {
            return false;
        }
        let Some((at, happening)) = self.out.queue.take(number) else { return false };
        self.out.queue.put_back(at.after(by), number, happening);
        true
    }

    /// Makes the message with this number arrive twice, at the same time. Returns whether it was in flight.
    pub fn duplicate_message(&mut self, number: u64) -> bool {
        let twin = self.out.queue.iter().find_map(|(at, found, happening)| {
            let Happening::Arrive { to, from, message, shown } = happening else { return None };
            (found == number).then(|| (at, *to, *from, message.clone(), shown.clone()))
        });
        let Some((at, to, from, message, shown)) = twin else { return false };
        // A refusal of one copy does not mean that the other copy has no effect.
        if let (Some(ledger), Message::Request(request)) = (&mut self.out.ledger, &message) {
            ledger.told().doubled(request.commands.iter().filter_map(Entry::id));
        }
        self.out.queue.push(at, Happening::Arrive { to, from, message, shown });
        true
    }

    fn is_under_way(&self, number: u64) -> bool {
        let arrives = |happening: &Happening<P>| matches!(happening, Happening::Arrive { .. });
        self.out.queue.iter().any(|(_, found, happening)| found == number && arrives(happening))
    }

    /// The writes that `node` has given to its disk and that are not durable, in order. A crash loses some or all of
    /// them.
    pub fn unwritten(&self, node: NodeId) -> impl Iterator<Item = &Write<P>> {
        self.process(node).into_iter().flat_map(|process| process.disk.unfinished())
    }

    /// Whether the disk of `node` is stopped.
    pub fn disk_is_stopped(&self, node: NodeId) -> bool {
        self.process(node).is_some_and(|process| process.disk.is_stopped())
    }

    /// Whether `node` is paused.
    pub fn is_paused(&self, node: NodeId) -> bool {
        self.process(node).is_some_and(|process| process.paused)
    }
}
