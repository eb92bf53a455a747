//! Fast ballots while the members change: an acceptor votes for what clients send only in slots whose members it knows,
//! and only in a fast ballot that was opened among these members.

use super::*;
use paxos_core::{Change, Fold, Replica, Timeouts};
use paxos_transport::conformance::alone::{hear, settle};

/// Acceptor n1 of three members, with α = 2. The fast ballot of n0 is open from slot 0 on.
fn acceptor() -> Node<P> {
    let mut config = Config { timeouts: Timeouts::NEVER, ..Config::collapsed(3).expect("lawful") };
    config.limits.alpha = 2;
    let mut node = Node::new(setup(config, 1), NOW);
    hear(&mut node, NodeId(0), Message::Accept(any(ballot(1, 0), 0)));
    settle(&mut node);
    node
}

/// n1 hears from n0 what is chosen in slots 0 and 1, and executes it. Returns the slots in which it votes then.
fn learn(node: &mut Node<P>, entries: &[Entry<u64>; 2]) -> Vec<SlotRange> {
    let (first, known) = (Slot(0), Slot(2));
    hear(
        node,
        NodeId(0),
        Message::Chosen { first, batch: entries.to_vec().into(), known, asked: Some(first) },
    );
    settle(node);
    let mut replica = Replica::new(Fold::new(0, |_: &mut u64, n: &u64| *n), &node.setup().config.limits);
    node.ready().execute(&mut replica);
    voted(node)
}

/// The slots in which n1 votes now.
fn voted(node: &mut Node<P>) -> Vec<SlotRange> {
    let of = |message: &Message<P>| {
        let Message::Accepted(vote) = message else { return None };
        Some(vote.first.extend(vote.batch.len() as u64))
    };
    // Each vote goes to every learner.
    let mut votes: Vec<_> = settle(node).iter().filter_map(of).collect();
    votes.dedup();
    votes
}

/// The slots in which n1 votes when a client sends it these commands.
fn votes(node: &mut Node<P>, seqs: core::ops::Range<u64>) -> Vec<SlotRange> {
    hear(node, NodeId(7), Message::Request(request(seqs, Audience::Acceptors)));
    voted(node)
}

#[test]
fn an_acceptor_votes_in_no_slot_whose_members_it_does_not_know() {
    let mut node = acceptor();
    assert_eq!(votes(&mut node, 10..15), [slots(0..2)]);
    // What waits is voted for when the next slots have members.
    assert_eq!(learn(&mut node, &[entry(10), entry(11)]), [slots(2..4)]);
}

#[test]
fn a_fast_ballot_that_was_opened_among_former_members_is_closed() {
    let mut node = acceptor();
    let id = entry(0).id().expect("a command");
    let change = Entry::Change(id, Box::new(Change::replace(NodeId(2), NodeId(3)).into()));
    assert_eq!(learn(&mut node, &[change, entry(1)]), []);
    let from = node.chosen().epochs().expect("members change").current().from;
    assert_eq!(from, Slot(2));
    assert_eq!(votes(&mut node, 10..11), []);
    // The leader has run phase 1 among the next members, and opens the ballot again.
    hear(&mut node, NodeId(0), Message::Accept(any(ballot(2, 0), 2)));
    assert_eq!(votes(&mut node, 11..12), [slots(2..4)]);
}
