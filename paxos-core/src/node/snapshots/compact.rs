//! How a node forgets: a snapshot takes the place of what is on disk, and then of what is in memory.

use crate::log::{decode, encode};
use crate::{
    Acceptor, EpochTable, Epochs, Learner, Node, NodeId, Proposer, Protocol, Sections, Slot, SlotRange,
    Snapshot, SnapshotId, Time,
};
use std::collections::BTreeMap;

/// The snapshots of a process.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Store {
    /// The newest on disk.
    latest: Option<Snapshot>,
    /// Whether one is being written down.
    capturing: bool,
    /// Whether the driver reads and keeps the pieces of snapshots.
    pub(in crate::node) hands_out: bool,
    /// Waits to be written to the disk.
    waiting: Option<Snapshot>,
    /// Is being written.
    writing: Option<Snapshot>,
    /// One from before the latest, which a peer is in the middle of fetching: snapshots that are taken faster than
    /// they are passed on must not keep a peer behind for ever.
    lent: Option<Snapshot>,
    /// When the latest and the lent one were last asked for.
    asked: (Option<Time>, Option<Time>),
    /// From which slot on each peer that is being brought up to date needs the log, and when it asked last: what follows on
    /// a snapshot must still be there when a peer has got it, however long that takes, or it begins anew for ever.
    needed: BTreeMap<NodeId, (Slot, Time)>,
}

/// So much of the log is kept in any case for peers that need it.
const NEEDED_BYTES: u64 = 16 << 20;

impl Store {
    /// Whether there is something to be written, now.
    pub(crate) fn is_due(&self) -> bool {
        self.waiting.is_some() && self.writing.is_none()
    }

    /// Whether there is something to be written, or being written.
    pub(in crate::node) fn is_busy(&self) -> bool {
        self.waiting.is_some() || self.writing.is_some()
    }

    /// A snapshot for somebody who misses the slots from `first` on.
    pub(crate) fn offer(&self, first: Slot) -> Option<SnapshotId> {
        Some(self.latest.as_ref().filter(|s| s.next() > first)?.id())
    }

    /// `peer` asks for the log from `first` on, which follows on a snapshot that it has, or is to have.
    pub(in crate::node) fn need(&mut self, peer: NodeId, first: Slot, now: Time) {
        if self.latest.is_some() {
            self.needed.insert(peer, (first, now));
        }
    }

    /// The first slot that somebody needs who asked since `recently`.
    fn first_needed(&mut self, recently: Time) -> Option<Slot> {
        self.needed.retain(|_, (_, asked)| *asked >= recently);
        self.needed.values().map(|(first, _)| *first).min()
    }

    /// The snapshot of this name, for a peer.
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

    /// Nobody has asked for the one before the latest since `recently`: what it takes on disk is given back.
    pub(in crate::node) fn drop_lent(&mut self, recently: Time) {
        if self.asked.1.is_none_or(|at| at < recently) {
            self.lent = None;
        }
    }

    /// `snapshot` is on disk; who was asked for the one before since `recently` may ask for the rest.
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

/// What is to take the place of all that a process has on disk.
pub(in crate::node) struct Install<P: Protocol> {
    /// Stands for every slot below its [`Snapshot::next`].
    pub(in crate::node) snapshot: Snapshot,
    /// All that the process must remember besides.
    pub(in crate::node) records: Vec<P::Record>,
}

impl<P: Protocol> Node<P> {
    /// Gives the node what executing the log led to so far. When it is on disk ([`crate::Ready::write`]), the
    /// slots that it stands for are forgotten, save the last [`crate::Limits::snapshot`] of them, which
    /// peers that are a little behind are told from memory. Those further behind fetch the snapshot. It does
    /// not matter who else is up. [`crate::Ready::execute`] does this when it is time.
    ///
    /// The replica must have executed everything that was delivered: the snapshot tells the members of that moment too.
    pub fn compact(&mut self, snapshot: Snapshot) {
        if let Some(snapshot) = self.with_members(snapshot) {
            self.store_next(snapshot);
        }
    }

    /// A snapshot, of this process or another one, is to be written.
    pub(in crate::node) fn store_next(&mut self, snapshot: Snapshot) {
        let Store { latest, waiting, writing, .. } = &self.store;
        let known = [latest, waiting, writing].into_iter().flatten().map(Snapshot::next).max();
        // Another one may be newer: it has come from elsewhere meanwhile.
        if known.is_none_or(|known| snapshot.next() > known) && self.learner.is_some() {
            self.store.waiting = Some(snapshot);
        }
    }

    /// The snapshot, which the replica took of what it knows, with the members; none if they are those of another slot.
    fn with_members(&self, snapshot: Snapshot) -> Option<Snapshot> {
        let membership = self.membership(snapshot.next())?;
        if membership.is_empty() {
            return Some(snapshot);
        }
        let sections = snapshot.sections().ok()?;
        Some(Snapshot::new(&Sections { membership: membership.into(), ..sections }))
    }

    /// The members, for a snapshot that ends at `next`: empty if they are those of the configuration, none if those of
    /// another slot are known.
    pub(crate) fn membership(&self, next: Slot) -> Option<Vec<u8>> {
        let changed = |epochs: &&Epochs| epochs.version() > 0 || !epochs.retired().is_empty();
        let Some(epochs) = self.chosen.epochs().filter(changed) else { return Some(Vec::new()) };
        (next == epochs.next_slot()).then(|| encode(&epochs.table()))
    }

    /// Whether this process may take a snapshot: not while the last one is being written down, or waits for the disk.
    pub(crate) fn may_capture(&self) -> bool {
        !self.store.capturing && !self.store.is_busy()
    }

    /// Notes that a state was captured.
    pub(crate) fn captured(&mut self) {
        self.store.capturing = true;
    }

    /// What [`crate::Ready::advance`] captured is written down. When it is on disk ([`crate::Ready::write`]), the slots that it
    /// stands for are forgotten, as with [`Node::compact`].
    pub fn written_down(&mut self, snapshot: Snapshot) {
        self.store.capturing = false;
        self.stirred = true;
        // One that ends later is on its way here, and is not to be thrown away for this one.
        if self.fetching.as_ref().is_none_or(|fetching| !fetching.ends_behind(snapshot.next())) {
            self.store_next(snapshot);
        }
    }

    /// What [`crate::Ready::advance`] captured could not be written down: the log stays as it is, and another state is captured when
    /// it is time.
    pub fn not_written_down(&mut self) {
        self.store.capturing = false;
        self.stirred = true;
    }

    /// Forgets the log below `below` without a snapshot. The caller vouches that *every* process has executed it,
    /// for good: a process that has not could neither catch up nor lead any more.
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

    /// The newest snapshot that is on disk.
    pub fn snapshot(&self) -> Option<&Snapshot> {
        self.store.latest.as_ref()
    }

    /// What is to be written in place of all that is on disk; one at a time. If the driver would not do that, the disk still
    /// needs every record, and the snapshot is forgotten.
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

    /// The snapshot that was being written is on disk.
    pub(in crate::node) fn installed(&mut self) {
        if let Some(snapshot) = self.store.writing.take() {
            self.adopt(snapshot);
        }
    }

    /// Below which slot the log may be forgotten, if it is not needed from `kept` on by this process itself: what peers need
    /// stays, unless that is more than the snapshot itself, which would then cost less.
    fn needed_below(&mut self, kept: Slot, recently: Time) -> Slot {
        let Some(needed) = self.store.first_needed(recently).filter(|needed| *needed < kept) else {
            return kept;
        };
        let most = self.store.latest.as_ref().map_or(0, |s| s.id().length).max(NEEDED_BYTES);
        let held = self.chosen.within(SlotRange::new(needed, kept));
        let bytes: u64 = held.map(|(_, batch)| batch.amount().bytes as u64).sum();
        if bytes <= most { needed } else { kept }
    }

    /// A peer that has not asked since is not in the middle of fetching a snapshot.
    pub(in crate::node) fn recently(&self) -> Time {
        let patience = self.fetch_patience().unwrap_or_default().saturating_mul(8);
        Time(self.now.0.saturating_sub(patience.as_nanos() as u64))
    }

    /// `snapshot` is on disk, and what it stands for need not be remembered in any other way.
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
        // The replica starts from it as well: what it stands for is delivered to nobody, known or not.
        if next > self.chosen.applied() {
            self.chosen.jump(next, table.as_ref());
            self.forget(next);
        } else {
            let kept = next.minus(keep).min(self.chosen.applied());
            let below = self.needed_below(kept, recently);
            self.forget(below);
        }
        self.drop_useless_fetch();
    }
}
