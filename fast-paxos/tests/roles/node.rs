//! The node: what it writes before it sends, also in fast ballots.

use super::*;
use paxos_core::Timeouts;
use paxos_transport::conformance::alone::{hear, kinds, settle};

#[test]
fn a_second_answer_of_one_acceptor_is_not_counted() {
    let config = Config { timeouts: Timeouts::NEVER, ..Config::collapsed(5).expect("lawful") };
    let mut node = Node::<P>::new(setup(config, 0), NOW);
    node.step(NOW, Event::Timeout);
    settle(&mut node);
    let again = |node: &mut Node<P>, from: u16, message: &Message<P>| {
        hear(node, NodeId(from), message.clone());
        settle(node);
        let before = node.clone();
        hear(node, NodeId(from), message.clone());
        assert!(settle(node).is_empty());
        assert_eq!(*node, before);
    };
    let promise = Message::Promise(promise(ballot(1, 0), 0, vec![]));
    // Its own promise is the first and this is the second. The third completes the quorum, and the fourth a fast
    // quorum.
    again(&mut node, 1, &promise);
    assert_eq!(node.leading(), None);
    again(&mut node, 2, &promise);
    assert_eq!((node.leading(), node.proposer().and_then(Proposer::any)), (Some(ballot(1, 0)), None));
    again(&mut node, 3, &promise);
    assert_eq!(node.proposer().and_then(Proposer::any), Some(opened(ballot(1, 0), 0)));
    let vote = Message::Accepted(accepted(fast(ballot(1, 0)), 0, &[7]));
    for from in [1, 2, 3] {
        again(&mut node, from, &vote);
    }
    assert!(!node.chosen().knows(Slot(0)));
    again(&mut node, 4, &vote);
    assert!(node.chosen().knows(Slot(0)));
}

#[test]
fn a_vote_for_what_a_client_sends_waits_for_the_disk_and_any_does_not() {
    let config = Config { timeouts: Timeouts::NEVER, ..Config::collapsed(3).expect("lawful") };
    let node = |id| Node::<P>::new(setup(config.clone(), id), NOW);
    let mut acceptor = node(1);
    hear(&mut acceptor, NodeId(0), Message::Accept(any(ballot(1, 0), 0)));
    settle(&mut acceptor);
    hear(&mut acceptor, NodeId(7), Message::Request(request(1..3, Audience::Acceptors)));
    assert_eq!(kinds(&mut acceptor), (vec![], 1, vec!["accepted"]));
    // The ballot of *any* is on disk since phase 1.
    let mut leader = node(0);
    leader.step(NOW, Event::Timeout);
    settle(&mut leader);
    for from in [1, 2] {
        hear(&mut leader, NodeId(from), Message::Promise(promise(ballot(1, 0), 0, vec![])));
    }
    assert_eq!(kinds(&mut leader), (vec!["any"], 0, vec![]));
}
