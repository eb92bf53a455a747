//! The disk of a simulated process: its content, and the writes on their way to it.

use crate::sim::{Chance, Disk};
use paxos_core::{Protocol, Receipt, Snapshot, Start, StoreMark, Write};
use std::collections::VecDeque;

#[derive(Debug)]
pub(in crate::sim::simulator) struct Stored<P: Protocol> {
    /// The snapshot, which precedes the records.
    pub(in crate::sim::simulator) snapshot: Option<Snapshot>,
    pub(in crate::sim::simulator) records: Vec<P::Record>,
    /// The identity of the store, and the number of its writes.
    pub(in crate::sim::simulator) mark: StoreMark,
    /// The number of times that a process has started with it.
    pub(in crate::sim::simulator) incarnations: u32,
    /// The starts with it, oldest first.
    pub(in crate::sim::simulator) starts: Vec<Start>,
    /// The writes that are not durable yet, in order.
    waiting: VecDeque<Write<P>>,
    /// The number of these writes that the current sync covers.
    syncing: usize,
    /// Whether nothing more can be written.
    pub(in crate::sim::simulator) full: bool,
    /// Set while the disk is stopped: whether the current write would have finished by now.
    stopped: Option<bool>,
}

impl<P: Protocol> Stored<P> {
    /// Creates an empty disk with a unique id, for a process that starts with it.
    pub(in crate::sim::simulator) const fn new(id: u128) -> Self {
        Self {
            snapshot: None,
            records: Vec::new(),
            mark: StoreMark { id, writes: 1 },
            incarnations: 1,
            starts: Vec::new(),
            waiting: VecDeque::new(),
            syncing: 0,
            full: false,
            stopped: None,
        }
    }

    /// Creates an empty disk that no process has started with.
    pub(in crate::sim::simulator) fn blank(id: u128) -> Self {
        Self { mark: StoreMark { id, writes: 0 }, incarnations: 0, ..Self::new(id) }
    }

    /// Copies the content, without the writes that are not durable.
    pub(in crate::sim::simulator) fn copy(&self) -> Self {
        let (snapshot, records, starts) = (self.snapshot.clone(), self.records.clone(), self.starts.clone());
        Self { snapshot, records, starts, mark: self.mark, incarnations: self.incarnations, ..Self::new(0) }
    }

    /// Opens the disk for a process that starts. Returns how many starts there were before.
    pub(in crate::sim::simulator) fn open(&mut self) -> u32 {
        self.mark.writes += 1;
        self.incarnations += 1;
        self.incarnations - 1
    }

    /// Stops the disk: it finishes nothing from now on.
    pub(in crate::sim::simulator) fn stop(&mut self) {
        self.stopped.get_or_insert(false);
    }

    /// Restarts the disk. Returns whether its current write is finished now.
    pub(in crate::sim::simulator) fn start(&mut self) -> bool {
        self.stopped.take().unwrap_or(false)
    }

    /// The writes that are not finished, in order.
    pub(in crate::sim::simulator) fn unfinished(&self) -> impl Iterator<Item = &Write<P>> {
        self.waiting.iter()
    }

    /// Whether the disk is stopped.
    pub(in crate::sim::simulator) const fn is_stopped(&self) -> bool {
        self.stopped.is_some()
    }

    /// Whether the disk is stopped; if so, the current write finishes when it restarts.
    pub(in crate::sim::simulator) fn is_stuck(&mut self) -> bool {
        self.stopped.as_mut().map(|done| *done = true).is_some()
    }

    /// Queues a write.
    pub(in crate::sim::simulator) fn take(&mut self, write: Write<P>) {
        self.waiting.push_back(write);
    }

    /// Begins to write everything that waits, if the disk is idle. Returns whether it began.
    pub(in crate::sim::simulator) fn begin(&mut self) -> bool {
        if self.syncing > 0 {
            return false;
        }
        self.syncing = self.waiting.len();
        self.syncing > 0
    }

    /// Finishes the current write: calls `tell` with each of its parts, and returns the receipt for all of them.
    pub(in crate::sim::simulator) fn finish(
        &mut self,
        mut tell: impl FnMut(&Write<P>),
    ) -> Option<Receipt<P>> {
        let mut receipt = None;
        self.mark.writes += u64::from(self.syncing > 0);
        for write in self.waiting.drain(..std::mem::take(&mut self.syncing)) {
            tell(&write);
            if let Some(snapshot) = write.snapshot() {
                self.snapshot = Some(snapshot.clone());
                self.records.clear();
            }
            self.records.extend_from_slice(write.records());
            receipt = Some(write.durable());
        }
        receipt
    }

    /// Applies a crash: draws which parts of the unfinished writes survive, and calls `tell` with them. A disk that
    /// lies also loses the last few records that it reported as durable.
    pub(in crate::sim::simulator) fn crash(
        &mut self,
        disk: &Disk,
        chance: &mut Chance,
        mut tell: impl FnMut(Option<&Snapshot>, &[P::Record]),
    ) {
        // A snapshot replaces everything atomically or not at all.
        let parts = |write: &Write<P>| if write.snapshot().is_some() { 1 } else { write.records().len() };
        let mut left = disk.survivors(self.waiting.iter().map(parts).sum(), chance);
        self.mark.writes += u64::from(left > 0);
        self.syncing = 0;
        self.stopped = self.stopped.map(|_| false);
        for write in self.waiting.drain(..) {
            let survivors = left.min(parts(&write));
            left -= survivors;
            if survivors == 0 {
                continue;
            }
            if let Some(snapshot) = write.snapshot() {
                tell(Some(snapshot), write.records());
                (self.snapshot, self.records) = (Some(snapshot.clone()), write.records().to_vec());
            } else {
                tell(None, &write.records()[..survivors]);
                self.records.extend_from_slice(&write.records()[..survivors]);
            }
        }
        let kept = disk.kept(self.records.len(), chance);
        self.records.truncate(kept);
    }
}
