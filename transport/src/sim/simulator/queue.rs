//! What is going to happen, in order of time and, at one time, of arrangement.

use super::process::Shown;
use crate::sim::Fault;
use core::cmp::Ordering;
use paxos_core::{Consistency, Message, NodeId, Protocol, Time};
use std::collections::BinaryHeap;

/// Something that is going to happen.
#[derive(Debug)]
pub(super) enum Happening<P: Protocol> {
    /// A message arrives.
    Arrive { to: NodeId, from: NodeId, message: Message<P>, shown: Option<Shown> },
    /// A process asked to be woken.
    Wake(NodeId),
    /// A process, in this life, is done with its write.
    Written(NodeId, u32),
    /// A process, in this life, has done what it did beside its turns under this number.
    Done(NodeId, u32, u64),
    /// A process, in this life, is done with the messages it took.
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
    /// Whether it is behind all others of that time.
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
    /// The heap gives the greatest first; the earliest is to be that.
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

    /// As [`Queue::push`]; `last`: behind all others of that time.
    pub(super) fn push_ranked(&mut self, at: Time, last: bool, happening: Happening<P>) {
        self.pushed += 1;
        self.items.push(Item { at, last, number: self.pushed, happening });
    }

    pub(super) fn next_time(&self) -> Option<Time> {
        self.items.peek().map(|item| item.at)
    }

    /// The next thing that happens, whenever that is: its time, its number, and what it is.
    pub(super) fn pop_next(&mut self) -> Option<(Time, u64, Happening<P>)> {
        self.items.pop().map(|Item { at, number, happening, .. }| (at, number, happening))
    }

    /// All that is going to happen, in no order: its time, its number, and what it is.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Time, u64, &Happening<P>)> {
        self.items.iter().map(|item| (item.at, item.number, &item.happening))
    }

    /// Takes out what has this number.
    pub(super) fn take(&mut self, number: u64) -> Option<(Time, Happening<P>)> {
        let (mut taken, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.items).into_iter().partition(|item| item.number == number);
        self.items = rest.into();
        taken.pop().map(|Item { at, happening, .. }| (at, happening))
    }

    /// Puts back what [`Queue::take`] took out, under the number that it had.
    pub(super) fn put_back(&mut self, at: Time, number: u64, happening: Happening<P>) {
        self.items.push(Item { at, last: false, number, happening });
    }

    /// The next thing that happens at `now` or earlier.
    pub(super) fn pop(&mut self, now: Time) -> Option<Happening<P>> {
        if self.next_time()? > now {
            return None;
        }
        self.items.pop().map(|item| item.happening)
    }
}
