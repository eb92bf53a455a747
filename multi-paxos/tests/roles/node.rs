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
    // n0 is between its phases, and then it leads, too.
    nodes[0].step(NOW, Event::Timeout);
    settle(&mut nodes[0]);
    let mut leader = nodes[0].clone();
    for from in config.acceptors().iter().take(2) {
        hear(&mut leader, from, Message::Promise(promise(ballot(1, 0), 0, vec![])));
    }
    hear(&mut leader, NodeId(7), Message::Request(request(0..2)));
    settle(&mut leader);
    assert_eq!(leader.leading(), Some(ballot(1, 0)));
    for node in &mut nodes[1..] {
        hear(node, NodeId(0), Message::Accept(accept(ballot(1, 0), 0, 0..2)));
    }
    nodes.push(leader);
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
        (Message::Accept(accept(theirs, 0, 7..8)), proposers),
        (Message::Accepted(Accepted { batch: Some(batch(0..2)), ..accepted(ballot(1, 0), 0..2) }), acceptors),
        (
            Message::Nack(Nack { refused: ballot(1, 0), promised: theirs, slots: Slot(0).onwards() }),
            acceptors,
        ),
        (
            Message::Decide(Decision { ballot: ballot(1, 0), slots: slots(0..2), batch: Some(batch(0..2)) }),
            proposers,
        ),
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
        // A learner that knows nothing has nothing to send.
        assert!(matters || matches!(message, Message::CatchUp { .. }), "nobody heeds {message:?}");
    }
}

#[test]
fn nobody_speaks_in_the_ballot_of_another() {
    for node in busy(&separate(Learning::Distinguished)) {
        let (owner, from) = if node.id() == NodeId(1) { (1, NodeId(0)) } else { (0, NodeId(1)) };
        for message in [
            Message::Prepare(prepare(ballot(9, owner), 0)),
            Message::Accept(accept(ballot(9, owner), 0, 7..8)),
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
    node.submit(NOW, 5).expect("there is room");
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
    // Its own promise is the first, this the second; the third makes the quorum.
    again(&mut node, 1, &promise);
    assert_eq!(node.leading(), None);
    again(&mut node, 2, &promise);
    assert_eq!(node.leading(), Some(ballot(1, 0)));
    let vote = Message::Accepted(accepted(ballot(1, 0), 0..1));
    again(&mut node, 3, &vote);
    assert!(!node.chosen().knows(Slot(0)));
    again(&mut node, 4, &vote);
    assert!(node.chosen().knows(Slot(0)));
}

/// The kinds of what may leave at once and, after the records are written, of the rest.
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
    // Phase 1b, phase 2b.
    let mut acceptor = node(1);
    hear(&mut acceptor, NodeId(0), Message::Prepare(prepare(ballot(1, 0), 0)));
    assert_eq!(kinds(&mut acceptor), (vec![], 1, vec!["promise"]));
    hear(&mut acceptor, NodeId(0), Message::Accept(accept(ballot(1, 0), 0, 0..3)));
    assert_eq!(kinds(&mut acceptor), (vec![], 1, vec!["accepted"]));
    // A refusal tells of a promise, so it waits if that is not yet on disk.
    hear(&mut acceptor, NodeId(2), Message::Prepare(prepare(ballot(5, 2), 0)));
    hear(&mut acceptor, NodeId(0), Message::Accept(accept(ballot(1, 0), 3, 3..4)));
    assert_eq!(kinds(&mut acceptor), (vec![], 1, vec!["promise", "nack"]));
    // Phase 2a leaves while its sender's own vote is being written.
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

#[test]
fn what_is_not_written_stays_to_be_written() {
    let mut acceptor = Node::<P>::new(setup(Config::collapsed(3).expect("lawful"), 1), NOW);
    hear(&mut acceptor, NodeId(0), Message::Prepare(prepare(ballot(1, 0), 0)));
    let records = acceptor.ready().records().to_vec();
    hear(&mut acceptor, NodeId(0), Message::Accept(accept(ballot(1, 0), 0, 0..3)));
    let ready = acceptor.ready();
    assert_eq!((ready.records().len(), &ready.records()[..1]), (2, &records[..]));
    drop(ready);
    assert_eq!(kinds(&mut acceptor), (vec![], 2, vec!["promise", "accepted"]));
}

#[test]
fn a_restored_node_keeps_its_word() {
    let config = Config::collapsed(3).expect("lawful");
    let mut acceptor = Node::<P>::new(setup(config.clone(), 1), NOW);
    hear(&mut acceptor, NodeId(0), Message::Accept(accept(ballot(1, 0), 0, 0..2)));
    hear(&mut acceptor, NodeId(2), Message::Prepare(prepare(ballot(4, 2), 0)));
    let disk = acceptor.ready().records().to_vec();
    let mut again = Node::<P>::restore(setup(config, 1), NOW, 1, &disk);
    assert_eq!(again.acceptor(), acceptor.acceptor());
    hear(&mut again, NodeId(0), Message::Accept(accept(ballot(1, 0), 2, 2..3)));
    assert!(
        matches!(settle(&mut again)[..], [Message::Nack(Nack { promised, .. })] if promised == ballot(4, 2))
    );
}

/// What it knows to be chosen is known to it when it starts again: of what it voted for that is all that it has written, of what it
/// voted for in vain the value; not the last few slots.
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
    // In s70 another value is chosen, in a ballot of which it has heard nothing.
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
    // Whatever order they come in.
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
