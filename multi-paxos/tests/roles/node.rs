//! The node: what it writes before it sends, and what it tells peers that are behind.

use super::*;
use paxos_core::Timeouts;
use paxos_transport::conformance::alone::{hear, kinds, settle};
use std::time::Duration;

/// n0, which has won its first ballot with n1.
fn leader(config: Config) -> Node<P> {
    let mut leader = Node::<P>::new(setup(config, 0), NOW);
    leader.step(NOW, Event::Timeout);
    settle(&mut leader);
    hear(&mut leader, NodeId(1), Message::Promise(promise(ballot(1, 0), 0, vec![])));
    settle(&mut leader);
    leader
}

#[test]
fn a_phase_2a_leaves_while_its_senders_own_vote_is_being_written() {
    let config = Config { timeouts: Timeouts::NEVER, ..Config::collapsed(3).expect("lawful") };
    let mut leader = Node::<P>::new(setup(config, 0), NOW);
    leader.step(NOW, Event::Timeout);
    settle(&mut leader);
    hear(&mut leader, NodeId(1), Message::Promise(promise(ballot(1, 0), 0, vec![])));
    settle(&mut leader);
    leader.submit(NOW, 5).expect("there is room");
    assert_eq!(kinds(&mut leader), (vec!["accept"], 1, vec![]));
}

#[test]
fn an_own_vote_counts_when_it_is_on_disk() {
    let config = Config { timeouts: Timeouts::NEVER, ..Config::collapsed(1).expect("lawful") };
    let mut alone = Node::<P>::new(setup(config, 0), NOW);
    alone.step(NOW, Event::Timeout);
    alone.submit(NOW, 5).expect("there is room");
    let first = alone.ready().write().expect("a ballot and a promise");
    drop(alone.ready());
    assert_eq!(alone.leading(), None);
    alone.durable(first.durable());
    let second = alone.ready().write().expect("a vote");
    assert_eq!(alone.leading(), Some(ballot(1, 0)));
    drop(alone.ready());
    assert!(!alone.chosen().knows(Slot(0)));
    alone.durable(second.durable());
    drop(alone.ready());
    assert!(alone.chosen().knows(Slot(0)));
}

/// After a restart, a node still knows the chosen values, except for the last few slots. For its own winning votes it
/// has written only that they won, and for its losing votes the chosen value.
#[test]
fn a_restored_node_knows_which_of_its_votes_were_for_what_was_chosen() {
    let config = Config::collapsed(3).expect("lawful");
    let (mut acceptor, mut disk) = (Node::<P>::new(setup(config.clone(), 1), NOW), Vec::new());
    let mut vote = |node: &mut Node<P>, first: u64, values: core::ops::Range<u64>| {
        hear(node, NodeId(0), Message::Accept(accept(ballot(1, 0), first, values)));
        let write = node.ready().append().expect("a vote");
        disk.extend_from_slice(write.records());
        node.durable(write.durable());
    };
    vote(&mut acceptor, 0, 0..100);
    // In s70 another value is chosen, in a ballot that the node has never heard of.
    for (first, values) in [(0, 0..70), (70, 500..501), (71, 71..100)] {
        let (first, known) = (Slot(first), Slot(100));
        hear(
            &mut acceptor,
            NodeId(2),
            Message::Chosen { first, batch: batch(values), known, asked: Some(first) },
        );
    }
    vote(&mut acceptor, 100, 100..110);
    let learned: Vec<_> = disk.iter().filter_map(paxos_core::Recorded::as_learned).collect();
    assert_eq!(learned, [(Slot(70), &batch(500..501))]);
    let known: Vec<_> = disk.iter().filter_map(paxos_core::Recorded::as_known).collect();
    assert_eq!(known, [Slot(0).extend(70), Slot(71).extend(29)]);
    let again = Node::<P>::restore(setup(config, 1), NOW, 1, &disk);
    assert_eq!((again.chosen().first_unknown(), again.chosen().end()), (Slot(100), Slot(100)));
    assert_eq!(again.chosen().get(Slot(70)), batch(500..501).first());
    assert_eq!((acceptor.status().durable, again.status().durable), (Slot(100), Slot(100)));
}

#[test]
fn who_is_behind_is_told_many_slots_at_a_time_and_asks_once_for_what_follows() {
    let limits = paxos_core::Limits { batch: 1, ..paxos_core::Limits::default() };
    let config = Config { limits, timeouts: Timeouts::NEVER, ..Config::collapsed(3).expect("lawful") };
    let mut ahead = Node::<P>::new(setup(config.clone(), 0), NOW);
    for k in 0..50 {
        let (first, known) = (Slot(k), Slot(50));
        hear(
            &mut ahead,
            NodeId(1),
            Message::Chosen { first, batch: batch(k..k + 1), known, asked: Some(first) },
        );
    }
    settle(&mut ahead);
    hear(&mut ahead, NodeId(2), Message::CatchUp { from: Slot(0) });
    let mut told = settle(&mut ahead);
    let last = |m: &Message<P>| matches!(m, Message::Chosen { asked: Some(_), .. });
    assert_eq!((told.len(), told.iter().position(last)), (32, Some(31)));
    // The order of arrival makes no difference.
    told.reverse();
    told.swap(3, 20);
    let mut behind = Node::<P>::new(setup(config, 2), NOW);
    let asked: Vec<_> = told
        .into_iter()
        .map(|message| {
            hear(&mut behind, NodeId(0), message);
            settle(&mut behind)
        })
        .collect();
    assert!(asked[..31].iter().all(Vec::is_empty), "{asked:?}");
    assert_eq!(asked[31], [Message::CatchUp { from: Slot(32) }]);
}

#[test]
fn commands_that_wait_for_the_next_leader_are_bounded_in_bytes() {
    let limits = paxos_core::Limits { queue_bytes: 100, ..paxos_core::Limits::default() };
    let config = Config { limits, timeouts: Timeouts::NEVER, ..Config::collapsed(3).expect("lawful") };
    let mut leader = leader(config);
    leader.transfer(NOW, NodeId(1)).expect("it leads");
    settle(&mut leader);
    let refused: usize = (0..100)
        .map(|seq| {
            hear(&mut leader, NodeId(9), Message::Request(request(seq..seq + 1)));
            settle(&mut leader).iter().filter(|m| matches!(m, Message::Refuse(_))).count()
        })
        .sum();
    assert!(refused > 80 && refused < 100, "{refused}");
}

#[test]
fn a_transfer_to_one_that_does_not_answer_ends_without_elections_by_timeout_too() {
    for election in [None, Some(Duration::from_nanos(50))] {
        let timeouts = Timeouts { election, give_up: Some(Duration::from_nanos(100)), ..Timeouts::NEVER };
        let config = Config { timeouts, ..Config::collapsed(3).expect("lawful") };
        let mut leader = leader(config);
        leader.transfer(NOW, NodeId(1)).expect("it leads");
        settle(&mut leader);
        hear(&mut leader, NodeId(9), Message::Request(request(0..1)));
        settle(&mut leader);
        while leader.is_transferring() {
            let at = leader.deadline().expect("it does not wait for ever");
            assert!(at <= Time(200), "{at:?}");
            leader.step(at, Event::Timeout);
            let said = settle(&mut leader);
            assert!(
                leader.is_transferring() || said.iter().any(|m| matches!(m, Message::Accept(_))),
                "{said:?}"
            );
        }
    }
}

/// Two learners that reach only the leader miss different slots. A third one knows them.
#[test]
fn learners_that_reach_only_a_leader_that_does_not_learn_make_it_begin_few_ballots() {
    let mut config = Config::separate(1, 3, 3).expect("lawful");
    config.learning = paxos_core::Learning::Everyone;
    let mut leader = Node::<P>::new(setup(config, 0), NOW);
    settle(&mut leader);
    for acceptor in [1, 2] {
        hear(&mut leader, NodeId(acceptor), Message::Promise(promise(ballot(1, 0), 0, vec![])));
    }
    settle(&mut leader);
    assert!(leader.status().leads);
    let mut ballots = 0;
    for turn in 1..=50 {
        let now = Time(0).after(turn * core::time::Duration::from_millis(40));
        let progress = Message::Progress { chosen: Slot(200), durable: Slot(200) };
        let questions = [
            (6, progress),
            (5, Message::CatchUp { from: Slot(120) }),
            (4, Message::CatchUp { from: Slot(100) }),
        ];
        for (from, message) in questions {
            leader.step(now, Event::Message { from: NodeId(from), message });
        }
        for acceptor in [1, 2] {
            let answer = Message::Heard { ballot: leader.status().ballot, sent: now };
            leader.step(now, Event::Message { from: NodeId(acceptor), message: answer });
        }
        let asks = |m: &Message<P>| matches!(m, Message::Prepare(prepare) if prepare.from <= Slot(120));
        ballots += settle(&mut leader).iter().filter(|m| asks(m)).count();
    }
    // One for each learner would make a hundred. The waits are 0.1 s, 0.2 s and so on.
    assert!((1..10).contains(&ballots), "{ballots} ballots");
}
