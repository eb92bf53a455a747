//! Snapshots: taken, kept, offered, fetched in pieces, and trusted only once they are on disk.

use super::{N0, N1, N2, PATIENCE, Server, forgetful, forgetful_learners, told};
use crate::conformance::roles::stage::{NOW, elect, entry, stage};
use crate::conformance::{Facts, Tested};
use paxos_core::{
    Acceptor as _, Ballot, Bytes, Fact, Message, Nack, Node, NodeId, Proposer as _, Recorded, Slot, Snapshot,
    To,
};

/// A server that has executed the first `n` slots.
pub(super) fn after<P: Tested>(facts: &Facts<P>, id: NodeId, n: u64) -> Server<'_, P> {
    Server::after(facts, forgetful_learners(facts), id, n)
}

/// A peer that has executed nine slots, and one that has missed them.
pub(super) fn pair<P: Tested>(facts: &Facts<P>) -> (Server<'_, P>, Server<'_, P>) {
    (after(facts, N1, 9), after(facts, N2, 0))
}

/// Lets `behind` fetch from `peer` up to the piece at `offset`, which is returned undelivered, or everything.
pub(super) fn fetch<P: Tested>(
    behind: &mut Server<'_, P>,
    peer: &mut Server<'_, P>,
    stop: Option<u64>,
) -> Option<Message<P>> {
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

/// Then it can pass on the snapshot.
pub fn who_misses_what_is_forgotten_gets_it_piece_by_piece<P: Tested>(facts: &Facts<P>) {
    let (mut peer, mut behind) = pair(facts);
    assert_eq!(peer.snapshot().next, Slot(9));
    // It keeps the log of one more interval.
    let log = peer.answer(N2, Message::CatchUp { from: Slot(5) });
    assert_eq!(log, told(5, (5..9).map(entry)));
    assert_eq!(fetch(&mut behind, &mut peer, None), None);
    assert_eq!(behind.replica.machine(), peer.replica.machine());
    assert_eq!((behind.unknown(), behind.replica.next()), (Slot(9), Slot(9)));
    assert_eq!(behind.disk.0.as_ref().map(Snapshot::id), Some(peer.snapshot()));
    let offer = Message::Offer { snapshot: peer.snapshot() };
    assert_eq!(behind.answer(N0, Message::CatchUp { from: Slot(0) }), offer);
}

/// Votes behind the snapshot stay, and so does the ballot in which they were cast.
pub fn a_snapshot_counts_when_it_is_on_disk_and_not_before<P: Tested>(facts: &Facts<P>) {
    let (mut peer, mut behind) = pair(facts);
    if facts.compacts {
        behind.vote(N0, Ballot::classic(1, N0), 7..11);
    }
    let last = (peer.snapshot().length - 1) / 16 * 16;
    let chunk = fetch(&mut behind, &mut peer, Some(last)).expect("the last piece");
    behind.give(N1, chunk);
    let before = behind.node.clone();
    let write = behind.node.ready().write().expect("it is whole");
    let (snapshot, records) = (write.snapshot().expect("it is that").clone(), write.records().to_vec());
    assert_eq!(snapshot.id(), peer.snapshot());
    drop(behind.node.ready());
    assert_eq!(behind.node.chosen(), before.chosen());
    assert_eq!(behind.node.acceptor(), before.acceptor());
    behind.node.durable(write.durable());
    assert_eq!(behind.unknown(), Slot(9));
    // Restored from disk, it starts in the same place.
    let setup = behind.node.setup().clone();
    let again = Node::<P>::restore_from(setup, NOW, 1, Some(snapshot), &records);
    assert_eq!(again.chosen().first_unknown(), Slot(9));
    let votes = |node: &Node<P>| node.acceptor().map(|acceptor| acceptor.votes().clone());
    assert_eq!(votes(&again), votes(&behind.node));
    let mut kept = Vec::new();
    for record in &records {
        record.facts(&mut |fact| {
            if let Fact::Vote { ballot, slot, entry } = fact {
                kept.push((slot, ballot, entry.cloned()));
            }
        });
    }
    let expected = [9, 10].map(|slot| (Slot(slot), Ballot::classic(2, N0), Some(entry(slot))));
    assert_eq!(kept, if facts.compacts { &expected[..] } else { &[] });
    let lower = Ballot::classic(1, N2);
    assert!(again.acceptor().is_none_or(|acceptor| !acceptor.follows(lower)), "its promise is on disk");
}

/// They come from another snapshot, another place, or are too short or too long.
pub fn pieces_that_do_not_fit_change_nothing<P: Tested>(facts: &Facts<P>) {
    let (mut peer, mut behind) = pair(facts);
    let chunk = fetch(&mut behind, &mut peer, Some(16)).expect("the second piece");
    let Message::Chunk { snapshot, offset, bytes } = chunk.clone() else { panic!("{chunk:?}") };
    let before = behind.node.clone();
    let other = after(facts, N0, 5).snapshot();
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

/// It is fetched anew.
pub fn a_damaged_piece_spoils_the_snapshot_and_nothing_else<P: Tested>(facts: &Facts<P>) {
    let (mut peer, mut behind) = pair(facts);
    let chunk = fetch(&mut behind, &mut peer, Some(16)).expect("the second piece");
    let Message::Chunk { snapshot, offset, bytes } = chunk else { panic!("{chunk:?}") };
    let mut damaged = bytes.to_vec();
    damaged[3] ^= 1;
    let mut said = behind.hear(N1, Message::Chunk { snapshot, offset, bytes: damaged.into() });
    while let [(_, fetch @ Message::Fetch { .. })] = &said[..] {
        let chunk = peer.answer(N2, fetch.clone());
        said = behind.hear(N1, chunk);
    }
    assert_eq!((behind.unknown(), behind.disk.0.is_none()), (Slot(0), true));
    assert_eq!(fetch(&mut behind, &mut peer, None), None);
    assert_eq!(behind.replica.machine(), peer.replica.machine());
}

/// In the end it gives up, and takes the snapshot offered.
pub fn who_gets_no_answer_asks_again_and_then_another_peer_for_the_rest<P: Tested>(facts: &Facts<P>) {
    let (mut peer, mut behind) = pair(facts);
    fetch(&mut behind, &mut peer, Some(16)).expect("the second piece");
    let asked: Vec<_> = (1..12).flat_map(|round| behind.wake(NOW.after(round * PATIENCE))).collect();
    let again = |to| (To::One(to), Message::Fetch { snapshot: peer.snapshot(), offset: 16 });
    // All three are acceptors, or only learn from n3.
    let peers = if facts.compacts { [N1, N0, N1] } else { [N1, NodeId(3), N0] };
    assert_eq!(asked[..3], peers.map(again));
    assert!(
        asked.len() <= if facts.compacts { 6 } else { 9 } && behind.node.deadline().is_none(),
        "{asked:?}"
    );
    let mut other = after(facts, N0, 5);
    assert_eq!(fetch(&mut behind, &mut other, None), None);
    assert_eq!(behind.replica.next(), Slot(5));
}

/// An older snapshot is useless to a peer that asks for a newer one.
pub fn a_peer_that_has_another_snapshot_offers_that<P: Tested>(facts: &Facts<P>) {
    let (peer, mut other) = (after(facts, N1, 5), after(facts, N0, 9));
    let ask = Message::Fetch { snapshot: peer.snapshot(), offset: 16 };
    assert_eq!(other.answer(N2, ask), Message::Offer { snapshot: other.snapshot() });
    let mut older = after(facts, N0, 5);
    assert_eq!(older.hear(N2, Message::Fetch { snapshot: other.snapshot(), offset: 0 }), []);
    assert_eq!(older.hear(N2, Message::Fetch { snapshot: older.snapshot(), offset: u64::MAX }), []);
}

/// Otherwise a slow peer would never have one whole.
pub fn a_snapshot_that_is_being_fetched_is_kept_when_a_newer_one_is_taken<P: Tested>(facts: &Facts<P>) {
    let (mut peer, mut behind) = pair(facts);
    let before = peer.snapshot();
    let chunk = fetch(&mut behind, &mut peer, Some(16)).expect("the second piece");
    for n in [9, 14, 19] {
        peer.learn(n..n + 5);
        let piece = peer.answer(N2, Message::Fetch { snapshot: before, offset: 16 });
        assert_eq!(piece, chunk, "a snapshot up to {} is there", peer.snapshot().next);
    }
}

/// It may take long until a peer has checked and installed a snapshot, and it asks for nothing meanwhile.
pub fn the_log_behind_a_fetched_snapshot_is_kept_while_that_is_installed<P: Tested>(facts: &Facts<P>) {
    let (mut peer, mut behind) = pair(facts);
    assert_eq!(fetch(&mut behind, &mut peer, None), None);
    for step in 1..=40 {
        let lags = Message::Progress { chosen: Slot(0), durable: Slot(0) };
        peer.hear_at(NOW.after(step * PATIENCE), N2, lags);
    }
    for n in [9, 14, 19, 24] {
        peer.learn(n..n + 5);
    }
    assert!(peer.snapshot().next > Slot(20));
    let log = peer.answer(N2, Message::CatchUp { from: Slot(9) });
    assert!(matches!(log, Message::Chosen { first, .. } if first == Slot(9)), "{log:?}");
}

/// It makes no promise there, and makes one behind them.
pub fn who_asks_about_forgotten_slots_is_told_that_it_is_behind<P: Tested>(facts: &Facts<P>) {
    let mut peer = Server::after(facts, forgetful(), N1, 9);
    if !facts.compacts {
        assert_eq!(peer.node.snapshot(), None, "it keeps its records and its log");
        return;
    }
    let question = peer.question(N2, Ballot::classic(2, N2), 0);
    let said = peer.hear(N2, question);
    let progress = Message::Progress { chosen: Slot(9), durable: Slot(9) };
    let [(To::One(N2), first), (To::One(N2), Message::Nack(nack))] = &said[..] else { panic!("{said:?}") };
    assert_eq!(*first, progress);
    let Nack { refused, promised, slots } = *nack;
    assert_eq!((refused, promised, slots.start), (Ballot::classic(3, N2), Ballot::ZERO, Slot(0)));
    let question = peer.question(N2, Ballot::classic(2, N2), 5);
    assert!(matches!(peer.answer(N2, question), Message::Promise(_)));
}

/// It cannot vouch for what it has not seen. Where each slot has a phase 1 of its own, a leader vouches for nothing.
pub fn a_leader_that_takes_over_a_snapshot_leads_no_more<P: Tested>(facts: &Facts<P>) {
    let (mut peer, mut behind) = pair(facts);
    let mut all = stage(facts, 3);
    elect(&mut all, 0, 0, Ballot::ZERO, &[1, 2]);
    let proposer = &mut all[0].proposer;
    assert!(proposer.leading().is_some());
    fetch(&mut behind, &mut peer, None);
    proposer.on_chosen(NOW, behind.node.chosen());
    assert!(proposer.leading().is_none() || !facts.one_phase_1);
    assert_eq!(proposer.read_index(behind.node.chosen()), None);
}

/// A state is written down while its process continues. Slots reported as durable meanwhile remain durable when the
/// snapshot replaces everything, however old the snapshot is.
pub fn a_snapshot_that_comes_late_drops_nothing_that_is_durable<P: Tested>(facts: &Facts<P>) {
    let mut config = forgetful_learners(facts);
    (config.limits.snapshot, config.limits.window, config.limits.batch) = (300, 4, 4);
    let mut server = Server::new(facts, config, N1);
    for first in (0..300).step_by(20) {
        server.give(N0, told(first, (first..first + 20).map(entry)));
    }
    let captured = server.node.ready().advance(&mut server.replica).expect("it is time");
    for first in (300..400).step_by(4) {
        if facts.compacts {
            server.vote(N0, Ballot::ZERO, first..first + 4);
        }
        server.learn(first..first + 4);
    }
    // It learned these slots from others and has not voted in them.
    for first in (400..480).step_by(20) {
        server.learn(first..first + 20);
    }
    if facts.compacts {
        server.vote(N0, Ballot::ZERO, 480..484);
        assert_eq!(server.node.status().durable, Slot(480));
    }
    assert!(server.disk.0.is_none());
    server.node.written_down(captured.write_down().expect("in memory"));
    server.settle();
    assert_eq!(server.disk.0.as_ref().map(Snapshot::next), Some(Slot(300)));
    server.restart();
    // A process that only learns writes nothing but snapshots.
    let durable = Slot(if facts.compacts { 480 } else { 300 });
    assert_eq!((server.unknown(), server.node.status().durable), (durable, durable));
}
