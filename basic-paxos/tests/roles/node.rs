//! The node: strangers and repeated messages change nothing.

use super::*;

fn node(id: u16) -> Node<P> {
    let mut node = Node::new(setup(leaderless(3).expect("lawful"), id), NOW);
    node.submit(NOW, 5).expect("there is room");
    settle(&mut node);
    node
}

fn settle(node: &mut Node<P>) -> Vec<Message<P>> {
    let mut sent = Vec::new();
    loop {
        let mut ready = node.ready();
        sent.extend(ready.messages().map(|envelope| envelope.message));
        if let Some(write) = ready.append() {
            node.durable(write.durable());
        }
        if !node.is_ready() {
            return sent;
        }
    }
}

fn hear(node: &mut Node<P>, from: u16, message: Message<P>) {
    node.step(NOW, Event::Message { from: NodeId(from), message });
}

#[test]
fn a_message_from_a_process_without_the_role_changes_nothing() {
    let mut node = node(0);
    let before = node.clone();
    let (b, slot) = (ballot(1, 0), Slot(0));
    let strange = Ballot::classic(9, STRANGER);
    let entry = Some(one(7));
    for message in [
        Message::Prepare(Prepare { ballot: strange, slot }),
        Message::Promise(Promise { ballot: b, slot, vote: None }),
        Message::Accept(Accept { ballot: strange, slot, entry: one(7) }),
        Message::Accepted(Accepted { ballot: b, slot, entry: entry.clone() }),
        Message::Nack(Nack { refused: b, promised: strange, slots: slot.extend(1) }),
        Message::Decide(Decision { ballot: b, slot, entry }),
    ] {
        hear(&mut node, STRANGER.0, message);
        assert!(settle(&mut node).is_empty());
        assert_eq!(node, before);
    }
    // A member does not speak in another's ballot either.
    hear(&mut node, 1, Message::Prepare(Prepare { ballot: ballot(9, 2), slot }));
    hear(&mut node, 1, Message::Accept(Accept { ballot: ballot(9, 2), slot, entry: one(7) }));
    assert!(settle(&mut node).is_empty());
    assert_eq!(node, before);
}

#[test]
fn a_repeated_answer_changes_nothing() {
    let mut five = Node::<P>::new(setup(leaderless(5).expect("lawful"), 0), NOW);
    five.submit(NOW, 5).expect("there is room");
    settle(&mut five);
    let (b, slot) = (ballot(1, 0), Slot(0));
    let promise = || Message::Promise(Promise { ballot: b, slot, vote: None });
    hear(&mut five, 1, promise());
    settle(&mut five);
    let before = five.clone();
    hear(&mut five, 1, promise());
    assert!(settle(&mut five).is_empty());
    assert_eq!(five, before);
    hear(&mut five, 2, promise());
    assert!(settle(&mut five).iter().any(|message| matches!(message, Message::Accept(_))));
    let vote = || Message::Accepted(Accepted { ballot: b, slot, entry: None });
    hear(&mut five, 3, vote());
    settle(&mut five);
    let before = five.clone();
    hear(&mut five, 3, vote());
    assert!(settle(&mut five).is_empty());
    assert_eq!((five.chosen().knows(slot), &five), (false, &before));
    hear(&mut five, 4, vote());
    assert!(five.chosen().knows(slot));
}

#[test]
fn a_repeated_question_is_answered_and_changes_nothing_that_lasts() {
    let mut node = node(0);
    let accept = || Message::Accept(Accept { ballot: ballot(4, 1), slot: Slot(3), entry: one(7) });
    hear(&mut node, 1, accept());
    let first = settle(&mut node);
    let before = node.acceptor().cloned();
    hear(&mut node, 1, accept());
    let mut ready = node.ready();
    assert!(ready.records().is_empty());
    let again: Vec<_> = ready.messages().map(|envelope| envelope.message).collect();
    assert_eq!((again, node.acceptor().cloned()), (first, before));
}
