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
//! The pieces are kept in memory, or handed out to a driver that keeps them in a file, say ([`Node::hand_out_pieces`]). The next one is
//! asked for when the last one is kept.
//!
//! The peer remembers nothing of it, so it may crash: another one that has the same snapshot goes on, and one that has
//! not offers its own.

use crate::{Bytes, Message, Node, NodeId, Protocol, Slot, Snapshot, SnapshotId, Time, To};
use core::time::Duration;

/// A part of a snapshot that is being fetched: to be kept behind those that came before.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct SnapshotPiece {
    /// Of which snapshot.
    pub snapshot: SnapshotId,
    /// Where it belongs. 0: it is the first, and whatever was kept of any snapshot before is of no use any more.
    pub offset: u64,
    /// What it is, one byte at least.
    pub bytes: Bytes,
}

impl SnapshotPiece {
    /// Whether the snapshot is whole with it.
    pub fn is_last(&self) -> bool {
        self.offset + self.bytes.len() as u64 == self.snapshot.length
    }
}

/// A part of a snapshot that a peer wants.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct WantedPiece {
    to: NodeId,
    snapshot: Snapshot,
    offset: u64,
    /// How long it may be.
    limit: usize,
}

impl WantedPiece {
    /// Reads it from where the snapshot is stored, for [`Node::lend`]. None if there is no more of it, or if it cannot be read.
    pub fn read(&self) -> Option<Bytes> {
        self.snapshot.chunk(self.offset, self.limit)
    }
}

/// A snapshot on its way here.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::node) struct Fetching {
    id: SnapshotId,
    peer: NodeId,
    /// How many bytes were kept, and where, if here.
    have: u64,
    bytes: Vec<u8>,
    /// The next piece, if it has come, and whether the driver has taken it.
    piece: Option<Bytes>,
    taken: bool,
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
                let (bytes, piece) = (Vec::new(), None);
                self.fetching = Some(Fetching {
                    id,
                    peer: from,
                    have: 0,
                    bytes,
                    piece,
                    taken: false,
                    again: None,
                    vain: 0,
                });
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
        let (peer, offset) = (fetching.peer, fetching.have);
        let message = Message::Fetch { snapshot: fetching.id, offset };
        self.send(To::One(peer), message);
    }

    /// A peer asks for a piece. One that asks for a snapshot which is not here any more is told of the present one.
    #[cold]
    pub(in crate::node) fn on_fetch(&mut self, from: NodeId, id: SnapshotId, offset: u64) {
        let limit = self.setup.config.limits.chunk;
        if let Some(snapshot) = self.store.lend(from, id, self.now).cloned() {
            let wanted = WantedPiece { to: from, snapshot, offset, limit };
            if self.store.hands_out {
                // One that asks again has waited for long enough: only the last question counts.
                self.wanted.retain(|other| other.to != from);
                self.wanted.push(wanted);
                self.stirred = true;
            } else {
                let bytes = wanted.read();
                self.lend(&wanted, bytes);
            }
        } else if let Some(snapshot) = self.store.offer(id.next).filter(|other| *other != id) {
            self.send(To::One(from), Message::Offer { snapshot });
        }
    }

    /// What a peer wanted: none if it cannot be read, and then the peer asks another one.
    pub fn lend(&mut self, wanted: &WantedPiece, bytes: Option<Bytes>) {
        if let Some(bytes) = bytes {
            let WantedPiece { to, snapshot, offset, .. } = wanted;
            self.send(To::One(*to), Message::Chunk { snapshot: snapshot.id(), offset: *offset, bytes });
        }
    }

    #[cold]
    pub(in crate::node) fn on_chunk(&mut self, from: NodeId, id: SnapshotId, offset: u64, bytes: &Bytes) {
        self.drop_useless_fetch();
        let Some(fetching) = &mut self.fetching else { return };
        let have = fetching.have;
        // A piece that comes twice, or of something else, is of no use; nor is one that does not fit.
        let fits = bytes.len() as u64 <= fetching.id.length.saturating_sub(have) && !bytes.is_empty();
        if fetching.id != id || offset != have || !fits || fetching.piece.is_some() {
            return;
        }
        (fetching.peer, fetching.vain, fetching.again) = (from, 0, None);
        fetching.piece = Some(bytes.clone());
        self.stirred = true;
        if !self.store.hands_out {
            self.keep_piece();
        }
    }

    /// From now on, the pieces of a snapshot that is fetched are handed out by [`crate::Ready::piece`], instead of being kept in memory,
    /// and those that peers ask for by [`crate::Ready::wanted`], instead of being read at once.
    pub fn hand_out_pieces(&mut self) {
        self.store.hands_out = true;
    }

    /// The piece that came last, for the driver to keep.
    pub(in crate::node) fn take_piece(&mut self) -> Option<SnapshotPiece> {
        let fetching = self.fetching.as_mut().filter(|fetching| !fetching.taken)?;
        let (snapshot, offset, bytes) = (fetching.id, fetching.have, fetching.piece.clone()?);
        fetching.taken = true;
        Some(SnapshotPiece { snapshot, offset, bytes })
    }

    /// Keeps the piece that came last in memory.
    fn keep_piece(&mut self) {
        let Some(piece) = self.take_piece() else { return };
        let Some(fetching) = &mut self.fetching else { return };
        fetching.bytes.extend_from_slice(&piece.bytes);
        if !piece.is_last() {
            return self.kept(&piece);
        }
        let whole = std::mem::take(&mut fetching.bytes);
        self.fetched(piece.snapshot, Snapshot::decode(whole).ok());
    }

    /// A piece that [`crate::Ready::piece`] gave is kept, and is not the last.
    pub fn kept(&mut self, piece: &SnapshotPiece) {
        let whose = |fetching: &&mut Fetching| fetching.id == piece.snapshot && fetching.have == piece.offset;
        let Some(fetching) = self.fetching.as_mut().filter(whose) else { return };
        fetching.have += piece.bytes.len() as u64;
        (fetching.piece, fetching.taken) = (None, false);
        self.drop_useless_fetch();
        self.fetch();
    }

    /// All pieces of the snapshot `id` are kept, and this is what they are together; none if that is no snapshot. It is checked
    /// before it is believed: what was put together of pieces from several peers must be one thing.
    pub fn fetched(&mut self, id: SnapshotId, snapshot: Option<Snapshot>) {
        if self.fetching.as_ref().is_none_or(|fetching| fetching.id != id) {
            return;
        }
        self.fetching = None;
        self.stirred = true;
        if let Some(snapshot) = snapshot.filter(|snapshot| snapshot.id() == id) {
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
