//! What is on the disk of one simulated process, and on its way there.

use crate::sim::{Chance, Disk};
use paxos_core::{Protocol, Receipt, Snapshot, StoreMark, Write};
use std::collections::VecDeque;

#[derive(Debug)]
pub(in crate::sim::simulator) struct Stored<P: Protocol> {
    /// Stands before the records.
    pub(in crate::sim::simulator) snapshot: Option<Snapshot>,
    pub(in crate::sim::simulator) records: Vec<P::Record>,
    /// Which store it is, and how many writes it has made.
    pub(in crate::sim::simulator) mark: StoreMark,
    /// How often it was opened.
    pub(in crate::sim::simulator) lives: u32,
    /// What is to be written, in order.
    waiting: VecDeque<Write<P>>,
    /// How many of these are being written, with one sync.
    syncing: usize,
    /// Whether it finishes nothing, and then whether it would have finished what is being written.
    stopped: Option<bool>,
}

impl<P: Protocol> Stored<P> {
    /// An empty one under a name that no other has.
    pub(in crate::sim::simulator) const fn new(id: u128) -> Self {
        Self {
            snapshot: None,
            records: Vec::new(),
            mark: StoreMark { id, writes: 1 },
            lives: 1,
            waiting: VecDeque::new(),
            syncing: 0,
            stopped: None,
        }
    }

    /// One that no process has started with.
    pub(in crate::sim::simulator) fn blank(id: u128) -> Self {
        Self { mark: StoreMark { id, writes: 0 }, lives: 0, ..Self::new(id) }
    }

    /// What is on it, without what is on its way there.
    pub(in crate::sim::simulator) fn copy(&self) -> Self {
        let (snapshot, records) = (self.snapshot.clone(), self.records.clone());
        Self { snapshot, records, mark: self.mark, lives: self.lives, ..Self::new(0) }
    }

    /// A process starts with it; how often one did before.
    pub(in crate::sim::simulator) fn open(&mut self) -> u32 {
        self.mark.writes += 1;
        self.lives += 1;
        self.lives - 1
    }

    /// It finishes nothing from now on.
    pub(in crate::sim::simulator) fn stop(&mut self) {
        self.stopped.get_or_insert(false);
    }

    /// It goes on; whether it is done now with what was being written.
    pub(in crate::sim::simulator) fn start(&mut self) -> bool {
        self.stopped.take().unwrap_or(false)
    }

    /// The writes that are not finished, in order.
    pub(in crate::sim::simulator) fn unfinished(&self) -> impl Iterator<Item = &Write<P>> {
        self.waiting.iter()
    }

    /// Whether it finishes nothing until it is started again.
    pub(in crate::sim::simulator) const fn is_stopped(&self) -> bool {
        self.stopped.is_some()
    }

    /// Whether it has stopped, so that what would be finished now is not before it goes on.
    pub(in crate::sim::simulator) fn is_stuck(&mut self) -> bool {
        self.stopped.as_mut().map(|done| *done = true).is_some()
    }

    /// Something is to be written.
    pub(in crate::sim::simulator) fn take(&mut self, write: Write<P>) {
        self.waiting.push_back(write);
    }

    /// Begins to write all that waits, if it is idle; whether it was, and there is anything.
    pub(in crate::sim::simulator) fn begin(&mut self) -> bool {
        if self.syncing > 0 {
            return false;
        }
        self.syncing = self.waiting.len();
        self.syncing > 0
    }

    /// What was being written is there: `tell` is called with each write, which the receipt stands for.
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

    /// A crash: what of the unfinished writes is there all the same, which is told. Of a disk that lies, the last few records
    /// are not there though they were said to be.
    pub(in crate::sim::simulator) fn crash(
        &mut self,
        disk: &Disk,
        chance: &mut Chance,
        mut tell: impl FnMut(Option<&Snapshot>, &[P::Record]),
    ) {
        // A snapshot takes the place of everything at one stroke, or not at all.
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
