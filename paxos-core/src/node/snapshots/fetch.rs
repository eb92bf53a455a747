//! How a process that is far behind gets a snapshot: it pulls, piece by piece, one piece under way at a time.
//!
//! ```text
//!   behind ── catch_up ──▶ peer          the peer's log begins later than that
//!          ◀── offer ─────               by name: slot, length, checksum
//!          ── fetch, offset 0 ──▶ peer
//!          ◀── chunk, offset 0 ──
//!          ── fetch, offset n ──▶ …      until it is whole; then it is written, and only then it counts
//! ```
//!
//! The peer remembers nothing of it, so it may crash: another one that has the same snapshot goes on, and one that has
//! not offers its own.

use crate::{Bytes, Digest, Message, Node, NodeId, Protocol, Slot, Snapshot, SnapshotId, Time, To};
use core::time::Duration;

/// A snapshot on its way here.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::node) struct Fetching {
    id: SnapshotId,
    peer: NodeId,
    bytes: Vec<u8>,
    /// When to ask again.
    again: Option<Time>,
    /// How often it asked in vain.
    vain: usize,
}

impl Fetching {
    /// Whether it stands for more than what lies below `next`.
    pub(in crate::node) fn ends_behind(&self, next: Slot) -> bool {
        self.id.next > next
    }

    pub(in crate::node) fn deadline(&self) -> Option<Time> {
        self.again
    }
}

impl<P: Protocol> Node<P> {
    /// How long to wait for a piece; none where nothing is ever said again.
    pub(in crate::node) fn fetch_patience(&self) -> Option<Duration> {
        let timeouts = self.setup.config.timeouts;
        timeouts.resend.or(timeouts.gossip).map(|patience| patience.max(Duration::from_nanos(1)))
    }

    /// Whether a snapshot that ends there would bring news.
    fn is_news(&self, id: SnapshotId) -> bool {
        self.learner.is_some() && id.next > self.chosen.first_unknown() && !self.store.is_busy()
    }

    #[cold]
    pub(in crate::node) fn on_offer(&mut self, from: NodeId, id: SnapshotId) {
        if !self.is_news(id) || id.length == 0 {
            return;
        }
        // One is under way already, from a peer that answers; and to begin anew with another one is the last resort.
        let peers = self.others(self.members.learners).len();
        if self.fetching.as_ref().is_some_and(|f| f.vain == 0 || (f.id != id && f.vain <= peers)) {
            return;
        }
        match &mut self.fetching {
            // The same snapshot from another peer: the pieces fit together.
            Some(fetching) if fetching.id == id => fetching.peer = from,
            Some(_) | None => {
                self.fetching = Some(Fetching { id, peer: from, bytes: Vec::new(), again: None, vain: 0 });
            }
        }
        self.fetch();
    }

    /// Asks for the next piece.
    #[cold]
    fn fetch(&mut self) {
        let again = self.fetch_patience().map(|patience| self.now.after(patience));
        let Some(fetching) = &mut self.fetching else { return };
        fetching.again = again;
        let (peer, offset) = (fetching.peer, fetching.bytes.len() as u64);
        let message = Message::Fetch { snapshot: fetching.id, offset };
        self.send(To::One(peer), message);
    }

    /// A peer asks for a piece. One that asks for a snapshot which is not here any more is told of the present one.
    #[cold]
    pub(in crate::node) fn on_fetch(&mut self, from: NodeId, id: SnapshotId, offset: u64) {
        let limit = self.setup.config.limits.chunk;
        let chunk = self.store.lend(from, id, self.now).and_then(|snapshot| snapshot.chunk(offset, limit));
        if let Some(bytes) = chunk {
            self.send(To::One(from), Message::Chunk { snapshot: id, offset, bytes });
        } else if let Some(snapshot) = self.store.offer(id.next).filter(|other| *other != id) {
            self.send(To::One(from), Message::Offer { snapshot });
        }
    }

    #[cold]
    pub(in crate::node) fn on_chunk(&mut self, from: NodeId, id: SnapshotId, offset: u64, bytes: &Bytes) {
        self.drop_useless_fetch();
        let Some(fetching) = &mut self.fetching else { return };
        let have = fetching.bytes.len() as u64;
        // A piece that comes twice, or of something else, is of no use; nor is one that does not fit.
        let fits = bytes.len() as u64 <= fetching.id.length.saturating_sub(have) && !bytes.is_empty();
        if fetching.id != id || offset != have || !fits {
            return;
        }
        fetching.bytes.extend_from_slice(bytes);
        (fetching.peer, fetching.vain) = (from, 0);
        if (fetching.bytes.len() as u64) < id.length {
            return self.fetch();
        }
        let whole = self.fetching.take().map(|fetching| fetching.bytes).unwrap_or_default();
        // Checked before it is believed: what was put together of pieces from several peers must be one thing.
        if Digest::of(&whole) == id.digest
            && let Ok(snapshot) = Snapshot::decode(whole)
            && snapshot.id() == id
        {
            self.store_next(snapshot);
        }
    }

    /// Nobody has answered for a while.
    pub(in crate::node) fn fetch_again(&mut self) {
        if self.fetching.as_ref().is_none_or(|f| f.again.is_none_or(|at| at > self.now)) {
            return;
        }
        self.drop_useless_fetch();
        let peers = self.others(self.members.learners);
        let Some(fetching) = &mut self.fetching else { return };
        fetching.vain += 1;
        if fetching.vain > 2 * peers.len() + 1 {
            // It begins anew with whoever offers something.
            self.fetching = None;
            return;
        }
        // The first time, only the message may be lost. Then another peer may have it as well.
        if fetching.vain > 1
            && let Some(next) = peers.iter().find(|peer| *peer > fetching.peer).or(peers.smallest())
        {
            fetching.peer = next;
        }
        self.fetch();
    }

    /// What was fetched has been learned in another way meanwhile.
    pub(in crate::node) fn drop_useless_fetch(&mut self) {
        if self.fetching.as_ref().is_some_and(|f| !self.is_news(f.id)) {
            self.fetching = None;
        }
    }
}
