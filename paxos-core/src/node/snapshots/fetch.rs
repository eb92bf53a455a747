//! How a process that is far behind gets a snapshot: it pulls one piece at a time.
//!
//! ```text
//!   behind ── catch_up ──▶ peer          the peer's log begins later than that
//!          ◀── offer ─────               by name: slot, length, checksum
//!          ── fetch, offset 0 ──▶ peer
//!          ◀── chunk, offset 0 ──
//!          ── fetch, offset n ──▶ …      until it is whole; then it is written, and only then it counts
//! ```
//!
//! The pieces are kept in memory, or handed out to a driver that keeps them, for example in a file
//! ([`Node::hand_out_pieces`]). The next piece is asked for when the last one is kept.
//!
//! The peer remembers nothing about this, so it may crash: another peer with the same snapshot continues, and a peer
//! without it offers its own.

use crate::{Bytes, Message, Node, NodeId, Protocol, Slot, Snapshot, SnapshotId, Time, To};
use core::time::Duration;

/// A piece of a snapshot that is being fetched, to be kept after the pieces before it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct SnapshotPiece {
    /// The snapshot.
    pub snapshot: SnapshotId,
    /// The offset of the first byte. 0: this is the first piece, and all pieces kept before are useless.
    pub offset: u64,
    /// The bytes, at least one.
    pub bytes: Bytes,
    /// The process that sent them.
    pub from: NodeId,
}

impl SnapshotPiece {
    /// Whether it is the last piece.
    pub fn is_last(&self) -> bool {
        self.offset + self.bytes.len() as u64 == self.snapshot.length
    }
}

/// A piece of a snapshot that a peer wants.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct WantedPiece {
    to: NodeId,
    snapshot: Snapshot,
    offset: u64,
    /// The most bytes it may have.
    limit: usize,
}

impl WantedPiece {
    /// Reads the piece for [`Node::lend`]. None at the end of the snapshot, or if it cannot be read.
    pub fn read(&self) -> Option<Bytes> {
        self.snapshot.chunk(self.offset, self.limit)
    }
}

/// A snapshot that is being fetched.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::node) struct Fetching {
    id: SnapshotId,
    peer: NodeId,
    /// The number of bytes that are kept, and the bytes, if they are kept here.
    have: u64,
    bytes: Vec<u8>,
    /// The next piece, if it has arrived, and whether the driver has taken it.
    piece: Option<Bytes>,
    taken: bool,
    /// When to ask again.
    again: Option<Time>,
    /// The number of questions without an answer.
    vain: usize,
}

impl Fetching {
    /// Whether it covers slots from `next` on.
    pub(in crate::node) fn ends_behind(&self, next: Slot) -> bool {
        self.id.next > next
    }

    pub(in crate::node) fn deadline(&self) -> Option<Time> {
        self.again
    }
}

impl<P: Protocol> Node<P> {
    /// How long to wait for a piece. None where questions are never repeated.
    pub(in crate::node) fn fetch_patience(&self) -> Option<Duration> {
        let timeouts = self.setup.config.timeouts;
        timeouts.resend.or(timeouts.gossip).map(|patience| patience.max(Duration::from_nanos(1)))
    }

    /// Whether a snapshot with this identity would cover slots that this process does not know.
    fn is_news(&self, id: SnapshotId) -> bool {
        self.learner.is_some() && id.next > self.chosen.first_unknown() && !self.store.is_busy()
    }

    #[cold]
    pub(in crate::node) fn on_offer(&mut self, from: NodeId, id: SnapshotId) {
        // Its store may have failed to keep it, and the process has learned what it holds.
        self.drop_useless_fetch();
        if !self.is_news(id) || id.length == 0 {
            return;
        }
        // The current peer answers, or it is too early for the last resort: to start over with another snapshot.
        let peers = self.others(self.members.learners).len();
        if self.fetching.as_ref().is_some_and(|f| f.vain == 0 || (f.id != id && f.vain <= peers)) {
            return;
        }
        match &mut self.fetching {
            // It is the same snapshot from another peer, so the pieces fit together.
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

    /// Handles a peer's question for a piece. If the snapshot is no longer here, offers the current one.
    #[cold]
    pub(in crate::node) fn on_fetch(&mut self, from: NodeId, id: SnapshotId, offset: u64) {
        let limit = self.setup.config.limits.chunk;
        if let Some(snapshot) = self.store.lend(from, id, self.now).cloned() {
            let wanted = WantedPiece { to: from, snapshot, offset, limit };
            if self.store.hands_out {
                // A peer that asks again has waited long enough, so only its last question counts.
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

    /// Sends a wanted piece. None if it cannot be read; the peer then asks another one.
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
        // A piece that arrives twice, belongs to another snapshot or does not fit is useless.
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

    /// Hands out pieces from now on: those that are fetched by [`crate::Ready::piece`], instead of keeping them in
    /// memory, and those that peers want by [`crate::Ready::wanted`], instead of reading them at once.
    pub fn hand_out_pieces(&mut self) {
        self.store.hands_out = true;
    }

    /// Returns the last piece, for the driver to keep.
    pub(in crate::node) fn take_piece(&mut self) -> Option<SnapshotPiece> {
        let fetching = self.fetching.as_mut().filter(|fetching| !fetching.taken)?;
        let (snapshot, offset, bytes) = (fetching.id, fetching.have, fetching.piece.clone()?);
        fetching.taken = true;
        Some(SnapshotPiece { snapshot, offset, bytes, from: fetching.peer })
    }

    /// Keeps the last piece in memory.
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

    /// Notes that a piece from [`crate::Ready::piece`] is kept. Must not be called for the last piece.
    pub fn kept(&mut self, piece: &SnapshotPiece) {
        let whose = |fetching: &&mut Fetching| fetching.id == piece.snapshot && fetching.have == piece.offset;
        let Some(fetching) = self.fetching.as_mut().filter(whose) else { return };
        fetching.have += piece.bytes.len() as u64;
        (fetching.piece, fetching.taken) = (None, false);
        self.drop_useless_fetch();
        self.fetch();
    }

    /// Takes the snapshot `id`, all of whose pieces are kept. None if they do not make a snapshot. Its identity is
    /// checked, because the pieces may come from several peers.
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

    /// Asks again when no answer has come for a while.
    pub(in crate::node) fn fetch_again(&mut self) {
        if self.fetching.as_ref().is_none_or(|f| f.again.is_none_or(|at| at > self.now)) {
            return;
        }
        self.drop_useless_fetch();
        let peers = self.others(self.members.learners);
        let Some(fetching) = &mut self.fetching else { return };
        fetching.vain += 1;
        if fetching.vain > 2 * peers.len() + 1 {
            // It starts over with any peer that offers a snapshot.
            self.fetching = None;
            return;
        }
        // The first time, probably only a message was lost. After that, another peer may have the snapshot as well.
        if fetching.vain > 1
            && let Some(next) = peers.iter().find(|peer| *peer > fetching.peer).or(peers.smallest())
        {
            fetching.peer = next;
        }
        self.fetch();
    }

    /// Drops the fetch if its slots have been learned in another way meanwhile.
    pub(in crate::node) fn drop_useless_fetch(&mut self) {
        if self.fetching.as_ref().is_some_and(|f| !self.is_news(f.id)) {
            self.fetching = None;
        }
    }
}
