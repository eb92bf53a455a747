//! A new leader whose acceptors have more votes to report than one message holds.

use super::net::sum;
use super::{Basic, Fast, Multi, Net};
use paxos_core::{
    Batch, Change, ClientId, CommandId, Config, Entry, Event, Fact, Learning, Limits, Membership, Message,
    Node, NodeId, NodeSet, PhaseMessage, Proposer, Protocol, Recorded, Replica, Setup, Slot, Time,
};
use std::sync::Arc;

/// The number of votes in a promise.
fn votes<P: Protocol<Value = u64>>(message: &Message<P>) -> usize {
    let mut told = 0;
    if let Message::Promise(promise) = message {
        promise.facts(&mut |fact| {
            if let Fact::Promise { votes, .. } = fact {
                told += votes.len();
            }
        });
    }
    told
}

/// The acceptors vote for 60 commands of n0, which is gone before any other process learns. n1 must hear of all votes.
fn a_long_log_is_promised_in_pieces<P: Protocol<Value = u64, Reply = u64>>(lost: usize) {
    let config = Config { learning: Learning::Distinguished, ..Config::collapsed(3).expect("lawful") };
    let mut net = Net::<P>::new(Config { limits: Limits { batch: 4, ..config.limits }, ..config }, 3);
    net.run(|_, _, _| true);
    for k in 0..59 {
        net.nodes[0].submit(Time(0), k).expect("room");
    }
    net.submit(0, 59);
    net.run(|_, _, message| {
        !matches!(message, Message::Decide(_) | Message::Heartbeat { .. } | Message::Chosen { .. })
    });
    assert_eq!(net.nodes[0].chosen().first_unknown(), Slot(60));
    assert!(net.nodes[1..].iter().all(|node| node.chosen().first_unknown() < Slot(8)));
    let (mut pieces, mut messages) = (0, 0);
    for _ in 0..60_000 {
        net.tick(&[1, 2]);
        net.run(|from, to, message| {
            let told = votes(message);
            assert!(told <= 4, "{told} votes in a message for 4");
            pieces += usize::from(told > 0);
            // The messages of phase 1 are lost now and then, in both directions.
            let phase_1 = matches!(message, Message::Prepare(_) | Message::Promise(_));
            messages += usize::from(phase_1);
            from != 0 && to != 0 && (lost == 0 || !phase_1 || ((messages * 2_654_435_761) >> 7) % lost != 0)
        });
        if net.nodes[1..].iter().all(|node| node.chosen().first_unknown() >= Slot(60)) {
            break;
        }
    }
    let known: Vec<_> =
        net.nodes.iter().map(|n| (n.chosen().first_unknown(), n.leading(), n.leader())).collect();
    assert!(
        pieces >= 13 && known[1].0 >= Slot(60),
        "{}: {pieces} pieces, {lost}: {known:?} at {}",
        P::NAME,
        net.ms
    );
    let all: Vec<_> = (0..60).map(|slot| net.nodes[1].chosen().get(Slot(slot)).cloned()).collect();
    let before: Vec<_> = (0..60).map(|slot| net.nodes[0].chosen().get(Slot(slot)).cloned()).collect();
    assert!(all == before && all.iter().all(Option::is_some), "{}: {all:?} after {before:?}", P::NAME);
    let indices = net.nodes[1..].iter().filter_map(|node| node.proposer()?.read_index(node.chosen()));
    assert!(indices.into_iter().all(|index| index >= Slot(60)));
}

#[test]
fn a_promise_is_no_longer_than_a_message_however_long_the_log() {
    for lost in [0, 7, 3] {
        a_long_log_is_promised_in_pieces::<Multi>(lost);
        a_long_log_is_promised_in_pieces::<Fast>(lost);
    }
}

/// n0 learns a long log that ends with a change of members.
fn a_long_log_is_written_in_pieces<P: Protocol<Value = u64, Reply = u64>>() {
    let spares = NodeSet::only(NodeId(3));
    let config = Config::collapsed(3).expect("lawful");
    let limits = Limits { alpha: 8, snapshot: 0, ..config.limits };
    let config = Arc::new(Config { spares, limits, ..config });
    let setup = Setup { id: NodeId(0), config: config.clone(), options: P::Options::default() };
    let (mut node, mut replica) = (Node::<P>::new(setup, Time(0)), Replica::new(sum(), &limits));
    let client = ClientId { node: NodeId(9), session: 0, nonce: 0 };
    let added = Membership { proposers: spares, acceptors: spares, learners: spares };
    let mut entries: Vec<Entry<u64>> = (0..100_000).map(|seq| Entry::new(client, seq, 1)).collect();
    let change = Change { add: added, remove: NodeSet::EMPTY };
    entries.push(Entry::Change(CommandId { client, seq: 100_000 }, Box::new(change.into())));
    entries.extend((100_001..100_020).map(|seq| Entry::new(client, seq, 1)));
    let known = Slot(entries.len() as u64);
    let (mut first, mut longest, mut written) = (Slot(0), 0, Vec::new());
    for batch in entries.chunks(1000) {
        let message =
            Message::Chosen { first, batch: Batch::from(batch.to_vec()), known, asked: Some(first) };
        node.step(Time(0), Event::Message { from: NodeId(1), message });
        first = first.plus(batch.len() as u64);
        node.process(
            &mut replica,
            |_| {},
            |records: &[P::Record]| {
                let learned = records.iter().filter_map(Recorded::as_learned);
                let learned: Vec<_> =
                    learned.map(|(first, batch)| first.extend(batch.len() as u64)).collect();
                longest = longest.max(learned.iter().map(|slots| slots.len()).sum());
                written.extend(learned);
            },
            |_| {},
        );
    }
    // The epoch begins α slots after the change, and everything before it is on disk.
    assert_eq!(written.iter().map(|slots| slots.len()).sum::<u64>(), 100_008, "{}", P::NAME);
    assert!(written.is_sorted_by_key(|slots| slots.start));
    assert!(node.setup().config.members() != node.chosen().epochs().expect("they change").current().members);
    // The limit is a MiB at 24 bytes per entry, and one batch.
    assert!(longest <= (1 << 20) / 24 + 1000, "{}: {longest} entries in one write", P::NAME);
}

#[test]
fn an_epoch_begins_with_its_past_written_in_pieces() {
    a_long_log_is_written_in_pieces::<Multi>();
    a_long_log_is_written_in_pieces::<Fast>();
    a_long_log_is_written_in_pieces::<Basic>();
}
