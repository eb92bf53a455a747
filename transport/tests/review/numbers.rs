//! The cluster ignores an impossible number in a message, and a number that only one process claims.

use super::{Basic, Fast, Multi, Net};
use paxos_core::{
    Ballot, Batch, ClientId, Config, Entry, Fact, Kind, Learning, Limits, Message, Nack, NodeId,
    PhaseMessage, Protocol, Slot, Time,
};

const ALL: [u16; 3] = [0, 1, 2];

/// Three servers that have decided three commands of the client n3.
fn cluster<P: Protocol<Value = u64, Reply = u64>>() -> Net<P> {
    let config = Config::collapsed(3).expect("lawful");
    let limits = Limits { window: 4, batch: 4, ..config.limits };
    let mut net = Net::<P>::new(Config { limits, ..config }, 4);
    decides(&mut net, 3);
    net
}

/// Decides another `n` commands of the client, however long that takes. Returns the highest slot proposed meanwhile.
fn decides<P: Protocol<Value = u64, Reply = u64>>(net: &mut Net<P>, n: usize) -> Slot {
    let (before, mut highest) = (net.outcomes.len(), Slot(0));
    for k in 0..n as u64 {
        net.submit(3, k);
    }
    for _ in 0..60_000 {
        let watch = |message: &Message<P>| {
            if let Message::Accept(accept) = message {
                accept.facts(&mut |fact| {
                    if let Fact::Propose { slot, .. } = fact {
                        highest = highest.max(slot);
                    }
                });
            }
            true
        };
        let mut watch = watch;
        net.run(|_, _, message| watch(message));
        if net.outcomes.len() == before + n {
            return highest;
        }
        net.tick(&[0, 1, 2, 3]);
    }
    panic!("{}: {:?} of {n} more, {:?}", P::NAME, &net.outcomes[before..], net.nodes[0].status());
}

fn rounds_are_left<P: Protocol<Value = u64, Reply = u64>>(prepare: impl Fn(Ballot) -> Message<P>) {
    let mut net = cluster::<P>();
    let bits = (1..48).rev().map(|bit| 1 << bit | 1);
    for round in [Ballot::LAST_ROUND, Ballot::LAST_ROUND - 1].into_iter().chain(bits) {
        let ballot = Ballot::classic(round, NodeId(2));
        for to in [0, 1] {
            net.give((2, to, prepare(ballot)));
            net.give((2, to, Message::Heartbeat { ballot, chosen: Slot(3), sent: Time(0) }));
            let refused = net.nodes[usize::from(to)].leading().unwrap_or_default();
            let slots = Slot(3).onwards();
            net.give((2, to, Message::Nack(Nack { refused, promised: ballot, slots })));
        }
        net.letters.clear();
    }
    decides(&mut net, 3);
    for node in &mut net.nodes[..2] {
        let highest = node.status().highest;
        assert!(highest.next_term(NodeId(0)).is_some_and(|next| next.round() < Ballot::LAST_ROUND / 4 * 3));
        assert!(node.status().counters.disbelieved >= 6, "{}", P::NAME);
        let mut told: Vec<_> = std::iter::from_fn(|| node.disbelieved()).collect();
        told.sort_unstable();
        assert_eq!(told, [Kind::Prepare, Kind::Nack, Kind::Heartbeat].map(|kind| (NodeId(2), kind)));
    }
}

#[test]
fn a_round_that_nobody_can_have_come_to_ends_no_elections() {
    rounds_are_left::<Basic>(|ballot| Message::Prepare(basic_paxos::Prepare { ballot, slot: Slot(3) }));
    rounds_are_left::<Multi>(|ballot| Message::Prepare(multi_paxos::Prepare { ballot, from: Slot(3) }));
    rounds_are_left::<Fast>(|ballot| Message::Prepare(fast_paxos::Prepare { ballot, from: Slot(3) }));
}

/// A member and a stranger repeatedly claim that far more slots are chosen. No proposer fills the log up to there.
fn nothing_is_proposed_up_to_a_claim<P: Protocol<Value = u64, Reply = u64>>() {
    for claimed in [Slot(1 << 40), Slot::LAST, Slot(1000)] {
        let (mut net, mut accepts) = (cluster::<P>(), 0);
        for _ in 0..20 {
            for (from, to) in [(2, 0), (2, 1), (9, 0), (9, 1)] {
                net.give((from, to, Message::Progress { chosen: claimed, durable: claimed }));
            }
            for _ in 0..100 {
                net.tick(&ALL);
                net.run(|_, to, message| {
                    accepts += usize::from(message.kind() == Kind::Accept);
                    to < 4
                });
            }
        }
        assert!(accepts <= 4, "{}: {accepts} proposals of nothing", P::NAME);
        let highest = decides(&mut net, 5);
        assert!(highest < Slot(16), "{}: {highest}", P::NAME);
        assert!(net.nodes[..3].iter().all(|node| node.status().applied >= Slot(8)), "{}", P::NAME);
    }
}

#[test]
fn a_slot_that_is_said_to_be_chosen_and_is_not_makes_nobody_propose() {
    nothing_is_proposed_up_to_a_claim::<Basic>();
    nothing_is_proposed_up_to_a_claim::<Multi>();
    nothing_is_proposed_up_to_a_claim::<Fast>();
}

/// A proposer that does not learn believes a claim of learners only when it hears the claim twice.
fn one_claim_moves_no_proposer<P: Protocol<Value = u64, Reply = u64>>() {
    let config = Config { learning: Learning::Everyone, ..Config::separate(1, 3, 2).expect("lawful") };
    let limits = Limits { window: 4, batch: 4, ..config.limits };
    let mut net = Net::<P>::new(Config { limits, ..config }, 7);
    net.run(|_, _, _| true);
    net.give((4, 0, Message::Progress { chosen: Slot(1 << 40), durable: Slot(1 << 40) }));
    for k in 0..5 {
        net.submit(6, k);
        net.run(|_, _, _| true);
    }
    for _ in 0..3000 {
        net.tick(&[0, 1, 2, 3, 4, 5, 6]);
        net.run(|_, _, _| true);
    }
    assert_eq!(net.outcomes.len(), 5, "{}", P::NAME);
    let applied = net.nodes[4].status().applied;
    assert!(applied >= Slot(5) && applied < Slot(20), "{}: {applied}", P::NAME);
}

#[test]
fn a_proposer_that_does_not_learn_begins_nowhere_because_of_one_claim() {
    one_claim_moves_no_proposer::<Basic>();
    one_claim_moves_no_proposer::<Multi>();
    one_claim_moves_no_proposer::<Fast>();
}

/// n0 leads, and asks n1 for a vote in a slot far beyond all others.
fn far_votes_are_asked_for_twice<P: Protocol<Value = u64, Reply = u64>>(
    accept: impl Fn(Ballot, Slot, Entry<u64>) -> P::Accept,
) {
    let mut net = cluster::<P>();
    let ballot = net.nodes[0].leading().expect("it leads");
    let entry = Entry::new(ClientId { node: NodeId(3), ..ClientId::default() }, 9, 9);
    let mut votes = |slot| {
        net.give((0, 1, Message::Accept(accept(ballot, slot, entry.clone()))));
        net.letters.drain(..).filter(|(.., message)| message.kind() == Kind::Accepted).count()
    };
    let asked = [Slot(40), Slot(1 << 40), Slot(41), Slot::LAST, Slot(1 << 50), Slot(1 << 50)]
        .map(|slot| votes(slot) > 0);
    assert_eq!(asked, [true, false, true, false, true, true], "{}", P::NAME);
    assert_eq!(net.nodes[1].status().counters.doubted, 2);
}

#[test]
fn an_acceptor_votes_far_beyond_all_that_it_knows_when_it_is_asked_again() {
    far_votes_are_asked_for_twice::<Basic>(|ballot, slot, entry| basic_paxos::Accept {
        ballot,
        slot,
        entry: entry.into(),
    });
    far_votes_are_asked_for_twice::<Multi>(|ballot, first, entry| multi_paxos::Accept {
        ballot,
        first,
        batch: Batch::from(entry),
        chosen: Slot(3),
    });
    far_votes_are_asked_for_twice::<Fast>(|ballot, first, entry| {
        let (batch, chosen) = (Batch::from(entry), Slot(3));
        fast_paxos::Accept { classic: paxos_core::Accept { ballot, first, batch, chosen }, any: None }
    });
}
