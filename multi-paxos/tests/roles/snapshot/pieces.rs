//! Pieces that are kept outside of the node.

use super::*;

/// A driver that keeps pieces itself: one piece is under way at a time, and only fitting pieces of the snapshot count.
#[test]
fn pieces_that_are_handed_out_are_asked_for_when_the_last_one_is_kept() {
    let (mut peer, mut behind) = (Server::after(N1, 9), Server::new(N2));
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
#[test]
fn pieces_that_are_another_snapshot_together_are_fetched_anew() {
    let (mut peer, mut behind) = (Server::after(N1, 9), Server::new(N2));
    behind.node.hand_out_pieces();
    let offer = peer.answer(N2, Message::CatchUp { from: Slot(0) });
    behind.hear(N1, offer.clone());
    let other = Server::after(N1, 12).node.snapshot().cloned();
    assert!(other.is_some());
    behind.node.fetched(peer.snapshot(), other);
    behind.settle();
    assert_eq!((behind.replica.next(), behind.disk.0.is_none()), (Slot(0), true));
    let said = behind.hear(N1, offer);
    assert!(matches!(said[..], [(To::One(N1), Message::Fetch { offset: 0, .. })]), "{said:?}");
}

/// A driver that reads the pieces that peers ask for: only the last request of each peer counts.
#[test]
fn what_a_peer_wants_is_handed_out_once() {
    let mut peer = Server::after(N1, 9);
    peer.node.hand_out_pieces();
    let snapshot = peer.snapshot();
    assert_eq!(peer.hear(N2, Message::Fetch { snapshot, offset: 0 }), []);
    assert_eq!(peer.hear(N2, Message::Fetch { snapshot, offset: 3 }), []);
    assert_eq!(peer.hear(N0, Message::Fetch { snapshot, offset: snapshot.length }), []);
    let wanted: Vec<_> = peer.node.ready().wanted().collect();
    let bytes: Vec<_> = wanted.iter().map(paxos_core::WantedPiece::read).collect();
    let [Some(third), None] = &bytes[..] else { panic!("{bytes:?}") };
    wanted.iter().zip(&bytes).for_each(|(wanted, bytes)| peer.node.lend(wanted, bytes.clone()));
    let chunk = Message::Chunk { snapshot, offset: 3, bytes: third.clone() };
    assert_eq!(peer.settle(), [(To::One(N2), chunk)]);
    assert_eq!(peer.node.ready().wanted().count(), 0);
}

#[test]
fn what_an_acceptor_retains_restores_it() {
    let mut acceptor = <Acceptor<u64> as paxos_core::Acceptor<P>>::new(&server(1, 3));
    let mut log = Vec::new();
    for (b, first, seqs) in [(ballot(1, 0), 0, 0..4), (ballot(2, 2), 3, 3..6), (ballot(1, 0), 9, 0..1)] {
        let _ = paxos_core::Acceptor::<P>::on_accept(&mut acceptor, &accept(b, first, seqs), &mut log);
    }
    paxos_core::Acceptor::<P>::on_prepare(&mut acceptor, &prepare(ballot(4, 0), 2), &mut log)
        .expect("higher");
    let retained = paxos_core::Acceptor::<P>::retained(&acceptor, Slot(2)).expect("it can be compacted");
    let mut again = <Acceptor<u64> as paxos_core::Acceptor<P>>::new(&server(1, 3));
    for record in &retained {
        paxos_core::Acceptor::<P>::restore(&mut again, record);
    }
    paxos_core::Acceptor::<P>::trim(&mut again, Slot(2));
    let ask = |acceptor: &Acceptor<u64>, b, from| {
        let question = prepare(ballot(b, 0), from);
        paxos_core::Acceptor::<P>::on_prepare(&mut acceptor.clone(), &question, &mut Vec::new())
    };
    for (b, from) in [(3, 2), (4, 2), (5, 3)] {
        assert_eq!(ask(&again, b, from), ask(&acceptor, b, from), "{b} from {from}");
    }
    assert!(ask(&again, 3, 2).is_err() && ask(&again, 4, 2).is_ok());
    assert!(ask(&again, 4, 1).is_err() && ask(&acceptor, 4, 1).is_ok());
}

/// The disk kept no piece, and the driver says so later. Meanwhile the process learns the slots of that snapshot, and is offered
/// another, whose slots it misses.
#[test]
fn a_fetch_that_has_become_useless_gives_way_to_another() {
    let mut config = Server::config();
    config.limits.snapshot = 0;
    let mut behind = Server::of(config, N2);
    behind.node.hand_out_pieces();
    let mut peers = [9, 18].map(|n| Server::after(N1, n));
    let offers = peers.each_mut().map(|peer| peer.answer(N2, Message::CatchUp { from: Slot(0) }));
    let fetched = |said: &[(To, Message<P>)]| said.iter().any(|(_, m)| matches!(m, Message::Fetch { .. }));
    let [first, second] = offers;
    assert!(fetched(&behind.hear(N1, first)));
    let log = Message::Chosen { first: Slot(0), batch: batch(0..10), known: Slot(18), asked: Some(Slot(0)) };
    behind.hear(N0, log);
    assert!(fetched(&behind.hear(N1, second)));
}
