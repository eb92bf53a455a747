//! Runs that a review of the protocols found by reading the code, and that once failed. Each is delivered by hand.

mod epochs;
mod net;
mod numbers;
mod pieces;
mod told;

use basic_paxos::BasicPaxos;
use fast_paxos::FastPaxos;
use multi_paxos::{MultiPaxos, Prepare};
use net::Net;
use paxos_core::{Ballot, Config, Learning, Message, NodeId, Slot};

type Basic = BasicPaxos<u64, u64>;
type Multi = MultiPaxos<u64, u64>;
type Fast = FastPaxos<u64, u64>;

#[test]
fn a_slot_proposed_again_has_a_ballot_of_its_own() {
    let config = Config { learning: Learning::Everyone, ..Config::separate(1, 3, 2).expect("lawful") };
    let mut net = Net::<Basic>::new(config, 7);
    net.run(|_, _, _| true);
    net.submit(6, 77);
    // The promises of n1 and n3 are slow. When asked again, n1 is fast.
    let mut late = Vec::new();
    net.run(|from, to, m| {
        let slow = matches!(m, Message::Promise(_)) && from != 2;
        if slow {
            late.push((from, to, m.clone()));
        }
        !slow
    });
    while !net.letters.iter().any(|(.., m)| matches!(m, Message::Prepare(_))) {
        net.tick(&[0]);
    }
    // Only n4 learns what n1 and n2 voted for. It reports this, and then is gone.
    net.run(|_, to, m| {
        let misses = matches!(m, Message::Prepare(_)) && to != 1
            || matches!(m, Message::Accept(_)) && to == 3
            || matches!(m, Message::Accepted(_)) && to != 4;
        !misses
    });
    let first = net.nodes[4].chosen().get(Slot(0)).cloned().expect("learned");
    for _ in 0..60 {
        net.tick(&[4]);
        net.run(|_, _, m| matches!(m, Message::Progress { .. }));
    }
    // n5 asks for help. The slow promises now arrive as if they were the answers.
    let mut asked = false;
    for _ in 0..1000 {
        net.tick(&[0, 5]);
        net.run(|from, to, m| {
            asked |= matches!(m, Message::Prepare(_));
            from != 4 && to != 4 && !matches!(m, Message::Prepare(_))
        });
        if asked {
            break;
        }
    }
    assert!(asked, "n5 is helped");
    for letter in late {
        net.give(letter);
    }
    net.run(|from, to, _| to != 2 && to != 4 && from != 4);
    let second = net.nodes[5].chosen().get(Slot(0));
    assert!(second.is_none_or(|entry| *entry == first), "n4 learned {first}, n5 {second:?}");
}

#[test]
fn what_is_forgotten_is_not_sent_as_something_else() {
    let mut net = Net::<Multi>::new(Config::collapsed(3).expect("lawful"), 4);
    net.run(|_, _, _| true);
    for k in 0..10 {
        net.submit(3, k);
        net.run(|_, _, _| true);
    }
    for _ in 0..200 {
        net.tick(&[0, 1, 2, 3]);
        net.run(|_, _, _| true);
    }
    for node in net.nodes.iter_mut().take(3) {
        node.trim(Slot(10));
    }
    for k in 10..20 {
        net.submit(3, k);
        net.run(|_, to, _| to != 2);
    }
    // An old message of n2 arrives late.
    net.give((2, 0, Message::Progress { chosen: Slot(5), durable: Slot(0) }));
    net.run(|_, _, _| true);
    for slot in (10..20).map(Slot) {
        let (theirs, ours) = (net.nodes[2].chosen().get(slot), net.nodes[0].chosen().get(slot));
        assert!(theirs.is_none() || theirs == ours, "{slot}: {theirs:?} and {ours:?}");
    }
}

#[test]
fn a_leader_goes_on_where_what_it_recovered_is_known_already() {
    for learning in [Learning::Distinguished, Learning::Everyone] {
        let mut config = Config { learning, ..Config::collapsed(3).expect("lawful") };
        config.limits.window = 1;
        let mut net = Net::<Multi>::new(config, 4);
        net.run(|_, _, _| true);
        net.submit(3, 5);
        // Slot 0 is chosen at n0. The others hear of it only in the middle of their election.
        let mut late = Vec::new();
        net.run(|from, to, m| {
            let held = matches!(m, Message::Decide(_)) || (matches!(m, Message::Accepted(_)) && to != 0);
            if held {
                late.push((from, to, m.clone()));
            }
            !held
        });
        let mut elected = false;
        for _ in 0..3000 {
            net.tick(&[1, 2, 3]);
            let mut promises = Vec::new();
            net.run(|from, to, m| {
                let held = matches!(m, Message::Promise(_)) && !elected;
                if held && from != 0 && to != 0 {
                    promises.push((from, to, m.clone()));
                }
                !held && from != 0 && to != 0
            });
            if !promises.is_empty() {
                elected = true;
                for letter in late.drain(..).filter(|(_, to, _)| *to != 0) {
                    net.give(letter);
                }
                net.letters.extend(promises);
                net.run(|from, to, _| from != 0 && to != 0);
                net.submit(3, 6);
            }
        }
        assert_eq!(net.outcomes.len(), 2, "{learning:?}");
    }
}

#[test]
fn a_collision_does_not_depose_the_leader() {
    let mut net = Net::<Fast>::new(Config::collapsed(3).expect("lawful"), 5);
    for _ in 0..100 {
        net.run(|_, _, _| true);
        net.tick(&[0, 1, 2, 3, 4]);
    }
    net.run(|_, _, _| true);
    net.submit(3, 1);
    net.submit(4, 2);
    // n0 hears c3 first, the others c4.
    let (first, second): (Vec<_>, Vec<_>) =
        net.letters.drain(..).partition(|(from, to, _)| (*from == 3) == (*to == 0));
    net.letters.extend(first.into_iter().chain(second));
    net.run(|_, _, _| true);
    assert_eq!(net.outcomes.len(), 2);
    let mut campaigns = 0;
    for _ in 0..2000 {
        net.tick(&[0, 1, 2, 3, 4]);
        net.run(|_, _, m| {
            campaigns += u32::from(matches!(m, Message::Prepare(_)));
            true
        });
    }
    assert_eq!(campaigns, 0);
}

#[test]
fn a_late_refusal_of_an_old_ballot_does_not_silence_a_leader() {
    let mut net = Net::<Multi>::new(Config::separate(2, 3, 1).expect("lawful"), 7);
    // The messages of ballot 1.n0 are slow. Ballot 2.n0 wins without n2.
    let stale: Vec<_> = net.letters.drain(..).collect();
    while net.nodes[0].leading().is_none() {
        net.tick(&[0]);
        net.run(|_, to, m| if let Message::Prepare(p) = m { p.ballot.round() == 2 && to != 2 } else { true });
    }
    // n1 reaches only n2 with ballot 2.n1, and is gone forever. Then ballot 1.n0 arrives at n2.
    let rival = Prepare { ballot: Ballot::classic(2, NodeId(1)), from: Slot(0) };
    net.give((1, 2, Message::Prepare(rival)));
    net.letters.clear();
    let slow = stale.into_iter().find(|(_, to, m)| *to == 2 && matches!(m, Message::Prepare(_)));
    net.give(slow.expect("1.n0 was sent to n2"));
    let alive = |from, to, _: &Message<Multi>| from != 1 && to != 1;
    net.run(alive);
    net.submit(6, 5);
    for _ in 0..2000 {
        net.tick(&[0, 2, 3, 4, 5, 6]);
        net.run(alive);
    }
    assert_eq!(net.outcomes.len(), 1);
}

#[test]
fn a_client_that_is_no_server_finds_the_next_leader_and_stays_with_it() {
    let mut net = Net::<Multi>::new(Config::collapsed(3).expect("lawful"), 4);
    net.run(|_, _, _| true);
    while net.nodes[1].leading().is_none() && net.nodes[2].leading().is_none() {
        net.tick(&[0, 1, 2, 3]);
        net.run(|from, to, _| from != 0 && to != 0);
    }
    for _ in 0..300 {
        net.tick(&[0, 1, 2, 3]);
        net.run(|_, _, _| true);
    }
    for command in 0..5 {
        let (start, answered) = (net.ms, net.outcomes.len());
        net.submit(3, command);
        net.run(|_, _, _| true);
        assert_eq!((net.outcomes.len(), net.ms), (answered + 1, start), "command {command} waited");
    }
}
