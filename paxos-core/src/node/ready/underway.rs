//! The writes that are not known to be durable, and what waits for them.

use crate::node::snapshots::Install;
use crate::node::{Node, Own};
use crate::{Aside, Protocol, Receipt, Recorded, Slot, Time, Write};
use core::time::Duration;
use std::collections::VecDeque;
use std::mem;

/// The writes in progress. They become durable in the order in which they were handed out.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Underway<R> {
    /// The number of the next write.
    next: Aside<u64>,
    writes: VecDeque<Waiting>,
    /// The number of messages that wait for a write in progress.
    bound: usize,
    /// The number of messages to oneself that wait for a write in progress.
    own: usize,
    /// The number of messages to oneself that no longer wait.
    ripe: usize,
    /// The bytes of the writes in progress, without the first.
    bytes: usize,
    /// The longest time that the disk has recently taken for a write.
    slowest: Aside<Duration>,
    /// Memory for records, to be reused.
    spare: Aside<Vec<R>>,
}

/// The usual overhead of a record, in bytes.
const RECORD: usize = 64;

/// The number of messages that may wait for the disk before a process accepts nothing that would add more.
const HELD: usize = 1 << 16;

/// A disk has stalled when it takes this number of times as long as its slowest recent write.
const STALLED: u32 = 4;

/// A write that installs a snapshot may take this number of times as long as another before the disk has stalled: it holds
/// the rest of the log.
const INSTALLING: u32 = 16;

/// A write in progress, and the number of messages that wait for it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Waiting {
    number: Aside<u64>,
    bound: usize,
    own: usize,
    bytes: usize,
    /// [`crate::Status::durable`] when the write is durable.
    settled: Slot,
    /// Whether it contains a piece of an epoch's past.
    settles: bool,
    /// Whether it contains a snapshot.
    installs: bool,
    /// When the disk could begin with it: it was handed out, and all earlier writes were durable.
    since: Time,
}

impl<R> Default for Underway<R> {
    fn default() -> Self {
        let (next, slowest, spare) = (Aside(0), Aside(Duration::ZERO), Aside(Vec::new()));
        Self { next, writes: VecDeque::new(), bound: 0, own: 0, ripe: 0, bytes: 0, slowest, spare }
    }
}

/// The writes that a process waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// The number of writes.
    pub writes: usize,
    /// Their bytes, without those of the first.
    pub bytes: usize,
    /// Since when the disk has worked on the first.
    pub since: Option<Time>,
}

impl<P: Protocol> Node<P> {
    /// Whether some messages wait for records that are not handed out yet, or for nothing.
    pub(crate) fn has_unheld(&self) -> bool {
        let Underway { bound, own, ripe, .. } = self.underway;
        self.out.bound.len() > bound || self.out.own.len() > own + ripe
    }

    /// Makes new messages wait for the last write in progress, since they may rest on it. If there is none, everything
    /// that they rest on is on disk. Messages with new records wait for those, which the driver takes next.
    pub(crate) fn hold(&mut self) {
        while self.out.records.is_empty() && self.has_unheld() {
            let Underway { bound, own, ripe, .. } = self.underway;
            let (new_bound, new_own) = (self.out.bound.len() - bound, self.out.own.len() - own - ripe);
            if let Some(last) = self.underway.writes.back_mut() {
                last.bound += new_bound;
                last.own += new_own;
                self.underway.bound += new_bound;
                self.underway.own += new_own;
                return;
            }
            self.release(new_bound, new_own);
            if new_own == 0 {
                return;
            }
            self.turn();
        }
    }

    /// Releases the oldest messages to others, and to oneself: these many of each.
    fn release(&mut self, bound: usize, own: usize) {
        self.out.unbound.extend(self.out.bound.drain(..bound));
        self.underway.ripe += own;
        self.stirred |= own > 0;
    }

    /// Handles the process's messages to itself once they are on disk, if it is still an acceptor.
    pub(in crate::node) fn hear_own(&mut self) {
        if self.underway.ripe == 0 {
            return;
        }
        let (me, ripe) = (self.setup.id, mem::take(&mut self.underway.ripe));
        let counts = self.members.acceptors.contains(me);
        let mut own = mem::take(&mut self.out.own);
        for said in own.drain(..ripe).filter(|_| counts) {
            match said {
                Own::Promise(promise) => self.on_promise(me, promise),
                Own::Accepted(accepted) => self.on_accepted(me, &accepted),
            }
        }
        // Handling them must not produce further messages to itself before the roles are asked.
        debug_assert!(self.out.own.is_empty());
        self.out.own = own;
    }

    /// Hands out the next write: records, and then a snapshot, if one waits and `install` allows it. Otherwise the
    /// snapshot is dropped.
    pub(crate) fn begin_write(&mut self, install: bool) -> Option<Write<P>> {
        if !self.out.records.is_empty() {
            self.mark();
        }
        let (snapshot, records) = if self.out.records.is_empty() {
            let Install { snapshot, records } = self.begin_install(install)?;
            (Some(snapshot), records)
        } else {
            let spare = mem::take(&mut self.underway.spare.0);
            (None, mem::replace(&mut self.out.records, spare))
        };
        let underway = &mut self.underway;
        let number = underway.next.0;
        underway.next.0 += 1;
        let cost = |record: &P::Record| record.bytes() + RECORD;
        let bytes = if underway.writes.is_empty() { 0 } else { records.iter().map(cost).sum() };
        let (bound, own) =
            (self.out.bound.len() - underway.bound, self.out.own.len() - underway.own - underway.ripe);
        underway.bound += bound;
        underway.own += own;
        underway.bytes += bytes;
        underway.writes.push_back(Waiting {
            number: Aside(number),
            bound,
            own,
            bytes,
            settled: self.settled,
            settles: mem::take(&mut self.piece),
            installs: snapshot.is_some(),
            since: self.now,
        });
        Some(Write { number, snapshot, records })
    }

    /// Notes that a write and all earlier ones are durable: they survive any later crash. The results that rest on
    /// them are among the next [`Node::ready`].
    pub fn durable(&mut self, receipt: Receipt<P>) {
        let is_done = |write: &Waiting| write.number.0 <= receipt.number;
        let begun = self.underway.writes.front().filter(|write| is_done(write) && !write.installs);
        if let Some(took) = begun.map(|write| self.now.since(write.since)) {
            let slowest = &mut self.underway.slowest.0;
            *slowest = took.max(*slowest / 8 * 7);
        }
        while self.underway.writes.front().is_some_and(is_done)
            && let Some(write) = self.underway.writes.pop_front()
        {
            let Waiting { bound, own, bytes, settled, installs, .. } = write;
            self.durable = self.durable.max(settled);
            if installs {
                self.installed();
            }
            self.underway.bound -= bound;
            self.underway.own -= own;
            self.underway.bytes -= bytes;
            self.release(bound, own);
        }
        if let Some(next) = self.underway.writes.front_mut() {
            self.underway.bytes -= mem::take(&mut next.bytes);
            next.since = self.now;
        }
        let Receipt { mut spare, .. } = receipt;
        if spare.capacity() > self.underway.spare.0.capacity() {
            spare.clear();
            self.underway.spare.0 = spare;
        }
    }

    /// Whether a piece of an epoch's past is not on disk yet.
    pub(in crate::node) fn is_settling(&self) -> bool {
        self.piece || self.underway.writes.iter().any(|write| write.settles)
    }

    /// The writes that wait for the disk.
    pub(crate) fn backlog(&self) -> Backlog {
        let Underway { writes, bytes, .. } = &self.underway;
        Backlog { writes: writes.len(), bytes: *bytes, since: writes.front().map(|write| write.since) }
    }

    /// Whether so much waits for the disk that the process accepts nothing that it would have to write or remember.
    pub(in crate::node) fn is_clogged(&self) -> bool {
        self.underway.bytes > self.setup.config.limits.disk_bytes || self.underway.bound > HELD
    }

    /// Whether the disk has stalled for longer than an election timeout, and than a write usually takes. An
    /// installation of a snapshot may take longer, but not for ever.
    pub(in crate::node) fn is_stalled(&self) -> bool {
        let Some(first) = self.underway.writes.front() else { return false };
        let Some(election) = self.setup.config.timeouts.election else { return false };
        let patience = election.max(self.underway.slowest.0.saturating_mul(STALLED));
        let times = if first.installs { INSTALLING } else { 1 };
        self.now > first.since.after(patience.saturating_mul(times))
    }
}
