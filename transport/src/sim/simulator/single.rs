//! A run taken one event at a time, with its messages under way: for those who look at it as it goes, and meddle.

use super::Sim;
use super::queue::Happening;
use crate::sim::Fault;
use crate::sim::facts::label;
use crate::sim::invariants::Violation;
use core::time::Duration;
use paxos_core::{Entry, Kind, Message, NodeId, Protocol, StateMachine, Time, Write};

/// One event of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// The message of this number arrived; at a process that is down, it is lost.
    Arrived(u64),
    /// A process was woken, as it had asked for.
    Woken(NodeId),
    /// The disk of a process finished what it was writing.
    Written(NodeId),
    /// A process finished something else that takes time: it served messages, or wrote down its state.
    Finished(NodeId),
    /// A planned fault, of this kind and at this process.
    Failed(Fault),
    /// A planned command or read, at this process.
    Asked(NodeId),
}

/// A message under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InFlight {
    /// Its number: no other event of the run has it.
    pub number: u64,
    /// The sender.
    pub from: NodeId,
    /// The receiver.
    pub to: NodeId,
    /// When it arrives.
    pub due: Time,
    /// Its kind.
    pub kind: Kind,
    /// What it says, in few words.
    pub label: String,
}

impl<P, S> Sim<P, S>
where
    P: Protocol,
    S: StateMachine<Command = P::Value, Reply = P::Reply>,
{
    /// Lets every process that has something to do now have its turn: at the start of a run, and after a command or a
    /// fault from outside. Nothing arrives meanwhile.
    ///
    /// # Errors
    /// The first breach of an invariant.
    pub fn settle(&mut self) -> Result<(), Violation> {
        for at in std::mem::take(&mut self.awake) {
            self.processes[at].act(&mut self.out);
        }
        self.verdict()
    }

    /// Takes the next event alone, and lets the process that it concerns have its turn; none if nothing is left to
    /// happen. Events that change nothing are passed over.
    ///
    /// [`Sim::run_until`] takes all events of one moment together. Here they come one after the other: that is another
    /// order in which a network may deliver, so the two ways make different runs.
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
                // Its process had nothing to do then, or is not what it was when this was arranged.
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

    /// When the next event is due, if there is one. It may turn out to change nothing.
    pub fn next_due(&self) -> Option<Time> {
        self.out.queue.next_time()
    }

    /// Lets time pass until `at`, if nothing is due before.
    pub fn pass(&mut self, at: Time) {
        let due = self.next_due().unwrap_or(at);
        self.out.now = self.out.now.max(at.min(due));
    }

    /// The messages under way, in the order in which they arrive.
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

    /// The message of this number gets lost on its way; whether it was under way.
    pub fn drop_message(&mut self, number: u64) -> bool {
        self.is_under_way(number) && self.out.queue.take(number).is_some()
    }

    /// The message of this number arrives so much later; whether it was under way.
    pub fn delay_message(&mut self, number: u64, by: Duration) -> bool {
        if !self.is_under_way(number) {
            return false;
        }
        let Some((at, happening)) = self.out.queue.take(number) else { return false };
        self.out.queue.put_back(at.after(by), number, happening);
        true
    }

    /// The message of this number arrives twice, at the same time; whether it was under way.
    pub fn duplicate_message(&mut self, number: u64) -> bool {
        let twin = self.out.queue.iter().find_map(|(at, found, happening)| {
            let Happening::Arrive { to, from, message, shown } = happening else { return None };
            (found == number).then(|| (at, *to, *from, message.clone(), *shown))
        });
        let Some((at, to, from, message, shown)) = twin else { return false };
        // Whoever asks twice is told of one end only.
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

    /// What `node` has given to its disk to write and is not there yet, in order. A crash loses it, or a part of it.
    pub fn unwritten(&self, node: NodeId) -> impl Iterator<Item = &Write<P>> {
        self.process(node).into_iter().flat_map(|process| process.disk.unfinished())
    }

    /// Whether the disk of `node` finishes nothing until it is started again.
    pub fn disk_is_stopped(&self, node: NodeId) -> bool {
        self.process(node).is_some_and(|process| process.disk.is_stopped())
    }

    /// Whether `node` is halted.
    pub fn is_paused(&self, node: NodeId) -> bool {
        self.process(node).is_some_and(|process| process.paused)
    }
}
