//! The future events, in order of time, and of scheduling at equal times.

use super::process::Shown;
use crate::sim::Fault;
use core::cmp::Ordering;
use paxos_core::{Consistency, Message, NodeId, Protocol, Time};
use std::collections::BinaryHeap;

/// A future event.
#[derive(Debug)]
pub(super) enum Happening<P: Protocol> {
    /// A message arrives.
    Arrive { to: NodeId, from: NodeId, message: Message<P>, shown: Option<Shown> },
    /// A process wakes up, as it asked.
    Wake(NodeId),
    /// A process, in this incarnation, finishes its write.
    Written(NodeId, u32),
    /// A process, in this incarnation, finishes the job with this number beside its turns.
    Done(NodeId, u32, u64),
    /// A process, in this incarnation, has handled the messages that it took.
    Served(NodeId, u32),
    /// A process or its disk fails, or recovers.
    Fault(Fault),
    /// A client submits a command.
    Submit(NodeId, P::Value),
    /// A process begins a read.
    Read(NodeId, Consistency),
}

struct Item<P: Protocol> {
    at: Time,
    /// Whether it comes after all others of the same time.
    last: bool,
    number: u64,
    happening: Happening<P>,
}

impl<P: Protocol> PartialEq for Item<P> {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl<P: Protocol> Eq for Item<P> {}

impl<P: Protocol> PartialOrd for Item<P> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<P: Protocol> Ord for Item<P> {
    /// The heap returns the greatest item first, so the earliest must be the greatest.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.last, other.number).cmp(&(self.at, self.last, self.number))
    }
}

pub(super) struct Queue<P: Protocol> {
    items: BinaryHeap<Item<P>>,
    pushed: u64,
}

impl<P: Protocol> Queue<P> {
    pub(super) const fn new() -> Self {
        Self { items: BinaryHeap::new(), pushed: 0 }
    }

    pub(super) fn push(&mut self, at: Time, happening: Happening<P>) {
        self.push_ranked(at, false, happening);
    }

    /// As [`Queue::push`]; with `last`, the event comes after all others of the same time.
    pub(super) fn push_ranked(&mut self, at: Time, last: bool, happening: Happening<P>) {
        self.pushed += 1;
        self.items.push(Item { at, last, number: self.pushed, happening });
    }

    pub(super) fn next_time(&self) -> Option<Time> {
        self.items.peek().map(|item| item.at)
    }

    /// Removes the next event, at whatever time, and returns its time, its number and the event.
    pub(super) fn pop_next(&mut self) -> Option<(Time, u64, Happening<P>)> {
        self.items.pop().map(|Item { at, number, happening, .. }| (at, number, happening))
    }

    /// All future events in no particular order, each with its time and number.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Time, u64, &Happening<P>)> {
        self.items.iter().map(|item| (item.at, item.number, &item.happening))
    }

    /// Removes the event with this number.
    pub(super) fn take(&mut self, number: u64) -> Option<(Time, Happening<P>)> {
        let (mut taken, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.items).into_iter().partition(|item| item.number == number);
        self.items = rest.into();
        taken.pop().map(|Item { at, happening, .. }| (at, happening))
    }

    /// Puts back an event that [`Queue::take`] removed, under its former number.
    pub(super) fn put_back(&mut self, at: Time, number: u64, happening: Happening<P>) {
        self.items.push(Item { at, last: false, number, happening });
    }

    /// Removes the next event that is due at `now` or earlier.
    pub(super) fn pop(&mut self, now: Time) -> Option<Happening<P>> {
        if self.next_time()? > now {
            return None;
        }
        self.items.pop().map(|item| item.happening)
    }
}
