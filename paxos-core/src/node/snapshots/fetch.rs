//! How a process that is far behind gets a snapshot: it pulls pieces, one at a time or several in a row.
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
//! ([`Node::hand_out_pieces`]). The next piece is asked for when the last one is kept. While pieces come soon after they
//! were asked for, more of them are under way: over a long way, one piece in each round trip would take longer than the
//! log takes to outgrow what peers keep of it.
//!
//! The peer remembers nothing about this, so it may crash: another peer with the same snapshot continues, and a peer
//! without it offers its own.

use crate::{Bytes, Message, Node, NodeId, Protocol, Slot, Snapshot, SnapshotId, Time, To};
use core::time::Duration;
use std::collections::VecDeque;

/// The most pieces of one snapshot that are asked for and not kept, and the most bytes of several.
const MOST: usize = 16;
const MOST_BYTES: u64 = 4 << 20;

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
    /// The next pieces, which have arrived, and whether the driver has taken the first.
    arrived: VecDeque<Bytes>,
    taken: bool,
    /// When each of the pieces after those was asked for. All pieces but the last are as long as the one before.
    asked: VecDeque<Time>,
    length: u64,
    /// How many pieces may be asked for and not kept.
    window: usize,
    /// When to ask again.
    again: Option<Time>,
    /// The number of questions without an answer.
    vain: usize,
}

impl Fetching {
    fn new(id: SnapshotId, peer: NodeId) -> Self {
        Self {
            id,
            peer,
            have: 0,
            bytes: Vec::new(),
            arrived: VecDeque::new(),
            taken: false,
            asked: VecDeque::new(),
            length: 0,
            window: 1,
            again: None,
            vain: 0,
        }
    }

    /// The first byte that has not arrived.
    fn missing(&self) -> u64 {
        self.have + self.arrived.iter().map(|piece| piece.len() as u64).sum::<u64>()
    }

    /// Returns the offset of the next piece to ask for, and notes that it is asked for.
    fn next_piece(&mut self, now: Time) -> Option<u64> {
        let offset = self.missing() + self.asked.len() as u64 * self.length;
        let more = self.asked.len() + self.arrived.len() < self.window && offset < self.id.length;
        more.then(|| self.asked.push_back(now))?;
        Some(offset)
    }

    /// Notes that the first missing piece has arrived. More pieces are asked for if it took at most `quick`, and fewer
    /// otherwise.
    fn arrives(&mut self, from: NodeId, piece: Bytes, now: Time, quick: Option<Duration>) {
        let length = piece.len() as u64;
        let soon = self.asked.pop_front().zip(quick).is_some_and(|(asked, quick)| now.since(asked) <= quick);
        self.window = if soon { (self.window + 1).min(MOST) } else { self.window.div_ceil(2) };
        self.window = self.window.min((MOST_BYTES / length) as usize).max(1);
        if length != self.length {
            // What follows was asked for in another place.
            self.asked.clear();
            self.length = length;
        }
        self.arrived.push_back(piece);
        (self.peer, self.vain) = (from, 0);
    }

    /// Notes that nothing of what was asked for will come. One piece is asked for, from this peer or another.
    fn gives_up(&mut self) {
        self.asked.clear();
        self.window = 1;
    }

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
            Some(fetching) if fetching.id == id => {
                fetching.peer = from;
                fetching.gives_up();
            }
            Some(_) | None => self.fetching = Some(Fetching::new(id, from)),
        }
        self.fetch();
    }

    /// Asks for the next pieces.
    #[cold]
    fn fetch(&mut self) {
        let again = self.fetch_patience().map(|patience| self.now.after(patience));
        while let Some(fetching) = &mut self.fetching
            && let Some(offset) = fetching.next_piece(self.now)
        {
            fetching.again = again;
            let (peer, snapshot) = (fetching.peer, fetching.id);
            self.send(To::One(peer), Message::Fetch { snapshot, offset });
        }
    }

    /// Handles a peer's question for a piece. If the snapshot is no longer here, offers the current one.
    #[cold]
    pub(in crate::node) fn on_fetch(&mut self, from: NodeId, id: SnapshotId, offset: u64) {
        let limit = self.setup.config.limits.chunk;
        if let Some(snapshot) = self.store.lend(from, id, self.now).cloned() {
            let wanted = WantedPiece { to: from, snapshot, offset, limit };
            if self.store.hands_out {
                // A peer asks for pieces in a row. If it asks for an earlier one, it asks for all of them again.
                self.wanted
                    .retain(|other| other.to != from || (other.snapshot.id() == id && other.offset < offset));
                // It does not wait for more than these.
                if self.wanted.iter().filter(|other| other.to == from).count() >= MOST
                    && let Some(oldest) = self.wanted.iter().position(|other| other.to == from)
                {
                    self.wanted.remove(oldest);
                }
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
        let quick = self.quick();
        let again = self.fetch_patience().map(|patience| self.now.after(patience));
        let Some(fetching) = &mut self.fetching else { return };
        let missing = fetching.missing();
        // A piece that arrives twice, belongs to another snapshot, does not fit or was not asked for is useless.
        let fits = bytes.len() as u64 <= fetching.id.length.saturating_sub(missing) && !bytes.is_empty();
        if fetching.id != id || offset != missing || !fits || fetching.arrived.len() >= fetching.window {
            return;
        }
        fetching.arrives(from, bytes.clone(), self.now, quick);
        fetching.again = again.filter(|_| !fetching.asked.is_empty());
        self.stirred = true;
        self.fetch();
        if !self.store.hands_out {
            self.keep_piece();
        }
    }

    /// Hands out pieces from now on: those that are fetched by [`crate::Ready::piece`], instead of keeping them in
    /// memory, and those that peers want by [`crate::Ready::wanted`], instead of reading them at once.
    pub fn hand_out_pieces(&mut self) {
        self.store.hands_out = true;
    }

    /// Returns the next piece that has arrived, for the driver to keep.
    pub(in crate::node) fn take_piece(&mut self) -> Option<SnapshotPiece> {
        let fetching = self.fetching.as_mut().filter(|fetching| !fetching.taken)?;
        let (snapshot, offset, bytes) = (fetching.id, fetching.have, fetching.arrived.front().cloned()?);
        fetching.taken = true;
        Some(SnapshotPiece { snapshot, offset, bytes, from: fetching.peer })
    }

    /// Keeps the next piece in memory.
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
        fetching.arrived.pop_front();
        fetching.taken = false;
        // The next one may wait already.
        self.stirred = true;
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
        fetching.gives_up();
        fetching.again = None;
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
