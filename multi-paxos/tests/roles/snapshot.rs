//! Snapshots: taken, kept, offered, fetched in pieces, and trusted only once they are on disk.

mod pieces;

use super::*;
use paxos_core::{Bytes, Fold, Replica, Snapshot, SnapshotId, Timeouts, To};
use std::time::Duration;

pub(super) type Sum = Fold<u64, u64, u64>;

pub(super) fn sum() -> Sum {
    Fold::new(0, |sum, n| {
        *sum += n;
        *sum
    })
}

pub(super) const PATIENCE: u64 = 50_000_000;
pub(super) const N0: NodeId = NodeId(0);
pub(super) const N1: NodeId = NodeId(1);
pub(super) const N2: NodeId = NodeId(2);

/// One of three servers that take a snapshot every 4 slots and send it in pieces of 16 bytes.
#[derive(Clone)]
pub(super) struct Server {
    pub(super) node: Node<P>,
    pub(super) replica: Replica<Sum>,
    pub(super) disk: (Option<Snapshot>, Vec<Record<u64>>),
}

impl Server {
    pub(super) fn config() -> Config {
        let mut config = Config::collapsed(3).expect("lawful");
        (config.limits.snapshot, config.limits.chunk) = (4, 16);
        config.timeouts = Timeouts { resend: Some(Duration::from_nanos(PATIENCE)), ..Timeouts::NEVER };
        config
    }

    /// A server of another cluster.
    pub(super) fn of(config: Config, id: NodeId) -> Self {
        let node = Node::<P>::new(setup(config, id.0), NOW);
        Self { node, replica: Replica::new(sum(), &paxos_core::Limits::default()), disk: (None, Vec::new()) }
    }

    /// Power fails and returns.
    pub(super) fn restart(&mut self, config: Config) {
        let (snapshot, records) = self.disk.clone();
        let id = self.node.id();
        self.node = Node::<P>::restore_from(setup(config, id.0), NOW, 1, snapshot, &records);
        self.replica = Replica::new(sum(), &paxos_core::Limits::default());
    }

    fn new(id: NodeId) -> Self {
        let mut node = Node::<P>::new(setup(Self::config(), id.0), NOW);
        // n0's campaign is not part of this test.
        if id == N0 {
            node.step(NOW, Event::Message { from: N1, message: Message::Prepare(prepare(ballot(1, 1), 0)) });
        }
        Self { node, replica: Replica::new(sum(), &paxos_core::Limits::default()), disk: (None, Vec::new()) }
    }

    /// A server that has executed the first `n` slots.
    fn after(id: NodeId, n: u64) -> Self {
        let mut server = Self::new(id);
        server.hear(
            N0,
            Message::Chosen { first: Slot(0), batch: batch(0..n), known: Slot(n), asked: Some(Slot(0)) },
        );
        server
    }

    pub(super) fn snapshot(&self) -> SnapshotId {
        self.node.snapshot().expect("it took one").id()
    }

    pub(super) fn hear(&mut self, from: NodeId, message: Message<P>) -> Vec<(To, Message<P>)> {
        self.node.step(NOW, Event::Message { from, message });
        self.settle()
    }

    /// Does all pending work, with a disk. Returns the messages sent.
    pub(super) fn settle(&mut self) -> Vec<(To, Message<P>)> {
        let mut said = Vec::new();
        loop {
            let mut ready = self.node.ready();
            said.extend(ready.messages().map(|e| (e.to, e.message)));
            ready.execute(&mut self.replica);
            if let Some(write) = ready.write() {
                match write.snapshot() {
                    Some(snapshot) => self.disk = (Some(snapshot.clone()), write.records().to_vec()),
                    None => self.disk.1.extend_from_slice(write.records()),
                }
                self.node.durable(write.durable());
            }
            if !self.node.is_ready() {
                return said;
            }
        }
    }

    /// Its answer to `from`, if that is its only message.
    fn answer(&mut self, from: NodeId, message: Message<P>) -> Message<P> {
        let said = self.hear(from, message);
        let [(To::One(to), answer)] = &said[..] else { panic!("{said:?}") };
        assert_eq!(*to, from);
        answer.clone()
    }
}

/// Lets `behind` fetch from `peer` up to the piece at `offset`, which is returned undelivered, or everything.
pub(super) fn fetch(behind: &mut Server, peer: &mut Server, stop: Option<u64>) -> Option<Message<P>> {
    let offer = peer.answer(behind.node.id(), Message::CatchUp { from: Slot(0) });
    assert!(matches!(offer, Message::Offer { .. }), "{offer:?}");
    let mut said = behind.hear(peer.node.id(), offer);
    while let [(To::One(to), fetch @ Message::Fetch { .. })] = &said[..] {
        assert_eq!(*to, peer.node.id());
        let chunk = peer.answer(behind.node.id(), fetch.clone());
        if matches!(&chunk, Message::Chunk { offset, .. } if Some(*offset) == stop) {
            return Some(chunk);
        }
        said = behind.hear(peer.node.id(), chunk);
    }
    None
}

#[test]
fn who_misses_what_is_forgotten_gets_it_piece_by_piece() {
    let (mut peer, mut behind) = (Server::after(N1, 9), Server::new(N2));
    assert_eq!(peer.snapshot().next, Slot(9));
    // It keeps the log of one more interval.
    let told = peer.answer(N2, Message::CatchUp { from: Slot(5) });
    assert_eq!(
        told,
        Message::Chosen { first: Slot(5), batch: batch(5..9), known: Slot(9), asked: Some(Slot(5)) }
    );
    assert_eq!(fetch(&mut behind, &mut peer, None), None);
    assert_eq!(behind.replica.machine(), peer.replica.machine());
    assert_eq!((behind.node.chosen().first_unknown(), behind.replica.next()), (Slot(9), Slot(9)));
    assert_eq!(behind.disk.0.as_ref().map(Snapshot::id), Some(peer.snapshot()));
    // Now it has the snapshot, and may pass it on.
    assert_eq!(
        behind.answer(N0, Message::CatchUp { from: Slot(0) }),
        Message::Offer { snapshot: peer.snapshot() }
    );
}

#[test]
fn a_snapshot_counts_when_it_is_on_disk_and_not_before() {
    let (mut peer, mut behind) = (Server::after(N1, 9), Server::new(N2));
    behind.hear(N0, Message::Accept(accept(ballot(2, 0), 7, 7..11)));
    let last = (peer.snapshot().length - 1) / 16 * 16;
    let chunk = fetch(&mut behind, &mut peer, Some(last)).expect("the last piece");
    behind.node.step(NOW, Event::Message { from: N1, message: chunk });
    let before = behind.node.clone();
    let write = behind.node.ready().write().expect("it is whole");
    let (snapshot, records) = (write.snapshot().expect("it is that").clone(), write.records().to_vec());
    assert_eq!(snapshot.id(), peer.snapshot());
    // Votes of the acceptor after the snapshot stay, and so does the fact that it has voted.
    let voted = Record::Voted { ballot: ballot(2, 0), first: Slot(9), batch: batch(9..11) };
    let promised = Record::Promised { ballot: ballot(2, 0), slots: Slot(9).onwards() };
    assert_eq!(records, [voted, promised, Record::Started(ballot(2, 0))]);
    drop(behind.node.ready());
    assert_eq!(behind.node.chosen(), before.chosen());
    assert_eq!(behind.node.acceptor(), before.acceptor());
    behind.node.durable(write.durable());
    assert_eq!(behind.node.chosen().first_unknown(), Slot(9));
    // Restored from disk, it starts in the same place.
    let again = Node::<P>::restore_from(setup(Server::config(), 2), NOW, 1, Some(snapshot), &records);
    assert_eq!(again.chosen().first_unknown(), Slot(9));
    let memory = |node: &Node<P>| node.acceptor().map(|a| (a.promised(), a.votes().clone()));
    assert_eq!(memory(&again), memory(&behind.node));
}

#[test]
fn pieces_that_do_not_fit_change_nothing() {
    let (mut peer, mut behind) = (Server::after(N1, 9), Server::new(N2));
    let chunk = fetch(&mut behind, &mut peer, Some(16)).expect("the second piece");
    let Message::Chunk { snapshot, offset, bytes } = chunk.clone() else { panic!("{chunk:?}") };
    let before = behind.node.clone();
    let other = Server::after(N0, 5).snapshot();
    for (snapshot, offset, bytes) in [
        (snapshot, 0, bytes.clone()),
        (snapshot, 32, bytes.clone()),
        (snapshot, offset, Bytes::empty()),
        (snapshot, offset, Bytes::from(vec![0; 1000])),
        (other, offset, bytes.clone()),
    ] {
        assert_eq!(behind.hear(N1, Message::Chunk { snapshot, offset, bytes }), []);
        assert_eq!(behind.node, before);
    }
    assert!(matches!(behind.answer(N1, chunk), Message::Fetch { offset: 32, .. }));
}

#[test]
fn a_damaged_piece_spoils_the_snapshot_and_nothing_else() {
    let (mut peer, mut behind) = (Server::after(N1, 9), Server::new(N2));
    let chunk = fetch(&mut behind, &mut peer, Some(16)).expect("the second piece");
    let Message::Chunk { snapshot, offset, bytes } = chunk else { panic!("{chunk:?}") };
    let mut damaged = bytes.to_vec();
    damaged[3] ^= 1;
    let mut said = behind.hear(N1, Message::Chunk { snapshot, offset, bytes: damaged.into() });
    while let [(_, fetch @ Message::Fetch { .. })] = &said[..] {
        let chunk = peer.answer(N2, fetch.clone());
        said = behind.hear(N1, chunk);
    }
    assert_eq!((behind.node.chosen().first_unknown(), behind.disk.0.is_none()), (Slot(0), true));
    assert_eq!(fetch(&mut behind, &mut peer, None), None);
    assert_eq!(behind.replica.machine(), peer.replica.machine());
}

#[test]
fn who_gets_no_answer_asks_again_and_then_another_peer_for_the_rest() {
    let (mut peer, mut behind) = (Server::after(N1, 9), Server::new(N2));
    fetch(&mut behind, &mut peer, Some(16)).expect("the second piece");
    let mut asked = Vec::new();
    for round in 1..8 {
        behind.node.step(Time(round * PATIENCE), Event::Timeout);
        asked.extend(behind.settle());
    }
    let again = |to| (To::One(to), Message::Fetch { snapshot: peer.snapshot(), offset: 16 });
    assert_eq!(asked[..3], [again(N1), again(N0), again(N1)]);
    // In the end it gives up, and takes the snapshot offered.
    assert!(asked.len() < 7 && behind.node.deadline().is_none(), "{asked:?}");
    let mut other = Server::after(N0, 5);
    assert_eq!(fetch(&mut behind, &mut other, None), None);
    assert_eq!(behind.replica.next(), Slot(5));
}

#[test]
fn a_peer_that_has_another_snapshot_offers_that() {
    let (peer, mut other) = (Server::after(N1, 5), Server::after(N0, 9));
    let ask = Message::Fetch { snapshot: peer.snapshot(), offset: 16 };
    assert_eq!(other.answer(N2, ask), Message::Offer { snapshot: other.snapshot() });
    // An older snapshot is useless to a peer that asks for a newer one.
    let mut older = Server::after(N0, 5);
    assert_eq!(older.hear(N2, Message::Fetch { snapshot: other.snapshot(), offset: 0 }), []);
    assert_eq!(older.hear(N2, Message::Fetch { snapshot: older.snapshot(), offset: u64::MAX }), []);
}

#[test]
fn a_snapshot_that_is_being_fetched_is_kept_when_a_newer_one_is_taken() {
    let (mut peer, mut behind) = (Server::after(N1, 9), Server::new(N2));
    let before = peer.snapshot();
    let chunk = fetch(&mut behind, &mut peer, Some(16)).expect("the second piece");
    for n in [9, 14, 19] {
        peer.hear(
            N0,
            Message::Chosen {
                first: Slot(n),
                batch: batch(n..n + 5),
                known: Slot(n + 5),
                asked: Some(Slot(n)),
            },
        );
        let piece = peer.answer(N2, Message::Fetch { snapshot: before, offset: 16 });
        assert_eq!(piece, chunk, "a snapshot up to {} is there", peer.snapshot().next);
    }
}

#[test]
fn who_asks_about_forgotten_slots_is_told_that_it_is_behind() {
    let mut peer = Server::after(N1, 9);
    let said = peer.hear(N2, Message::Prepare(prepare(ballot(3, 2), 0)));
    let nack = Nack { refused: ballot(3, 2), promised: Ballot::ZERO, slots: Slot(0).onwards() };
    let progress = Message::Progress { chosen: Slot(9), durable: Slot(9) };
    assert_eq!(said, [(To::One(N2), progress), (To::One(N2), Message::Nack(nack))]);
    let promised = peer.answer(N2, Message::Prepare(prepare(ballot(3, 2), 5)));
    assert_eq!(promised, Message::Promise(promise(ballot(3, 2), 5, vec![])));
}

#[test]
fn a_leader_that_takes_over_a_snapshot_leads_no_more() {
    let (mut peer, mut behind) = (Server::after(N1, 9), Server::new(N2));
    let mut leading = super::proposer::leading_bench(0..3);
    fetch(&mut behind, &mut peer, None);
    paxos_core::Proposer::<P>::on_chosen(&mut leading, NOW, behind.node.chosen());
    assert_eq!(
        paxos_core::Proposer::<P>::leading(&leading),
        None,
        "it cannot vouch for what it has not seen"
    );
}

/// A state is written down while its process continues. Slots reported as durable meanwhile remain durable when the
/// snapshot replaces everything, however old the snapshot is.
#[test]
fn a_snapshot_that_comes_late_drops_nothing_that_is_durable() {
    let mut config = Server::config();
    (config.limits.snapshot, config.limits.window, config.limits.batch) = (300, 4, 4);
    let chosen = |slots: core::ops::Range<u64>| {
        let (first, known) = (Slot(slots.start), Slot(slots.end));
        Message::Chosen { first, batch: batch(slots), known, asked: Some(first) }
    };
    let mut server = Server::of(config.clone(), N1);
    for first in (0..300).step_by(20) {
        let message = chosen(first..first + 20);
        server.node.step(NOW, Event::Message { from: N0, message });
    }
    let captured = server.node.ready().advance(&mut server.replica).expect("it is time");
    for first in (300..400).step_by(20) {
        server.hear(N0, Message::Accept(accept(ballot(1, 0), first, first..first + 20)));
        server.hear(N0, chosen(first..first + 20));
    }
    // It learned these slots from others and has not voted in them.
    for first in (400..480).step_by(20) {
        server.hear(N0, chosen(first..first + 20));
    }
    server.hear(N0, Message::Accept(accept(ballot(1, 0), 480, 480..484)));
    assert_eq!((server.node.status().durable, server.disk.0.is_none()), (Slot(480), true));
    server.node.written_down(captured.write_down().expect("in memory"));
    server.settle();
    assert_eq!(server.disk.0.as_ref().map(Snapshot::next), Some(Slot(300)));
    server.restart(config);
    assert_eq!(server.node.chosen().first_unknown(), Slot(480));
    assert_eq!(server.node.status().durable, Slot(480));
}
