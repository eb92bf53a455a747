//! A new leader whose acceptors have more votes to tell of than one message holds.

use super::{Fast, Multi, Net};
use paxos_core::{Config, Fact, Learning, Limits, Message, Phrase, Proposer, Protocol, Slot, Time};

/// How many votes a promise tells of.
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

/// n0 has 60 commands voted for, and is gone before anybody else knows what is chosen. n1 has to hear of all of it.
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
