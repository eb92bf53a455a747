//! The node: what it writes before it sends, also in fast ballots.

use super::*;
use paxos_core::Timeouts;

/// Returns everything the node sends until it has nothing more to send.
fn settle(node: &mut Node<P>) -> Vec<Message<P>> {
    let mut sent = Vec::new();
    loop {
        let mut ready = node.ready();
        sent.extend(ready.messages().map(|envelope| envelope.message));
        ready.outcomes().for_each(drop);
        if let Some(write) = ready.append() {
            node.durable(write.durable());
        }
        if !node.is_ready() {
            return sent;
        }
    }
}

fn hear(node: &mut Node<P>, from: NodeId, message: Message<P>) {
    node.step(NOW, Event::Message { from, message });
}

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

/// The kinds of the messages that may leave at once, the number of records to write, and the kinds that may leave then.
fn kinds(node: &mut Node<P>) -> (Vec<&'static str>, usize, Vec<&'static str>) {
    let name = |envelope: paxos_core::Envelope<P>| envelope.message.kind().name();
    let mut ready = node.ready();
    let at_once = ready.messages().map(name).collect();
    let Some(write) = ready.append() else { return (at_once, 0, vec![]) };
    let records = write.records().len();
    node.durable(write.durable());
    (at_once, records, node.ready().messages().map(name).collect())
}

#[test]
fn nothing_that_needs_the_disk_is_said_before_it_is_written() {
    let config = Config { timeouts: Timeouts::NEVER, ..Config::collapsed(3).expect("lawful") };
    let node = |id| Node::<P>::new(setup(config.clone(), id), NOW);
    // Phase 1a needs its ballot on disk, and here the node's own promise is written with it.
    let mut leader = node(0);
    leader.step(NOW, Event::Timeout);
    assert_eq!(kinds(&mut leader), (vec![], 2, vec!["prepare"]));
    // Phase 1b, and phase 2b of a classic ballot.
    let mut acceptor = node(1);
    hear(&mut acceptor, NodeId(0), Message::Prepare(prepare(ballot(1, 0), 0)));
    assert_eq!(kinds(&mut acceptor), (vec![], 1, vec!["promise"]));
    let any = Some(opened(ballot(1, 0), 1));
    hear(&mut acceptor, NodeId(0), Message::Accept(Accept { any, ..accept(ballot(1, 0), 0, &[0]) }));
    assert_eq!(kinds(&mut acceptor), (vec![], 1, vec!["accepted"]));
    // Phase 2b of a fast ballot: a vote for what a client sends.
    hear(&mut acceptor, NodeId(7), Message::Request(request(1..3, Audience::Acceptors)));
    assert_eq!(kinds(&mut acceptor), (vec![], 1, vec!["accepted"]));
    // A refusal reveals a promise, so it waits until that is on disk.
    hear(&mut acceptor, NodeId(2), Message::Prepare(prepare(ballot(5, 2), 0)));
    hear(&mut acceptor, NodeId(0), Message::Accept(accept(ballot(1, 0), 3, &[3])));
    assert_eq!(kinds(&mut acceptor), (vec![], 1, vec!["promise", "nack"]));
    // *Any* leaves at once, because its ballot is on disk.
    for from in [1, 2] {
        hear(&mut leader, NodeId(from), Message::Promise(promise(ballot(1, 0), 0, vec![])));
    }
    assert_eq!(kinds(&mut leader), (vec!["any"], 0, vec![]));
}

#[test]
fn what_is_not_written_stays_to_be_written() {
    let mut acceptor = Node::<P>::new(setup(Config::collapsed(3).expect("lawful"), 1), NOW);
    hear(&mut acceptor, NodeId(0), Message::Accept(any(ballot(1, 0), 0)));
    hear(&mut acceptor, NodeId(7), Message::Request(request(0..1, Audience::Acceptors)));
    let records = acceptor.ready().records().to_vec();
    assert_eq!(records.len(), 2);
    hear(&mut acceptor, NodeId(7), Message::Request(request(1..2, Audience::Acceptors)));
    let ready = acceptor.ready();
    assert_eq!((ready.records().len(), &ready.records()[..2]), (3, &records[..]));
    drop(ready);
    assert_eq!(kinds(&mut acceptor), (vec![], 3, vec!["accepted", "accepted"]));
}

#[test]
fn a_restored_node_keeps_its_word() {
    let config = Config::collapsed(3).expect("lawful");
    let mut acceptor = Node::<P>::new(setup(config.clone(), 1), NOW);
    hear(&mut acceptor, NodeId(0), Message::Accept(any(ballot(1, 0), 0)));
    hear(&mut acceptor, NodeId(7), Message::Request(request(0..1, Audience::Acceptors)));
    let disk = acceptor.ready().records().to_vec();
    let mut again = Node::<P>::restore(setup(config, 1), NOW, 1, &disk);
    hear(&mut again, NodeId(0), Message::Accept(any(ballot(1, 0), 0)));
    hear(&mut again, NodeId(7), Message::Request(request(1..2, Audience::Acceptors)));
    // Its vote in slot 0 stands.
    let said = settle(&mut again);
    assert!(said.contains(&Message::Accepted(accepted(fast(ballot(1, 0)), 1, &[1]))), "{said:?}");
}
