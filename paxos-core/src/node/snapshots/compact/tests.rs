//! How much of the log is kept for peers.

use super::*;
use crate::Bytes;

/// The slot below which the log may be forgotten, where each slot has a MiB and the process itself needs it from slot 40
/// on, if peers need it from these slots on.
fn kept(needed: &[u64]) -> u64 {
    let sections = Sections {
        next: Slot(30),
        machine: Bytes::empty(),
        sessions: Bytes::empty(),
        membership: Bytes::empty(),
    };
    let mut store = Store { latest: Some(Snapshot::new(&sections)), ..Store::default() };
    for (peer, first) in (0..).zip(needed) {
        store.need(NodeId(peer), Slot(*first), Time(5));
    }
    store.need(NodeId(9), Slot(39), Time(1));
    store.needed_below(Slot(40), Time(2), |slots| slots.len() << 20).index()
}

#[test]
fn the_log_stays_for_peers_that_need_little_whatever_others_need() {
    assert_eq!(kept(&[]), 40, "the one that needs it from 39 on is gone");
    assert_eq!((kept(&[39]), kept(&[24]), kept(&[23])), (39, 24, 40));
    assert_eq!((kept(&[3, 30]), kept(&[30, 3, 38])), (30, 30), "one needs too much");
    assert_eq!((kept(&[50, 30]), kept(&[50])), (30, 40), "one has more than this process must keep");
}
