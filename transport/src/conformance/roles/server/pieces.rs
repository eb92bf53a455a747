//! Pieces of snapshots that are kept outside of the node.

use super::fetching::{after, pair};
use super::{N0, N1, N2, PATIENCE, Said, Server, forgetful_learners};
use crate::conformance::roles::stage::{NOW, entry};
use crate::conformance::{Facts, Tested};
use paxos_core::{Message, Slot, Snapshot, To, WantedPiece};

/// A driver that keeps pieces itself: one piece is under way at a time, and only fitting pieces of the snapshot count.
pub fn pieces_that_are_handed_out_are_asked_for_when_the_last_one_is_kept<P: Tested>(facts: &Facts<P>) {
    let (mut peer, mut behind) = pair(facts);
    behind.node.hand_out_pieces();
    let offer = peer.answer(N2, Message::CatchUp { from: Slot(0) });
    let mut said = behind.hear(N1, offer);
    let mut bytes = Vec::new();
    loop {
        let [(To::One(N1), fetch @ Message::Fetch { offset, .. })] = &said[..] else { panic!("{said:?}") };
        assert_eq!(*offset, bytes.len() as u64);
        let chunk = peer.answer(N2, fetch.clone());
        assert_eq!(behind.hear(N1, chunk.clone()), [], "the next one is not asked for yet");
        let piece = behind.node.ready().piece().expect("it has come");
        // The same piece again changes nothing.
        assert_eq!(behind.hear(N1, chunk), []);
        assert_eq!((behind.node.ready().piece(), piece.offset), (None, bytes.len() as u64));
        bytes.extend_from_slice(&piece.bytes);
        if piece.is_last() {
            assert_eq!(bytes.len() as u64, piece.snapshot.length);
            let snapshot = Snapshot::decode(bytes).expect("whole");
            behind.node.fetched(piece.snapshot, Some(snapshot));
            behind.settle();
            break;
        }
        behind.node.kept(&piece);
        said = behind.settle();
    }
    assert_eq!(behind.replica.machine(), peer.replica.machine());
}

/// A snapshot that a driver has assembled is still checked.
pub fn pieces_that_are_another_snapshot_together_are_fetched_anew<P: Tested>(facts: &Facts<P>) {
    let (mut peer, mut behind) = pair(facts);
    behind.node.hand_out_pieces();
    let offer = peer.answer(N2, Message::CatchUp { from: Slot(0) });
    behind.hear(N1, offer.clone());
    let other = after(facts, N1, 12).node.snapshot().cloned();
    assert!(other.is_some());
    behind.node.fetched(peer.snapshot(), other);
    behind.settle();
    assert_eq!((behind.replica.next(), behind.disk.0.is_none()), (Slot(0), true));
    let said = behind.hear(N1, offer);
    assert!(matches!(said[..], [(To::One(N1), Message::Fetch { offset: 0, .. })]), "{said:?}");
}

/// A driver that reads the pieces that peers ask for. Who asks for an earlier piece asks for all of them again.
pub fn what_a_peer_wants_is_handed_out_once<P: Tested>(facts: &Facts<P>) {
    let mut peer = after(facts, N1, 9);
    peer.node.hand_out_pieces();
    let snapshot = peer.snapshot();
    for offset in [5, 7, 3, 7, 7] {
        assert_eq!(peer.hear(N2, Message::Fetch { snapshot, offset }), []);
    }
    let wanted: Vec<_> = peer.node.ready().wanted().map(|wanted| wanted.read()).collect();
    let pieces = [3, 7].map(|offset| after(facts, N1, 9).answer(N2, Message::Fetch { snapshot, offset }));
    let bytes = pieces.map(|piece| if let Message::Chunk { bytes, .. } = piece { Some(bytes) } else { None });
    assert_eq!(wanted, bytes);
    for (from, offset) in [(N2, 3), (N0, snapshot.length)] {
        assert_eq!(peer.hear(from, Message::Fetch { snapshot, offset }), []);
    }
    let wanted: Vec<_> = peer.node.ready().wanted().collect();
    let bytes: Vec<_> = wanted.iter().map(WantedPiece::read).collect();
    let [Some(third), None] = &bytes[..] else { panic!("{bytes:?}") };
    wanted.iter().zip(&bytes).for_each(|(wanted, bytes)| peer.node.lend(wanted, bytes.clone()));
    let chunk = Message::Chunk { snapshot, offset: 3, bytes: third.clone() };
    assert_eq!(peer.settle(), [(To::One(N2), chunk)]);
    assert_eq!(peer.node.ready().wanted().count(), 0);
}

/// The disk kept no piece, and the driver says so later. Meanwhile the process learns the slots of that snapshot, and is offered
/// another, whose slots it misses.
pub fn a_fetch_that_has_become_useless_gives_way_to_another<P: Tested>(facts: &Facts<P>) {
    let mut config = forgetful_learners(facts);
    config.limits.snapshot = 0;
    let mut behind = Server::new(facts, config, N2);
    behind.node.hand_out_pieces();
    let [first, second] = [9, 18].map(|n| after(facts, N1, n).answer(N2, Message::CatchUp { from: Slot(0) }));
    let fetches = |said: &super::Said<P>| said.iter().any(|(_, m)| matches!(m, Message::Fetch { .. }));
    assert!(fetches(&behind.hear(N1, first)));
    let batch = (0..10).map(entry).collect();
    behind.hear(N0, Message::Chosen { first: Slot(0), batch, known: Slot(18), asked: Some(Slot(0)) });
    assert!(fetches(&behind.hear(N1, second)));
}

/// Over a long way, one piece in each round trip would take too long. One that is lost is asked for again, alone.
pub fn pieces_that_come_soon_are_asked_for_several_at_a_time<P: Tested>(facts: &Facts<P>) {
    let mut config = forgetful_learners(facts);
    config.timeouts.election = Some(PATIENCE);
    let (mut peer, mut behind) = (after(facts, N1, 9), Server::<P>::after(facts, config, N2, 0));
    behind.node.hand_out_pieces();
    let offer = peer.answer(N2, Message::CatchUp { from: Slot(0) });
    let offsets = |said: &Said<P>| -> Vec<u64> {
        said.iter()
            .filter_map(|(_, m)| if let Message::Fetch { offset, .. } = m { Some(*offset) } else { None })
            .collect()
    };
    let mut said = behind.hear(N1, offer);
    assert_eq!(offsets(&said), [0]);
    let mut answer = |fetch: &Message<P>| peer.answer(N2, fetch.clone());
    // While the driver keeps the first, the second is under way; then two more are.
    let first = answer(&said[0].1);
    said = behind.hear(N1, first);
    assert_eq!(offsets(&said), [16]);
    let piece = behind.node.ready().piece().expect("it has come");
    behind.node.kept(&piece);
    let third = behind.settle();
    assert_eq!(offsets(&third), [32]);
    // The second comes, the third is lost, and what was asked for after it does not fit.
    let second = answer(&said[0].1);
    let more = behind.hear(N1, second);
    assert_eq!(offsets(&more), [48]);
    let fourth = answer(&more[0].1);
    assert_eq!(behind.hear(N1, fourth), []);
    let piece = behind.node.ready().piece().expect("the second");
    assert_eq!(piece.offset, 16);
    behind.node.kept(&piece);
    assert_eq!(offsets(&behind.settle()), [64]);
    assert_eq!(offsets(&behind.wake(NOW.after(PATIENCE * 2))), [32]);
}
