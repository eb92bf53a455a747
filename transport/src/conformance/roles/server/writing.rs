//! What a server writes before it speaks, what it knows after a restart, and what it tells peers that are behind.

use super::{N0, N1, N2, PATIENCE, Server, asked};
use crate::conformance::alone::kinds;
use crate::conformance::roles::stage::{NOW, Process, entry};
use crate::conformance::{Facts, Tested};
use paxos_core::{Ballot, Batch, Config, Event, Fact, Limits, Message, Recorded as _, Slot, Timeouts};

fn quiet(n: u16) -> Config {
    Config { timeouts: Timeouts::NEVER, ..Config::collapsed(n).expect("servers") }
}

/// Network and disk work at the same time. The vote of the leader itself does not leave it.
pub fn a_phase_2a_leaves_while_its_senders_own_vote_is_being_written<P: Tested>(facts: &Facts<P>) {
    let mut leader = Server::new(facts, quiet(3), N0);
    let mut said = leader.wake(NOW);
    leader.node.submit(NOW, 5).expect("there is room");
    said.extend(leader.settle());
    let mut n1 = Process::<P>::new(facts, quiet(3), 1);
    // It has a promise of its own, and n1's is the second of three.
    let promise = n1.promise(&asked(&said).expect("it asks")).expect("a promise");
    leader.give(N1, Message::Promise(promise));
    assert_eq!(kinds(&mut leader.node), (vec!["accept"], 1, vec![]));
}

/// A single server's promise and vote count when they are on disk, and not before.
pub fn an_own_vote_counts_when_it_is_on_disk<P: Tested>(facts: &Facts<P>) {
    let mut alone = Server::<P>::new(facts, quiet(1), N0);
    alone.node.step(NOW, Event::Timeout);
    alone.node.submit(NOW, 5).expect("there is room");
    let mut writes = Vec::new();
    while let Some(write) = alone.node.ready().write() {
        drop(alone.node.ready());
        assert!(!alone.node.chosen().knows(Slot(0)));
        let mut votes = false;
        for record in write.records() {
            record.facts(&mut |fact| votes |= matches!(fact, Fact::Vote { .. }));
        }
        writes.push(votes);
        alone.node.durable(write.durable());
        drop(alone.node.ready());
        assert_eq!(alone.node.chosen().knows(Slot(0)), votes);
    }
    assert_eq!(writes, [false, true], "a ballot and a promise, and then a vote");
}

/// After a restart, a node still knows the chosen values, except for the last few slots. For its own winning votes it
/// has written only that they won, and for its losing votes the chosen value.
pub fn a_restored_node_knows_which_of_its_votes_were_for_what_was_chosen<P: Tested>(facts: &Facts<P>) {
    let mut config = quiet(3);
    config.limits.snapshot = 0;
    let mut acceptor = Server::<P>::new(facts, config, N1);
    acceptor.vote(N0, Ballot::ZERO, 0..100);
    // In s70 another value is chosen, in a ballot that the node has never heard of.
    let other = Batch::from(entry(500));
    for (first, batch) in
        [(0, (0..70).map(entry).collect()), (70, other.clone()), (71, (71..100).map(entry).collect())]
    {
        let (first, known) = (Slot(first), Slot(100));
        acceptor.hear(N2, Message::Chosen { first, batch, known, asked: Some(first) });
    }
    acceptor.vote(N0, Ballot::ZERO, 100..110);
    let disk = &acceptor.disk.1;
    let learned: Vec<_> = disk.iter().filter_map(P::Record::as_learned).collect();
    assert_eq!(learned, [(Slot(70), &other)]);
    let known: Vec<_> = disk.iter().filter_map(P::Record::as_known).collect();
    assert_eq!(known, [Slot(0).extend(70), Slot(71).extend(29)]);
    let durable = acceptor.node.status().durable;
    acceptor.restart();
    let chosen = acceptor.node.chosen();
    assert_eq!((chosen.first_unknown(), chosen.end()), (Slot(100), Slot(100)));
    assert_eq!(chosen.get(Slot(70)), other.first());
    assert_eq!((durable, acceptor.node.status().durable), (Slot(100), Slot(100)));
}

/// The order of arrival makes no difference.
pub fn who_is_behind_is_told_many_slots_at_a_time_and_asks_once_for_what_follows<P: Tested>(
    facts: &Facts<P>,
) {
    let limits = Limits { batch: 1, ..Limits::default() };
    let config = Config { limits, ..quiet(3) };
    let mut ahead = Server::<P>::new(facts, config.clone(), N0);
    for k in 0..50 {
        let batch = Batch::from(entry(k));
        let (first, known) = (Slot(k), Slot(50));
        ahead.give(N1, Message::Chosen { first, batch, known, asked: Some(first) });
    }
    ahead.settle();
    let mut said = ahead.hear(N2, Message::CatchUp { from: Slot(0) });
    let last = |m: &Message<P>| matches!(m, Message::Chosen { asked: Some(_), .. });
    assert_eq!((said.len(), said.iter().position(|(_, m)| last(m))), (32, Some(31)));
    said.reverse();
    said.swap(3, 20);
    let mut behind = Server::<P>::new(facts, config, N2);
    let asked: Vec<Vec<_>> = said
        .into_iter()
        .map(|(_, message)| behind.hear(N0, message).into_iter().map(|(_, message)| message).collect())
        .collect();
    assert!(asked[..31].iter().all(Vec::is_empty), "{asked:?}");
    assert_eq!(asked[31], [Message::CatchUp { from: Slot(32) }]);
}

/// Each answer takes a round trip. The first has 32 messages.
pub fn who_is_far_behind_and_asks_again_soon_is_told_twice_as_much_each_time<P: Tested>(facts: &Facts<P>) {
    let limits = Limits { batch: 1, ..Limits::default() };
    let timeouts = Timeouts { election: Some(PATIENCE), ..quiet(3).timeouts };
    let mut ahead = Server::<P>::new(facts, Config { limits, timeouts, ..quiet(3) }, N0);
    for k in 0..500 {
        let (batch, first) = (Batch::from(entry(k)), Slot(k));
        ahead.give(N1, Message::Chosen { first, batch, known: Slot(500), asked: Some(first) });
    }
    ahead.settle();
    let mut told = |from| ahead.hear(N2, Message::CatchUp { from: Slot(from) }).len();
    assert_eq!([told(0), told(32), told(96)], [32, 64, 128]);
    // It lost something.
    assert_eq!([told(100), told(132)], [32, 64]);
}
