//! How a node forgets: a snapshot replaces what is on disk, and then what is in memory.

use crate::log::{decode, encode};
use crate::{
    Acceptor, EpochTable, Epochs, Learner, Node, NodeId, Proposer, Protocol, Sections, Slot, SlotRange,
    Snapshot, SnapshotId, Time,
};
use std::collections::{BTreeMap, BTreeSet};

/// The snapshots of a process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Store {
    /// The newest snapshot on disk.
    latest: Option<Snapshot>,
    /// Whether a state is being written down.
    capturing: bool,
    /// Whether the driver reads and keeps the pieces of snapshots.
    pub(in crate::node) hands_out: bool,
    /// The snapshot that waits to be written to disk.
    waiting: Option<Snapshot>,
    /// The snapshot that is being written.
    writing: Option<Snapshot>,
    /// The snapshot before the latest, while a peer fetches it. Otherwise a peer would never finish if snapshots are
    /// taken faster than they are fetched.
    lent: Option<Snapshot>,
    /// When the latest and the lent snapshot were last asked for.
    asked: (Option<Time>, Option<Time>),
    /// For each peer that is catching up, the slot from which on it needs the log, and when it last asked. The log
    /// after a snapshot must be kept until a peer has fetched the snapshot; otherwise the peer would start over
    /// forever.
    needed: BTreeMap<NodeId, (Slot, Time)>,
}

/// The bytes of the log that are always kept for peers that need them.
const NEEDED_BYTES: u64 = 16 << 20;

impl Store {
    /// Whether a snapshot waits to be written, and none is being written.
    pub(crate) fn is_due(&self) -> bool {
        self.waiting.is_some() && self.writing.is_none()
    }

    /// Whether a snapshot waits to be written or is being written.
    pub(in crate::node) fn is_busy(&self) -> bool {
        self.waiting.is_some() || self.writing.is_some()
    }

    /// The snapshot to offer to a peer that misses the slots from `first` on.
    pub(crate) fn offer(&self, first: Slot) -> Option<SnapshotId> {
        Some(self.latest.as_ref().filter(|s| s.next() > first)?.id())
    }

    /// Notes that `peer` needs the log from `first` on, after a snapshot that it has or fetches.
    pub(in crate::node) fn need(&mut self, peer: NodeId, first: Slot, now: Time) {
        if self.latest.is_some() {
            self.needed.insert(peer, (first, now));
        }
    }

    /// Notes that `peer` was heard. While it checks and installs a snapshot that has arrived, it asks for nothing.
    pub(in crate::node) fn hears(&mut self, peer: NodeId, now: Time) {
        if let Some((_, asked)) = self.needed.get_mut(&peer) {
            *asked = now;
        }
    }

    /// Returns the slot below which the log may be forgotten, if this process itself needs it only from `kept` on. What
    /// peers need that have asked since `recently` stays, unless it is larger than the snapshot, which would then be
    /// cheaper to send: a peer that needs too much takes nothing from those that need less. `bytes`: the size of the log
    /// in these slots.
    fn needed_below(&mut self, kept: Slot, recently: Time, bytes: impl Fn(SlotRange) -> u64) -> Slot {
        self.needed.retain(|_, (_, asked)| *asked >= recently);
        let mut rest = self.latest.as_ref().map_or(0, |s| s.id().length).max(NEEDED_BYTES);
        let needed: BTreeSet<Slot> = self.needed.values().map(|(first, _)| *first).collect();
        let mut below = kept;
        for first in needed.into_iter().rev().filter(|first| *first < kept) {
            let Some(left) = rest.checked_sub(bytes(SlotRange::new(first, below))) else { break };
            (below, rest) = (first, left);
        }
        below
    }

    /// Returns the snapshot with this identity, for a peer.
    pub(in crate::node) fn lend(&mut self, peer: NodeId, id: SnapshotId, now: Time) -> Option<&Snapshot> {
        let lent = [&self.latest, &self.lent].into_iter().flatten().any(|s| s.id() == id);
        if lent {
            self.need(peer, id.next, now);
        }
        if self.latest.as_ref().is_some_and(|s| s.id() == id) {
            self.asked.0 = Some(now);
            return self.latest.as_ref();
        }
        self.asked.1 = Some(now);
        self.lent.as_ref().filter(|s| s.id() == id)
    }

    /// Drops the snapshot before the latest if it was not asked for since `recently`, to free its space on disk.
    pub(in crate::node) fn drop_lent(&mut self, recently: Time) {
        if self.asked.1.is_none_or(|at| at < recently) {
            self.lent = None;
        }
    }

    /// Keeps `snapshot`, which is on disk. The one before stays if a peer has asked for it since `recently`.
    fn keep(&mut self, snapshot: Snapshot, recently: Time) {
        let is_recent = |at: Option<Time>| at.is_some_and(|at| at >= recently);
        if self.lent.is_none() || !is_recent(self.asked.1) {
            self.lent = if is_recent(self.asked.0) { self.latest.take() } else { None };
            self.asked.1 = self.asked.0;
        }
        self.latest = Some(snapshot);
        self.asked.0 = None;
    }
}

/// The data that replaces everything that a process has on disk.
pub(in crate::node) struct Install<P: Protocol> {
    /// It covers every slot below its [`Snapshot::next`].
    pub(in crate::node) snapshot: Snapshot,
    /// Everything else that the process must remember.
    pub(in crate::node) records: Vec<P::Record>,
}

impl<P: Protocol> Node<P> {
    /// Gives the node a snapshot of the executed log. When it is on disk ([`crate::Ready::write`]), the slots that it
    /// covers are forgotten, except the last [`crate::Limits::snapshot`], which are kept for peers that are a little
    /// behind. Peers further behind fetch the snapshot. This does not depend on which other processes are up.
    /// [`crate::Ready::execute`] calls it when a snapshot is due.
    ///
    /// The replica must have executed everything delivered, since the snapshot also holds the members of that moment.
    pub fn compact(&mut self, snapshot: Snapshot) {
        if let Some(snapshot) = self.with_members(snapshot) {
            self.store_next(snapshot);
        }
    }

    /// Puts a snapshot, from this process or another, in line to be written.
    pub(in crate::node) fn store_next(&mut self, snapshot: Snapshot) {
        let Store { latest, waiting, writing, .. } = &self.store;
        let known = [latest, waiting, writing].into_iter().flatten().map(Snapshot::next).max();
        // A newer one may have arrived from elsewhere meanwhile.
        if known.is_none_or(|known| snapshot.next() > known) && self.learner.is_some() {
            self.store.waiting = Some(snapshot);
        }
    }

    /// Adds the members to a snapshot that the replica took. None if the known members are those of another slot.
    fn with_members(&self, snapshot: Snapshot) -> Option<Snapshot> {
        let membership = self.membership(snapshot.next())?;
        if membership.is_empty() {
            return Some(snapshot);
        }
        let sections = snapshot.sections().ok()?;
        Some(Snapshot::new(&Sections { membership: membership.into(), ..sections }))
    }

    /// The members for a snapshot that ends at `next`. Empty if they are those of the configuration, None if the known
    /// members are those of another slot.
    pub(crate) fn membership(&self, next: Slot) -> Option<Vec<u8>> {
        let changed = |epochs: &&Epochs| epochs.version() > 0 || !epochs.retired().is_empty();
        let Some(epochs) = self.chosen.epochs().filter(changed) else { return Some(Vec::new()) };
        (next == epochs.next_slot()).then(|| encode(&epochs.table()))
    }

    /// Whether this process may take a snapshot: not while the last one is being written down or waits for the disk.
    pub(crate) fn may_capture(&self) -> bool {
        !self.store.capturing && !self.store.is_busy()
    }

    /// Notes that a state was captured.
    pub(crate) fn captured(&mut self) {
        self.store.capturing = true;
    }

    /// Takes the snapshot of a state that [`crate::Ready::advance`] captured. When it is on disk
    /// ([`crate::Ready::write`]), the slots that it covers are forgotten, as with [`Node::compact`].
    pub fn written_down(&mut self, snapshot: Snapshot) {
        self.store.capturing = false;
        self.stirred = true;
        // A snapshot that ends later is being fetched, and must not be dropped for this one.
        if self.fetching.as_ref().is_none_or(|fetching| !fetching.ends_behind(snapshot.next())) {
            self.store_next(snapshot);
        }
    }

    /// Notes that the state that [`crate::Ready::advance`] captured could not be written down. The log stays as it is,
    /// and another state is captured when it is due.
    pub fn not_written_down(&mut self) {
        self.store.capturing = false;
        self.stirred = true;
    }

    /// Forgets the log below `below` without a snapshot. The caller guarantees that *every* process has executed it
    /// for good: any other process could neither catch up nor lead any more.
    pub fn trim(&mut self, below: Slot) {
        self.forget(below.min(self.chosen.applied()));
    }

    fn forget(&mut self, below: Slot) {
        if let Some(acceptor) = &mut self.acceptor {
            acceptor.trim(below);
        }
        if let Some(learner) = &mut self.learner {
            learner.trim(below);
        }
        self.chosen.trim(below);
    }

    /// The newest snapshot on disk.
    pub fn snapshot(&self) -> Option<&Snapshot> {
        self.store.latest.as_ref()
    }

    /// Returns the data that replaces everything on disk, one at a time. If the driver does not allow that, its disk
    /// still needs every record, and the snapshot is dropped.
    pub(in crate::node) fn begin_install(&mut self, allowed: bool) -> Option<Install<P>> {
        if !allowed {
            self.store.waiting = None;
        }
        if self.store.writing.is_some() {
            return None;
        }
        let snapshot = self.store.waiting.take()?;
        let acceptor = self.acceptor.as_ref().map(|a| a.retained(snapshot.next()));
        let proposer = self.proposer.as_ref().map(Proposer::retained);
        let mut records = Vec::new();
        for kept in [acceptor, proposer].into_iter().flatten() {
            records.extend(kept?);
        }
        self.keep_known(snapshot.next(), &mut records);
        records.extend(self.recognition.records());
        self.store.writing = Some(snapshot.clone());
        Some(Install { snapshot, records })
    }

    /// Notes that the snapshot that was being written is on disk.
    pub(in crate::node) fn installed(&mut self) {
        if let Some(snapshot) = self.store.writing.take() {
            self.adopt(snapshot);
        }
    }

    /// The time before which a peer that has not asked again is no longer fetching a snapshot.
    pub(in crate::node) fn recently(&self) -> Time {
        let patience = self.fetch_patience().unwrap_or_default().saturating_mul(8);
        Time(self.now.0.saturating_sub(patience.as_nanos() as u64))
    }

    /// Adopts `snapshot`, which is on disk: what it covers need not be remembered in any other way.
    #[cold]
    pub(in crate::node) fn adopt(&mut self, snapshot: Snapshot) {
        let (next, keep) = (snapshot.next(), self.setup.config.limits.snapshot);
        let members = Some(snapshot.membership()).filter(|bytes| !bytes.is_empty());
        let table = members.and_then(|bytes| decode::<EpochTable>(bytes).ok());
        let recently = self.recently();
        self.store.keep(snapshot, recently);
        self.stirred = true;
        self.settled = self.settled.max(next);
        self.durable = self.durable.max(next);
        // The replica starts from the snapshot as well, so the slots that it covers are not delivered.
        if next > self.chosen.applied() {
            self.chosen.jump(next, table.as_ref());
            self.forget(next);
        } else {
            let kept = next.minus(keep).min(self.chosen.applied());
            let held = |slots| self.chosen.within(slots).map(|(_, batch)| batch.amount().bytes as u64).sum();
            let below = self.store.needed_below(kept, recently, held);
            self.forget(below);
        }
        self.drop_useless_fetch();
    }
}

#[cfg(test)]
mod tests;
