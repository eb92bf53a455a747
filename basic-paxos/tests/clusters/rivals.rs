//! Several proposers, crashes and bad networks: nothing is broken, and something is decided once it can be.

use crate::cluster::{Cluster, Link, P};
use basic_paxos::{leaderless, simple};
use core::time::Duration;
use paxos_core::{Ballot, Config, Entry, Kind, Leadership, Learning, Message, NodeId, Slot, Timeouts};

const MS: Duration = Duration::from_millis(1);

fn losing(lost: impl Fn(NodeId, &Message<P>) -> bool + 'static) -> Link {
    Box::new(move |_, to, message| if lost(to, message) { vec![] } else { vec![1] })
}

/// Two servers of three want something, and a network on which each phase 1a overtakes the other's phase 2a.
fn duel(backoff: Option<(Duration, Duration)>) -> Cluster {
    let mut config = leaderless(3).expect("lawful");
    config.leadership = Leadership::SelfAppointed { backoff };
    config.timeouts = Timeouts { resend: Some(500 * MS), ..Timeouts::NEVER };
    let mut cluster = Cluster::new(config, 0);
    cluster.first = |kind| kind == Kind::Prepare;
    // The second begins in the middle between the two phases of the first.
    cluster.submit(0, 10);
    cluster.run(1, |c| c.now == 1);
    cluster.submit(1, 11);
    cluster
}

#[test]
fn duelling_proposers_decide_nothing_as_long_as_they_duel() {
    let mut cluster = duel(None);
    cluster.run(20_000, |_| false);
    assert_eq!((cluster.learned.len(), cluster.count(Kind::Decide), cluster.replies.len()), (0, 0, 0));
    assert!(cluster.count(Kind::Prepare) > 5000 && cluster.count(Kind::Nack) > 5000);
    // The duel ends, and the log is none the worse for it.
    cluster.first = |_| false;
    cluster.link = Box::new(|from, _, _| if from == NodeId(1) { vec![9] } else { vec![1] });
    assert!(cluster.run(30_000, |c| c.executed(2)));
}

#[test]
fn proposers_that_back_off_decide() {
    let mut cluster = duel(Some((2 * MS, 100 * MS)));
    assert!(cluster.run(1000, |c| c.executed(2) && c.replies.len() == 2), "at {}", cluster.now);
}

#[test]
fn any_number_of_proposers_decides_all_commands() {
    for n in [3, 5] {
        for learning in [Learning::Everyone, Learning::Distinguished] {
            let mut cluster = Cluster::new(Config { learning, ..leaderless(n).expect("lawful") }, 0);
            for value in 0..10 * u64::from(n) {
                cluster.submit((value % u64::from(n)) as u16, value);
            }
            let all = 10 * usize::from(n);
            assert!(cluster.run(20_000, |c| c.executed(all) && c.replies.len() == all), "{n} {learning:?}");
            assert!((1..n).all(|id| cluster.journal(id) == cluster.journal(0)));
        }
    }
}

#[test]
fn separate_proposers_that_do_not_learn_decide_all_commands() {
    let mut config = Config::separate(2, 3, 2).expect("lawful");
    config.learning = Learning::Everyone;
    config.leadership = Leadership::SelfAppointed { backoff: Some((5 * MS, 200 * MS)) };
    let mut cluster = Cluster::new(config, 0);
    (0..10).for_each(|value| cluster.submit((value % 2) as u16, value));
    assert!(cluster.run(20_000, |c| c.executed(10) && c.replies.len() == 10), "{}", cluster.replies.len());
}

#[test]
fn five_acceptors_decide_with_any_two_crashed() {
    let pairs = (0..5_u16).flat_map(|a| (0..a).map(move |b| (a, b)));
    for (a, b) in pairs {
        for config in [simple(5), leaderless(5)] {
            let mut cluster = Cluster::new(config.expect("lawful"), 1);
            cluster.crash(a);
            cluster.crash(b);
            cluster.submit(5, 7);
            assert!(cluster.run(5000, |c| c.executed(1) && c.replies.len() == 1), "without n{a} and n{b}");
        }
    }
}

#[test]
fn five_acceptors_stop_with_three_crashed_and_resume() {
    for config in [simple(5), leaderless(5)] {
        let mut cluster = Cluster::new(config.expect("lawful"), 1);
        (2..5).for_each(|id| cluster.crash(id));
        cluster.submit(5, 7);
        assert!(!cluster.run(5000, |c| !c.learned.is_empty()));
        cluster.restart(4);
        assert!(cluster.run(20_000, |c| c.executed(1) && c.replies.len() == 1));
    }
}

#[test]
fn a_slot_that_a_dead_proposer_left_undecided_is_finished_with_its_value() {
    let mut config = leaderless(3).expect("lawful");
    config.timeouts.client = None;
    let mut cluster = Cluster::new(config, 0);
    // Of the phase 2a for slot 0 nothing arrives but at n2, whose vote does not come back.
    cluster.link = losing(|to, message| {
        matches!(message, Message::Accept(m) if m.slot == Slot(0) && to != NodeId(2))
            || matches!(message, Message::Accepted(m) if m.slot == Slot(0))
    });
    cluster.submit(0, 10);
    cluster.submit(0, 11);
    assert!(cluster.run(20, |c| (1..3).all(|id| c.node(id).chosen().knows(Slot(1)))));
    cluster.crash(0);
    assert!(cluster.journal(1).is_empty());
    cluster.link = Box::new(|_, _, _| vec![1]);
    assert!(cluster.run(1000, |c| c.executed(2)));
    assert_eq!((cluster.journal(1), cluster.journal(2)), (&[10, 11][..], &[10, 11][..]));
}

#[test]
fn a_slot_that_nobody_voted_in_is_filled_with_a_noop() {
    let mut config = leaderless(3).expect("lawful");
    config.timeouts.client = None;
    let mut cluster = Cluster::new(config, 0);
    cluster.link = losing(|_, message| matches!(message, Message::Accept(m) if m.slot == Slot(0)));
    cluster.submit(0, 10);
    cluster.submit(0, 11);
    assert!(cluster.run(20, |c| (1..3).all(|id| c.node(id).chosen().knows(Slot(1)))));
    cluster.crash(0);
    cluster.link = Box::new(|_, _, _| vec![1]);
    assert!(cluster.run(1000, |c| c.executed(1)));
    assert_eq!((cluster.journal(1), cluster.node(2).chosen().get(Slot(0))), (&[11][..], Some(&Entry::Noop)));
}

#[test]
fn an_idle_leader_stays() {
    let mut config = simple(3).expect("lawful");
    config.timeouts.gossip = None;
    let mut cluster = Cluster::new(config, 0);
    cluster.run(2000, |_| false);
    assert!((0..3).all(|id| cluster.node(id).leader() == Some(NodeId(0))));
    assert_eq!(cluster.node(0).leading(), Some(Ballot::classic(1, NodeId(0))));
    assert!((1..3).all(|id| cluster.node(id).leading().is_none()));
}

#[test]
fn an_elected_leader_finishes_what_its_predecessor_left() {
    let mut cluster = Cluster::new(simple(3).expect("lawful"), 1);
    cluster.link = losing(|to, message| {
        matches!(message, Message::Accept(m) if m.slot == Slot(0) && to != NodeId(2))
            || matches!(message, Message::Accepted(m) if m.slot == Slot(0))
    });
    cluster.submit(3, 10);
    cluster.submit(3, 11);
    assert!(cluster.run(20, |c| (1..3).all(|id| c.node(id).chosen().knows(Slot(1)))));
    cluster.crash(0);
    cluster.link = Box::new(|_, _, _| vec![1]);
    assert!(cluster.run(5000, |c| c.executed(2) && c.replies.len() == 2));
    assert_eq!(cluster.journal(1), [10, 11]);
}

#[test]
fn a_cluster_that_forgot_everything_but_its_votes_learns_them_again() {
    for config in [simple(3), leaderless(3)] {
        let mut cluster = Cluster::new(config.expect("lawful"), 0);
        (0..20).for_each(|value| cluster.submit(0, value));
        assert!(cluster.run(1000, |c| c.executed(20)));
        let journal = cluster.journal(0).to_vec();
        (0..3).for_each(|id| cluster.crash(id));
        (0..3).for_each(|id| cluster.restart(id));
        assert!(cluster.run(2000, |c| c.executed(20)));
        assert!((0..3).all(|id| cluster.journal(id) == journal));
    }
}
