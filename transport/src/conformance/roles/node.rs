//! The node: which messages it passes to its roles, and when it lets them send.

use super::stage::{NOW, candidate, elect, stage};
use crate::conformance::alone::{hear, settle};
use crate::conformance::{Facts, Tested};
use paxos_core::{Ballot, Config, InBallot, Leadership, Message, Nack, Node, NodeId, Setup, Slot};
use std::sync::Arc;

/// A server of five that leads whenever it has something to propose, and has one command to propose.
fn asked<P: Tested>(facts: &Facts<P>, id: u16) -> Node<P> {
    let mut node = silent(facts, id);
    node.submit(NOW, 5).expect("there is room");
    settle(&mut node);
    node
}

fn setup<P: Tested>(facts: &Facts<P>, id: u16) -> Setup<P::Options> {
    let mut config = Config::collapsed(5).expect("servers");
    config.leadership = Leadership::SelfAppointed { backoff: None };
    Setup { id: NodeId(id), config: Arc::new(config), options: (facts.options)(0) }
}

fn silent<P: Tested>(facts: &Facts<P>, id: u16) -> Node<P> {
    let mut node = Node::new(setup(facts, id), NOW);
    settle(&mut node);
    node
}

/// Checks that the roles are unchanged.
fn assert_same<P: Tested>(node: &Node<P>, before: &Node<P>, heard: &Message<P>) {
    assert_eq!(node.acceptor(), before.acceptor(), "{heard:?}");
    assert_eq!(node.proposer(), before.proposer(), "{heard:?}");
    assert_eq!(node.chosen(), before.chosen(), "{heard:?}");
    assert_eq!(node.deadline(), before.deadline(), "{heard:?}");
}

/// One message of each phase in a ballot of n1, and the refusal of a ballot of n0, each with its sender.
fn conversation<P: Tested>(facts: &Facts<P>) -> Vec<(NodeId, Message<P>)> {
    let mut all = stage(facts, 5);
    let question = candidate(&mut all.clone(), 1, Ballot::ZERO);
    let promise = all[2].clone().promise(&question).expect("a promise");
    let accept = elect(&mut all, 1, 7, Ballot::ZERO, &[1, 2, 3]);
    let votes: Vec<_> = (1..4).map(|id| all[id].vote(&accept).expect("a vote")).collect();
    all[1].see(&accept);
    (1..4).zip(&votes).for_each(|(id, vote)| all[1].count(NodeId(id), vote));
    let own = candidate(&mut stage(facts, 5), 0, Ballot::ZERO).ballot();
    let nack = Nack { refused: own, promised: Ballot::classic(9, NodeId(4)), slots: Slot(0).onwards() };
    let mut said = vec![
        (NodeId(1), Message::Prepare(question)),
        (NodeId(2), Message::Promise(promise)),
        (NodeId(1), Message::Accept(accept)),
        (NodeId(2), Message::Accepted(votes[1].clone())),
        (NodeId(2), Message::Nack(nack)),
    ];
    said.extend(all[1].decisions.pop().map(|decision| (NodeId(1), Message::Decide(decision))));
    said
}

/// If the network duplicates a message, the durable state and what is chosen stay the same.
pub fn a_repeated_message_changes_nothing_that_lasts<P: Tested>(facts: &Facts<P>) {
    let both = [asked(facts, 0), silent(facts, 0)];
    for ((from, message), mut node) in
        conversation(facts).into_iter().flat_map(|said| both.clone().map(|node| (said.clone(), node)))
    {
        let idle = node == both[1];
        let question = matches!(message, Message::Prepare(_) | Message::Accept(_));
        hear(&mut node, from, message.clone());
        assert!(!question || !node.ready().records().is_empty(), "{message:?}");
        let first = settle(&mut node);
        let before = node.clone();
        hear(&mut node, from, message.clone());
        assert!(question && facts.rewrites || node.ready().records().is_empty(), "{message:?}");
        let again = settle(&mut node);
        // A node with its own command has moved on to a higher ballot, and refuses the lower one.
        let overtaken = !idle && matches!(again[..], [Message::Nack(_)]);
        let answer = if question { first } else { Vec::new() };
        assert!(again == answer || question && overtaken, "{message:?} is answered by {again:?}");
        assert_same(&node, &before, &message);
    }
}

/// Delivers a message again, twice: the node sends nothing and does not change.
fn repeat<P: Tested>(node: &mut Node<P>, from: NodeId, message: Message<P>) {
    for message in [message.clone(), message] {
        let before = node.clone();
        hear(node, from, message);
        assert!(settle(node).is_empty() && *node == before);
    }
}

/// Answers are counted by acceptor: two answers of one acceptor count once.
pub fn a_repeated_answer_is_not_counted<P: Tested>(facts: &Facts<P>) {
    let mut node = asked(facts, 0);
    let mut all = stage(facts, 5);
    let question = candidate(&mut all, 0, Ballot::ZERO);
    let promises: Vec<_> = all.iter_mut().map(|n| n.promise(&question).expect("a promise")).collect();
    let asks = |said: &[Message<P>]| said.iter().any(|message| matches!(message, Message::Accept(_)));
    hear(&mut node, NodeId(1), Message::Promise(promises[1].clone()));
    assert!(!asks(&settle(&mut node)), "with its own promise and another one");
    repeat(&mut node, NodeId(1), Message::Promise(promises[1].clone()));
    hear(&mut node, NodeId(2), Message::Promise(promises[2].clone()));
    let said = settle(&mut node);
    let accept = said.iter().find_map(|said| if let Message::Accept(m) = said { Some(m) } else { None });
    let accept = accept.expect("three of five have promised");
    let votes: Vec<_> = all[3..].iter_mut().map(|n| n.vote(accept).expect("a vote")).collect();
    hear(&mut node, NodeId(3), Message::Accepted(votes[0].clone()));
    settle(&mut node);
    repeat(&mut node, NodeId(3), Message::Accepted(votes[0].clone()));
    assert!(!node.chosen().knows(Slot(0)), "with its own vote and another one");
    hear(&mut node, NodeId(4), Message::Accepted(votes[1].clone()));
    settle(&mut node);
    assert!(node.chosen().knows(Slot(0)));
}

/// Checks that such a message leaves the node when what it has to write now is on disk, and not before.
fn waits_for_the_disk<P: Tested>(node: &mut Node<P>, such: impl Fn(&Message<P>) -> bool) {
    let mut ready = node.ready();
    assert!(!ready.messages().any(|envelope| such(&envelope.message)));
    let write = ready.append().expect("there is something to write");
    assert!(!node.ready().messages().any(|envelope| such(&envelope.message)));
    node.durable(write.durable());
    assert!(node.ready().messages().any(|envelope| such(&envelope.message)), "one write is enough");
    settle(node);
}

/// A proposer's ballot, promises, votes and refusals wait for the disk.
pub fn nothing_is_said_that_is_not_on_disk<P: Tested>(facts: &Facts<P>) {
    // Phase 1a: after a crash, the ballot must not be used again.
    let mut node = silent(facts, 0);
    node.submit(NOW, 5).expect("there is room");
    waits_for_the_disk(&mut node, |said| matches!(said, Message::Prepare(_)));
    let mut all = stage(facts, 5);
    let accept = elect(&mut all, 1, 7, Ballot::ZERO, &[1, 2, 3]);
    let question = candidate(&mut stage(facts, 5), 1, Ballot::ZERO);
    for message in [Message::Prepare(question), Message::Accept(accept)] {
        let mut node = silent(facts, 4);
        hear(&mut node, NodeId(1), message);
        waits_for_the_disk(&mut node, |said| matches!(said, Message::Promise(_) | Message::Accepted(_)));
    }
    // A refusal reveals the promise that it rests on.
    let mut all = stage(facts, 5);
    let low = elect(&mut all, 1, 7, Ballot::ZERO, &[1, 2, 3]);
    let high = candidate(&mut all, 2, low.ballot());
    let mut node = silent(facts, 4);
    hear(&mut node, NodeId(2), Message::Prepare(high));
    hear(&mut node, NodeId(1), Message::Accept(low));
    waits_for_the_disk(&mut node, |said| matches!(said, Message::Nack(_)));
}

/// The node keeps the promises that it wrote, even those that it has not sent.
pub fn a_restored_node_keeps_its_word<P: Tested>(facts: &Facts<P>) {
    let mut all = stage(facts, 5);
    let low = elect(&mut all, 1, 7, Ballot::ZERO, &[1, 2, 3]);
    let high = candidate(&mut all, 2, low.ballot());
    let mut node = silent::<P>(facts, 4);
    hear(&mut node, NodeId(2), Message::Prepare(high.clone()));
    let disk = node.ready().records().to_vec();
    assert!(!disk.is_empty());
    let mut again = Node::<P>::restore(setup(facts, 4), NOW, 1, &disk);
    hear(&mut again, NodeId(1), Message::Accept(low.clone()));
    let said = settle(&mut again);
    let refused = |message: &Message<P>| matches!(message, Message::Nack(nack) if (nack.refused, nack.promised) == (low.ballot(), high.ballot()));
    assert!(said.iter().any(refused), "{said:?}");
}

/// Unwritten records are not lost when more are added before the write.
pub fn what_is_not_written_stays_to_be_written<P: Tested>(facts: &Facts<P>) {
    let mut all = stage(facts, 5);
    let question = candidate(&mut all.clone(), 1, Ballot::ZERO);
    let accept = elect(&mut all, 1, 7, Ballot::ZERO, &[1, 2, 3]);
    let mut node = silent::<P>(facts, 4);
    hear(&mut node, NodeId(1), Message::Prepare(question));
    let records = node.ready().records().to_vec();
    assert!(!records.is_empty());
    hear(&mut node, NodeId(1), Message::Accept(accept));
    let ready = node.ready();
    assert!(ready.records().len() > records.len() && ready.records().starts_with(&records));
    drop(ready);
    let said = settle(&mut node);
    assert!(matches!(said[..], [Message::Promise(_), Message::Accepted(_)]), "{said:?}");
}
