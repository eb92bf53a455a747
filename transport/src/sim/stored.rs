//! What is on the disk of one simulated process, and on its way there.

use super::{Chance, Disk};
use paxos_core::{Install, Protocol, Ready, Snapshot};

#[derive(Debug)]
pub(super) struct Stored<P: Protocol> {
    /// Stands before the records.
    pub(super) snapshot: Option<Snapshot>,
    pub(super) records: Vec<P::Record>,
    /// Records that are being written.
    pub(super) writing: Vec<P::Record>,
    /// What is being written in place of everything; `writing` is part of it then.
    pub(super) installing: Option<Install<P>>,
    /// How many of the node's waiting records are on disk already, and whether its waiting snapshot is.
    durable: (usize, bool),
}

impl<P: Protocol> Stored<P> {
    pub(super) const fn new() -> Self {
        Self {
            snapshot: None,
            records: Vec::new(),
            writing: Vec::new(),
            installing: None,
            durable: (0, false),
        }
    }

    /// Begins to write what a node asks for; whether there is anything.
    pub(super) fn begin(&mut self, ready: &mut Ready<'_, P>) -> bool {
        let (records, installed) = self.durable;
        self.writing = ready.records().get(records..).unwrap_or_default().to_vec();
        self.installing = if installed { None } else { ready.install() };
        !self.writing.is_empty() || self.installing.is_some()
    }

    /// What was being written is there.
    pub(super) fn finish(&mut self) {
        self.durable.0 += self.writing.len();
        if let Some(Install { snapshot, records }) = self.installing.take() {
            self.durable.1 = true;
            self.writing.clear();
            (self.snapshot, self.records) = (Some(snapshot), records);
        } else {
            self.records.append(&mut self.writing);
        }
    }

    /// The node knows that all it asked for is there.
    pub(super) fn release(&mut self) {
        self.durable = (0, false);
    }

    /// A crash, before [`Stored::finish`]: what of the unfinished write is there all the same.
    pub(super) fn tear(&mut self, disk: &Disk, chance: &mut Chance) {
        if self.installing.is_none() {
            let survivors = disk.survivors(self.writing.len(), chance);
            self.writing.truncate(survivors);
        } else if disk.survivors(1, chance) == 0 {
            // A snapshot takes the place of everything at one stroke, or not at all.
            self.installing = None;
            self.writing.clear();
        }
    }

    /// A crash, after [`Stored::finish`]: a disk that lies loses the last few records.
    pub(super) fn lose(&mut self, disk: &Disk, chance: &mut Chance) {
        let kept = disk.kept(self.records.len(), chance);
        self.records.truncate(kept);
        self.release();
    }
}
