//! The table of messages and delays.

use super::*;

/// Checks a row for five acceptors and three learners: messages separate and collapsed, first and last learner, reply.
#[track_caller]
fn row(run: Run, learning: Learning, separate: u64, collapsed: u64, first: u64, last: u64, reply: u64) {
    let delays = |messages| Prediction { messages, learn_first: first, learn_last: last, reply };
    assert_eq!(predict(run, Separate, learning, 5, 3), Some(delays(separate)), "separate");
    assert_eq!(predict(run, Collapsed, learning, 5, 3), Some(delays(collapsed)), "collapsed");
}

#[test]
fn five_acceptors_and_three_learners_give_the_numbers_of_the_table() {
    row(Basic, Everyone, 32, 34, 5, 5, 6);
    row(Basic, Distinguished, 25, 22, 5, 6, 6);
    row(MultiSteady, Everyone, 22, 26, 3, 3, 4);
    row(MultiSteady, Distinguished, 15, 14, 3, 4, 4);
    row(MultiFirst, Everyone, 32, 34, 5, 5, 6);
    row(MultiFirst, Distinguished, 25, 22, 5, 6, 6);
    row(Fast, Everyone, 21, 26, 2, 2, 3);
    row(Fast, Distinguished, 14, 14, 2, 3, 3);
    row(FastCollision(Coordinated), Everyone, 56, 55, 4, 4, 5);
    row(FastCollision(Coordinated), Distinguished, 29, 27, 4, 5, 5);
    row(FastCollision(Uncoordinated), Everyone, 81, 51, 3, 3, 4);
    row(FastCollision(Classic), Everyone, 66, 63, 6, 6, 7);
    row(FastCollision(Classic), Distinguished, 39, 35, 6, 7, 7);
}

#[test]
fn what_cannot_be_has_no_prediction() {
    for layout in [Separate, Collapsed] {
        assert_eq!(predict(FastCollision(Uncoordinated), layout, Distinguished, 5, 3), None);
        assert_eq!(
            predict(FastCollision(Classic), layout, Everyone, 1, 3),
            None,
            "one acceptor collides with nobody"
        );
        assert_eq!(predict(Basic, layout, Everyone, 0, 3), None);
    }
    assert_eq!(predict(Basic, Separate, Everyone, 5, 0), None);
    assert!(predict(Basic, Collapsed, Everyone, 5, 0).is_some(), "collapsed servers are the learners");
}

#[test]
fn a_single_server_only_hears_the_request_and_replies() {
    for (run, learning) in
        [(Basic, Everyone), (Basic, Distinguished), (MultiSteady, Everyone), (Fast, Distinguished)]
    {
        let alone = Prediction { messages: 2, learn_first: 1, learn_last: 1, reply: 2 };
        assert_eq!(predict(run, Collapsed, learning, 1, 0), Some(alone));
    }
}

/// When the followers and the leader know a quorum of votes in a collapsed classic round in which everyone hears the
/// votes. Computed from when each vote arrives: the leader, server 0, sends phase 2a and its vote at time 0.
fn followers_and_leader_learn_after(n: usize, quorum: usize) -> (u64, u64) {
    let voted = |server: usize| u64::from(server != 0);
    let learns = |server: usize| {
        let hop = |from: usize| u64::from(from != server);
        let mut heard: Vec<u64> = (0..n).map(|from| voted(from) + hop(from)).collect();
        heard.sort_unstable();
        heard[quorum - 1]
    };
    assert!((1..n).all(|follower| learns(follower) == learns(1)));
    (learns(1), learns(0))
}

#[test]
fn followers_learn_early_in_classic_rounds_of_two_and_three_collapsed_servers_only() {
    for run in RUNS {
        for n in 2..=9 {
            let classic = run != Fast && run != FastCollision(Uncoordinated);
            let prediction = predict(run, Collapsed, Everyone, n, 0).unwrap();
            let (followers, leader) =
                if classic { followers_and_leader_learn_after(n, majority(n)) } else { (2, 2) };
            assert_eq!(prediction.learn_last - prediction.learn_first, leader - followers, "{run:?} {n}");
            assert_eq!(leader - followers, u64::from(classic && n <= 3), "{run:?} {n}");
            assert_eq!(prediction.reply, prediction.learn_last + 1, "the leader replies");
        }
    }
    let steady = predict(MultiSteady, Collapsed, Everyone, 3, 0).unwrap();
    assert_eq!((steady.learn_first, steady.learn_last, steady.reply), (2, 3, 4));
}
