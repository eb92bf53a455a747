//! Which senders are heard: for each kind of message, only the processes with the right role.

use super::stage::{NOW, Process, STRANGER, candidate, elect, entry, request};
use crate::conformance::alone::{hear, settle};
use crate::conformance::{Facts, Tested};
use paxos_core::{
    Ballot, Batch, ClientId, CommandId, Config, Event, InBallot, Learning, Message, Nack, Node, NodeId,
    NodeSet, Outcome, ReadId, ReadMessage, Refusal, Refused, Reply, Setup, Slot, Time, Timeouts,
};
use std::sync::Arc;

/// Two proposers n0 and n1, of which n0 leads, three acceptors n2 to n4, two learners n5 and n6, and a client n7.
fn separate(learning: Learning) -> Config {
    let config = Config::separate(2, 3, 2).expect("servers");
    Config { learning, timeouts: Timeouts::NEVER, ..config }
}

const BOTH: [Learning; 2] = [Learning::Everyone, Learning::Distinguished];

/// The messages of the leader's ballot.
struct Talk<P: Tested> {
    promises: Vec<P::Promise>,
    accept: P::Accept,
    vote: P::Accepted,
    decision: P::Decision,
}

/// n0 leads. Its own messages come from `nodes`, those of the others from roles.
fn talk<P: Tested>(facts: &Facts<P>) -> Talk<P> {
    let config = separate(Learning::Distinguished);
    let mut all: Vec<Process<P>> = (0..7).map(|id| Process::new(facts, config.clone(), id)).collect();
    let question = candidate(&mut all, 0, Ballot::ZERO);
    let promises: Vec<_> = (2..5).map(|id| all[id].promise(&question).expect("a promise")).collect();
    (2..).zip(&promises).take(2).for_each(|(id, promise)| all[0].hear(NodeId(id), promise.clone()));
    let accept = all[0].accepts().swap_remove(0);
    let votes: Vec<_> = (2..4).map(|id| all[id].vote(&accept).expect("a vote")).collect();
    for learner in [0, 4, 5, 6] {
        all[learner].see(&accept);
        (2..).zip(&votes).for_each(|(id, vote)| all[learner].count(NodeId(id), vote));
    }
    let decision = all.iter_mut().find_map(|process| process.decisions.pop()).expect("somebody announces");
    // The vote carries its value, as for learners that the phase 2a does not reach.
    let everyone = Process::<P>::new(facts, separate(Learning::Everyone), 2).vote(&accept).expect("a vote");
    Talk { promises, accept, vote: everyone, decision }
}

/// Nodes of all roles with unfinished work: a promised ballot, votes, a phase 1 or 2 under way, an unanswered command.
fn busy<P: Tested>(facts: &Facts<P>, learning: Learning, talk: &Talk<P>) -> Vec<Node<P>> {
    let config = Arc::new(separate(learning));
    let node = |id| Setup { id: NodeId(id), config: Arc::clone(&config), options: (facts.options)(0) };
    let mut nodes: Vec<Node<P>> = (0..8).map(|id| Node::new(node(id), NOW)).collect();
    // n0 is in phase 1 here, and the leader below has finished it. Its first prepare may wait for a command.
    nodes[0].step(NOW, Event::Timeout);
    hear(&mut nodes[0], NodeId(7), Message::Request(request(90..91)));
    settle(&mut nodes[0]);
    let mut leader = nodes[0].clone();
    for (from, promise) in (2..).zip(&talk.promises).take(2) {
        hear(&mut leader, NodeId(from), Message::Promise(promise.clone()));
    }
    settle(&mut leader);
    for node in &mut nodes[1..] {
        hear(node, NodeId(0), Message::Accept(talk.accept.clone()));
    }
    // With all promises, a leader may let clients send their commands to acceptors directly.
    let mut open = leader.clone();
    hear(&mut open, NodeId(4), Message::Promise(talk.promises[2].clone()));
    settle(&mut open);
    nodes.extend([leader, open]);
    for node in &mut nodes {
        node.submit(NOW, 5).expect("there is room");
        settle(node);
    }
    nodes
}

/// One message of each kind, sent by `from`, with the processes that may send it; requests, which any process may send,
/// are left out.
fn messages<P: Tested>(facts: &Facts<P>, talk: &Talk<P>, from: NodeId) -> Vec<(Message<P>, NodeSet)> {
    let config = separate(Learning::Distinguished);
    let (proposers, acceptors, learners) = (config.proposers, config.acceptors(), config.all_learners());
    let mut all: Vec<Process<P>> = (0..5).map(|id| Process::new(facts, config.clone(), id)).collect();
    let own = talk.promises[0].ballot();
    let theirs = Ballot::classic(9, from);
    all[0] = Process::new(facts, config, from.0);
    let question = candidate(&mut all.clone(), 0, Ballot::classic(8, NodeId(0)));
    let proposal = elect(&mut all, 0, 7, Ballot::classic(8, NodeId(0)), &[2, 3]);
    let refused = Refused {
        refusal: Refusal::NotLeader(Some(NodeId(1))),
        client: ClientId::default(),
        first: 0,
        end: 1,
        taken: false,
    };
    let batch: Batch<u64> = [entry(0), entry(1)].into_iter().collect();
    let mut all = vec![
        (Message::Prepare(question), proposers),
        (Message::Promise(talk.promises[0].clone()), acceptors),
        (Message::Accept(proposal), proposers),
        (Message::Accepted(talk.vote.clone()), acceptors),
        (Message::Nack(Nack { refused: own, promised: theirs, slots: Slot(0).onwards() }), acceptors),
        (Message::Decide(talk.decision.clone()), proposers),
        (Message::Refuse(refused), proposers),
        (Message::Heartbeat { ballot: theirs, chosen: Slot(2), sent: Time(0) }, proposers),
        (Message::Progress { chosen: Slot(2), durable: Slot(0) }, learners),
        (Message::CatchUp { from: Slot(0) }, learners),
        (Message::Read(ReadMessage::Index { id: ReadId::default(), lease: true }), learners),
        (Message::Read(ReadMessage::Votes { id: ReadId::default() }), learners),
        (Message::Chosen { first: Slot(0), batch, known: Slot(2), asked: Some(Slot(0)) }, learners),
    ];
    all.extend((0..8).map(|node| {
        let id = CommandId { client: ClientId { node: NodeId(node), session: 0, nonce: 0 }, seq: 0 };
        (Message::Reply(Reply { id, slot: Slot(0), outcome: Outcome::Executed(1) }), learners)
    }));
    all
}

/// This holds for every role of the receiver, and for every request that the message answers.
pub fn an_answer_of_a_stranger_changes_nothing<P: Tested>(facts: &Facts<P>) {
    let talk = talk(facts);
    for from in [0, 1, 2, 5, 7, STRANGER.0, 64, u16::MAX].map(NodeId) {
        let strange: Vec<_> = messages(facts, &talk, from)
            .into_iter()
            .filter(|(_, members)| !members.contains(from))
            .map(|(message, _)| message)
            .collect();
        for node in BOTH.into_iter().flat_map(|learning| busy(facts, learning, &talk)) {
            for message in strange.iter().filter(|_| from != node.id()) {
                let mut heard = node.clone();
                hear(&mut heard, from, message.clone());
                let said = settle(&mut heard);
                assert!(said.is_empty(), "{} answers {from}'s {message:?} with {said:?}", node.id());
                assert!(heard == node, "{} heeds {from}'s {message:?}", node.id());
            }
        }
    }
}

/// Without this, the claim above would show nothing: each of its messages affects some member.
pub fn the_same_answer_of_a_member_is_heard<P: Tested>(facts: &Facts<P>) {
    let talk = talk(facts);
    let nodes: Vec<Node<P>> = BOTH.into_iter().flat_map(|learning| busy(facts, learning, &talk)).collect();
    let said: Vec<_> = (0..8).map(|from| (NodeId(from), messages(facts, &talk, NodeId(from)))).collect();
    for (kind, (message, _)) in said[0].1.iter().enumerate() {
        let matters = said.iter().any(|(from, messages)| {
            let (message, members) = &messages[kind];
            nodes.iter().filter(|node| node.id() != *from && members.contains(*from)).any(|node| {
                let mut heard = node.clone();
                hear(&mut heard, *from, message.clone());
                !settle(&mut heard).is_empty() || heard != *node
            })
        });
        // A learner that knows nothing has nothing to send.
        assert!(matters || matches!(message, Message::CatchUp { .. }), "nobody heeds {message:?}");
    }
}

/// Neither another proposer nor a leader may do so.
pub fn nobody_speaks_in_the_ballot_of_another<P: Tested>(facts: &Facts<P>) {
    let talk = talk(facts);
    for node in busy(facts, Learning::Distinguished, &talk) {
        let (owner, from) = if node.id() == NodeId(1) { (1, NodeId(0)) } else { (0, NodeId(1)) };
        for (message, _) in messages(facts, &talk, NodeId(owner)) {
            let own = matches!(message, Message::Prepare(_) | Message::Accept(_) | Message::Heartbeat { .. });
            if own && from != node.id() {
                let mut heard = node.clone();
                hear(&mut heard, from, message.clone());
                assert!(settle(&mut heard).is_empty() && heard == node, "{} heeds {message:?}", node.id());
            }
        }
    }
}
