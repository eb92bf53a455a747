//! The node: who may speak, and what is written before it is said.

use super::*;
use paxos_core::{Learning, Outcome, ReadId, ReadMessage, Refusal, Refused, Reply, Timeouts};

/// Two proposers, n0 of which leads, three acceptors n2 to n4, two learners n5 and n6, and n7, a client.
fn separate(learning: Learning) -> Config {
    let config = Config::separate(2, 3, 2).expect("lawful");
    Config { learning, timeouts: Timeouts::NEVER, ..config }
}

/// Everything it says until it has nothing more to say.
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

/// Nodes in the middle of things: with a promised ballot, votes, a question or a proposal under way, a command
/// unanswered, whatever their roles are.
fn busy(config: &Config) -> Vec<Node<P>> {
    let mut nodes: Vec<Node<P>> = (0..8).map(|id| Node::new(setup(config.clone(), id), NOW)).collect();
    // n0 is between its phases, and then it leads, too, at first without a fast ballot and then with one.
    nodes[0].step(NOW, Event::Timeout);
    settle(&mut nodes[0]);
    let mut leader = nodes[0].clone();
    for from in config.acceptors().iter().take(2) {
        hear(&mut leader, from, Message::Promise(promise(ballot(1, 0), 0, vec![])));
    }
    hear(&mut leader, NodeId(7), Message::Request(request(0..2, Audience::Anyone)));
    settle(&mut leader);
    assert_eq!(leader.leading(), Some(ballot(1, 0)));
    for node in &mut nodes[1..] {
        let any = Some(opened(ballot(1, 0), 2));
        hear(node, NodeId(0), Message::Accept(Accept { any, ..accept(ballot(1, 0), 0, &[0, 1]) }));
    }
    let mut open = leader.clone();
    hear(&mut open, NodeId(4), Message::Promise(promise(ballot(1, 0), 0, vec![])));
    hear(&mut open, NodeId(4), Message::Accepted(accepted(fast(ballot(1, 0)), 2, &[5])));
    settle(&mut open);
    assert!(open.proposer().is_some_and(|proposer| proposer.any().is_some()));
    nodes.extend([leader, open]);
    for node in &mut nodes {
        node.submit(NOW, 5).expect("there is room");
        settle(node);
    }
    nodes
}

/// One message of each kind but requests, which everyone may send, with those who may send it; `from` sends it.
fn messages(config: &Config, from: NodeId) -> Vec<(Message<P>, paxos_core::NodeSet)> {
    let (proposers, acceptors, learners) = (config.proposers, config.acceptors(), config.all_learners());
    let theirs = Ballot::classic(9, from);
    let reply = |node| {
        let id =
            paxos_core::CommandId { client: ClientId { node: NodeId(node), session: 0, nonce: 0 }, seq: 0 };
        Message::Reply(Reply { id, slot: Slot(0), outcome: Outcome::Executed(1) })
    };
    let refused = Refused {
        refusal: Refusal::NotLeader(Some(NodeId(1))),
        client: ClientId::default(),
        first: 0,
        end: 1,
        taken: false,
    };
    let mut all = vec![
        (Message::Prepare(prepare(theirs, 0)), proposers),
        (Message::Promise(promise(ballot(1, 0), 0, vec![])), acceptors),
        (Message::Accept(accept(theirs, 0, &[7])), proposers),
        (Message::Accepted(accepted(ballot(1, 0), 0, &[0, 1])), acceptors),
        (
            Message::Nack(Nack { refused: ballot(1, 0), promised: theirs, slots: Slot(0).onwards() }),
            acceptors,
        ),
        (Message::Decide(Decision { ballot: ballot(1, 0), first: Slot(0), batch: batch(0..2) }), proposers),
        (Message::Refuse(refused), proposers),
        (Message::Heartbeat { ballot: theirs, chosen: Slot(2), sent: Time(0) }, proposers),
        (Message::Progress { chosen: Slot(2), durable: Slot(0) }, learners),
        (Message::CatchUp { from: Slot(0) }, learners),
        (Message::Read(ReadMessage::Index { id: ReadId::default(), lease: true }), learners),
        (Message::Read(ReadMessage::Votes { id: ReadId::default() }), learners),
        (
            Message::Chosen { first: Slot(0), batch: batch(0..2), known: Slot(2), asked: Some(Slot(0)) },
            learners,
        ),
    ];
    all.extend((0..8).map(|node| (reply(node), learners)));
    all
}

#[test]
fn an_answer_of_a_stranger_changes_nothing() {
    for learning in [Learning::Everyone, Learning::Distinguished] {
        let config = separate(learning);
        for node in busy(&config) {
            let senders = [0, 1, 2, 5, 7, STRANGER.0, 64, u16::MAX].map(NodeId);
            for from in senders.into_iter().filter(|from| *from != node.id()) {
                for (message, members) in messages(&config, from) {
                    if members.contains(from) {
                        continue;
                    }
                    let mut heard = node.clone();
                    hear(&mut heard, from, message.clone());
                    let said = settle(&mut heard);
                    assert!(said.is_empty(), "{} answers {from}'s {message:?} with {said:?}", node.id());
                    assert!(heard == node, "{} heeds {from}'s {message:?}", node.id());
                }
            }
        }
    }
}

/// Else the test above would show nothing: each of its messages matters to somebody.
#[test]
fn the_same_answer_of_a_member_is_heard() {
    let all = [Learning::Everyone, Learning::Distinguished].map(separate);
    for (kind, (message, _)) in messages(&all[0], STRANGER).iter().enumerate() {
        let matters = all.iter().any(|config| {
            busy(config).iter().any(|node| {
                (0..8).map(NodeId).filter(|from| *from != node.id()).any(|from| {
                    let (message, members) = messages(config, from).swap_remove(kind);
                    let mut heard = node.clone();
                    hear(&mut heard, from, message);
                    members.contains(from) && (!settle(&mut heard).is_empty() || heard != *node)
                })
            })
        });
        // A learner that knows nothing has nothing to send, and clients asked nobody who could refuse.
        let idle = matches!(message, Message::CatchUp { .. } | Message::Refuse(_));
        assert!(matters || idle, "nobody heeds {message:?}");
    }
}

#[test]
fn nobody_speaks_in_the_ballot_of_another() {
    for node in busy(&separate(Learning::Distinguished)) {
        let (owner, from) = if node.id() == NodeId(1) { (1, NodeId(0)) } else { (0, NodeId(1)) };
        for message in [
            Message::Prepare(prepare(ballot(9, owner), 0)),
            Message::Accept(accept(ballot(9, owner), 0, &[7])),
            Message::Heartbeat { ballot: ballot(9, owner), chosen: Slot(2), sent: Time(0) },
        ] {
            let mut heard = node.clone();
            hear(&mut heard, from, message);
            assert!(settle(&mut heard).is_empty());
            assert_eq!(heard, node);
        }
    }
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
    // Its own promise is the first, this the second; the third makes the quorum, and the fourth a fast one.
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

/// The kinds of what may leave at once, how much there is to write, and the kinds of what may leave then.
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
    // Phase 1a needs its ballot on disk, and here its own promise goes with it.
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
    // A refusal tells of a promise, so it waits if that is not yet on disk.
    hear(&mut acceptor, NodeId(2), Message::Prepare(prepare(ballot(5, 2), 0)));
    hear(&mut acceptor, NodeId(0), Message::Accept(accept(ballot(1, 0), 3, &[3])));
    assert_eq!(kinds(&mut acceptor), (vec![], 1, vec!["promise", "nack"]));
    // *any* leaves at once: the ballot it belongs to is on disk.
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
