//! How large the answers become over ways that are long, narrow, or lose messages.

use super::*;

const PEER: NodeId = NodeId(2);
const QUICK: Option<Duration> = Some(Duration::from_nanos(100));

/// The sizes of the answers to questions that come after these times; each asks for what follows.
fn sizes(paces: &mut Paces, after: &[u64]) -> Vec<u32> {
    let mut now = 0;
    let answer = |(n, after): (usize, &u64)| {
        now += after;
        let times = paces.asks(PEER, Slot(n as u64), Time(now), QUICK);
        paces.answered(PEER, Slot(n as u64 + 1), Time(now), times);
        times
    };
    after.iter().enumerate().map(answer).collect()
}

#[test]
fn answers_grow_while_they_are_quick_and_shrink_when_they_are_slow() {
    let quick = sizes(&mut Paces::default(), &[0, 100, 50, 100, 100, 100, 100, 100]);
    assert_eq!(quick, [1, 2, 4, 8, 16, 32, 64, 64]);
    let slow = sizes(&mut Paces::default(), &[0, 100, 100, 101, 300, 300, 99]);
    assert_eq!(slow, [1, 2, 4, 2, 1, 1, 2]);
}

#[test]
fn who_asks_for_something_else_or_for_the_same_again_gets_a_small_answer() {
    let mut paces = Paces::default();
    assert_eq!(sizes(&mut paces, &[0, 10, 10]), [1, 2, 4]);
    assert_eq!(paces.asks(NodeId(3), Slot(3), Time(21), QUICK), 1, "each peer has its own pace");
    assert_eq!(paces.asks(PEER, Slot(2), Time(21), QUICK), 1);
    assert_eq!(paces.asks(PEER, Slot(3), Time(22), QUICK), 1, "and begins anew");
}
