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
        paces.answered(PEER, Slot(n as u64), Slot(n as u64 + 1), Time(now), times);
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
    paces.answered(PEER, Slot(2), Slot(3), Time(21), 1);
    assert_eq!(paces.asks(PEER, Slot(3), Time(22), QUICK), 2, "and begins anew");
}

/// Sent 10 slots, the peer reports what it knows at these times, in usual times. Returns whether it is sent more.
fn sent_again(reports: &[(u64, u64)]) -> Vec<bool> {
    let (mut paces, usual) = (Paces::default(), Duration::from_nanos(100));
    paces.answered(PEER, Slot(0), Slot(10), Time(0), 1);
    let report = |(at, known): &(u64, u64)| {
        let now = Time(100 * at);
        let again = !paces.is_fed(PEER, Slot(*known), now, usual);
        if again {
            paces.answered(PEER, Slot(*known), Slot(known + 10), now, 1);
        }
        again
    };
    reports.iter().map(report).collect()
}

#[test]
fn who_is_being_told_is_not_told_again_while_it_learns() {
    assert_eq!(sent_again(&[(1, 2), (2, 4), (3, 6), (4, 8), (5, 10)]), [false, false, false, false, true]);
}

#[test]
fn who_learns_nothing_is_told_again_after_twice_the_time_each_time() {
    let reports: Vec<(u64, u64)> = (1..=50).map(|at| (at, 0)).collect();
    let told: Vec<u64> = reports
        .iter()
        .zip(sent_again(&reports))
        .filter(|(_, again)| *again)
        .map(|((at, _), _)| *at)
        .collect();
    assert_eq!(told, [1, 3, 7, 15, 31, 47]);
}

#[test]
fn a_slow_way_is_given_twice_the_time_that_it_takes() {
    let usual = Duration::from_millis(50);
    let mut slow = Slowness::for_pieces();
    let times = [1, 25, 26, 1000, 100_000, 3].map(|ms| {
        slow.answered(Duration::from_millis(ms), usual);
        slow.times
    });
    // What takes far too long was not waited for.
    assert_eq!(times, [1, 1, 2, 64, 64, 1]);
}
