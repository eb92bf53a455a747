//! One decision costs exactly what the theory says.

use super::scene::{Journal, P, assert_documented, cluster, drawn, executed, ms, run, settle, submit};
use basic_paxos::simple;
use paxos_core::{Campaign, Config, Kind, Learning, NodeId, Slot, Time, Timeouts};
use paxos_transport::sim::Sim;

struct Measured {
    messages: usize,
    learn: (u64, u64),
    reply: u64,
}

/// One command of one client, without losses, with one delay per hop.
fn measure(mut config: Config, campaign: Campaign) -> Measured {
    config.timeouts = Timeouts::NEVER;
    config.campaign = campaign;
    let learners = config.learners;
    let mut sim = cluster(config, 1);
    let client = sim.ids().len() as u16 - 1;
    submit(&mut sim, client, 7);
    settle(&mut sim);
    assert!(executed(&sim, 1));
    let at = |node: NodeId| Some(sim.learned(node, Slot(0))?.0 / 1_000_000);
    Measured {
        messages: sim.counts().total() as usize,
        learn: (
            sim.ids().iter().filter_map(|id| at(*id)).min().expect("one"),
            learners.iter().filter_map(at).max().expect("one"),
        ),
        reply: answered(&sim, 0),
    }
}

/// The time at which a command was answered, in ms.
fn answered(sim: &Sim<P, Journal>, nth: usize) -> u64 {
    sim.commands()[nth].answer.as_ref().expect("it was answered").at.0 / 1_000_000
}

#[test]
fn a_decision_costs_what_the_theory_says() {
    for (n, campaign) in [3, 4, 5, 7, 9].into_iter().flat_map(|n| [(n, Campaign::Eager), (n, Campaign::Lazy)])
    {
        for l in [1, 3] {
            for (learning, messages, learn) in [
                (Learning::Everyone, 3 * n + n * l + 2, (5, 5)),
                (Learning::Distinguished, 4 * n + l + 2, (5, 6)),
            ] {
                let config = Config { learning, ..Config::separate(1, n, l).expect("lawful") };
                let measured = measure(config, campaign);
                assert_eq!(measured.messages, usize::from(messages), "separate n={n} L={l} {learning:?}");
                assert_eq!((measured.learn, measured.reply), (learn, 6), "separate n={n} L={l} {learning:?}");
            }
        }
        for (learning, messages, learn) in [
            (Learning::Everyone, (n - 1) * (n + 3) + 2, (4, 5)),
            (Learning::Distinguished, 5 * (n - 1) + 2, (5, 6)),
        ] {
            let measured = measure(Config { learning, ..simple(n).expect("lawful") }, campaign);
            assert_eq!(measured.messages, usize::from(messages), "collapsed n={n} {learning:?}");
            // With three servers, a follower has its own vote and the leader's one delay before the leader has two
            // votes.
            let learn = if n == 3 { learn } else { (5, learn.1) };
            assert_eq!((measured.learn, measured.reply), (learn, 6), "collapsed n={n} {learning:?}");
        }
    }
}

#[test]
fn a_thrifty_proposer_asks_a_quorum_only() {
    let thrifty = |learning| Config { thrifty: true, learning, ..simple(5).expect("lawful") };
    // Three of five acceptors, including the leader: two messages instead of four, except for the announcement.
    assert_eq!(measure(thrifty(Learning::Distinguished), Campaign::Eager).messages, 4 * 2 + 4 + 2);
    assert_eq!(measure(thrifty(Learning::Everyone), Campaign::Eager).messages, 3 * 2 + 3 * 4 + 2);
}

#[test]
fn a_client_beside_the_leader_saves_two_messages() {
    let mut sim = cluster(Config { timeouts: Timeouts::NEVER, ..simple(3).expect("lawful") }, 0);
    submit(&mut sim, 0, 7);
    settle(&mut sim);
    assert_eq!((sim.counts().total(), answered(&sim, 0)), (10, 4));
}

#[test]
fn each_decision_has_two_phases_of_its_own() {
    let mut sim = cluster(Config { timeouts: Timeouts::NEVER, ..simple(3).expect("lawful") }, 1);
    (0..100).for_each(|value| submit(&mut sim, 3, value));
    settle(&mut sim);
    assert_eq!(sim.machine(NodeId(2)).expect("it is there").0, (0..100).collect::<Vec<_>>());
    for kind in [Kind::Prepare, Kind::Promise, Kind::Accept, Kind::Accepted, Kind::Decide] {
        assert_eq!(sim.counts().of(kind), 200, "{kind:?}");
    }
    // Pipelined commands take as long as one.
    assert!((0..100).all(|nth| answered(&sim, nth) == 6));
}

#[test]
fn the_picture_in_the_docs_is_a_real_run() {
    let mut sim = cluster(Config { timeouts: Timeouts::NEVER, ..simple(3).expect("lawful") }, 1);
    submit(&mut sim, 3, 7);
    settle(&mut sim);
    assert_documented(include_str!("../../src/lib.rs"), &drawn(&sim, Time(0)));
}

#[test]
fn an_idle_cluster_is_silent() {
    let mut sim = cluster(simple(3).expect("lawful"), 1);
    submit(&mut sim, 3, 7);
    run(&mut sim, ms(10_000));
    assert!(executed(&sim, 1));
    for kind in [Kind::Prepare, Kind::Accept, Kind::Decide] {
        assert_eq!(sim.counts().of(kind), 2, "{kind:?}");
    }
}
