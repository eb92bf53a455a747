//! Clients that collide all the time: every command is decided, and after too many collisions a leader stops using fast
//! ballots until collisions would be rare.

use super::scene::{Journal, P, executed, ms};
use fast_paxos::{Hysteresis, Options, Recovery, Switches};
use paxos_core::{Config, Learning, NodeId};
use paxos_transport::sim::{Delay, Links, Sim, Stop, World};

const ALL: [Recovery; 3] = [Recovery::Coordinated, Recovery::Uncoordinated, Recovery::Classic];

/// `n` servers and as many clients, over links that take 1 to 3 ms.
fn crowd(n: u16, options: Options, learning: Learning, seed: u64) -> (Sim<P, Journal>, Vec<NodeId>) {
    let config = Config { learning, ..Config::collapsed(n).expect("lawful") };
    let mut world = World::new(config, options, seed);
    world.links = Links::new(Delay::Uniform { low: ms(1), high: ms(3) });
    let clients = world.add_clients(n);
    (Sim::new(world, |_| Journal::default()), clients)
}

#[test]
fn under_constant_collisions_every_command_is_decided() {
    for recovery in ALL {
        for (learning, n, seed) in [
            (Learning::Everyone, 3, 1),
            (Learning::Everyone, 5, 2),
            (Learning::Distinguished, 4, 3),
            (Learning::Distinguished, 5, 4),
        ] {
            let options = Options { recovery, ..Options::default() };
            let (mut sim, clients) = crowd(n, options, learning, seed);
            for (client, nth) in clients.iter().zip(0..) {
                sim.submit_in_turn(*client, 2, (0..100).map(|k| 1000 * nth + k));
            }
            let all = 100 * usize::from(n);
            let stop = sim.run_until(|sim| sim.all_answered() && executed(sim, all));
            assert_eq!(stop.expect("no invariant breaks"), Stop::Done, "{recovery:?} {learning:?}");
        }
    }
}

/// The number of times the first leader switched.
fn switches(sim: &Sim<P, Journal>) -> Switches {
    let proposer = sim.node(NodeId(0)).and_then(|node| node.proposer());
    proposer.expect("it proposes").switches()
}

fn is_fast(sim: &Sim<P, Journal>) -> bool {
    sim.node(NodeId(0)).and_then(|node| node.proposer()?.any()).is_some()
}

#[test]
fn a_leader_does_without_fast_ballots_while_they_collide() {
    for recovery in ALL {
        let hysteresis = Some(Hysteresis { window: 16, collided: 8, calm: 2 });
        let options = Options { recovery, hysteresis, ..Options::default() };
        let (mut sim, clients) = crowd(5, options, Learning::Distinguished, 7);
        sim.run_for(ms(20)).expect("no invariant breaks");
        assert!(is_fast(&sim), "{recovery:?}");
        // A single client has no collisions.
        sim.submit_in_turn(clients[0], 1, 0..40);
        sim.run_until(Sim::all_answered).expect("no invariant breaks");
        assert_eq!((switches(&sim), is_fast(&sim)), (Switches::default(), true), "{recovery:?}");
        // Five clients do. After enough collisions, the leader continues as in Multi-Paxos.
        for (client, nth) in clients.iter().zip(1..) {
            sim.submit_in_turn(*client, 2, (0..40).map(|k| 1000 * nth + k));
        }
        sim.run_until(Sim::all_answered).expect("no invariant breaks");
        assert_eq!(switches(&sim), Switches { to_classic: 1, to_fast: 0 }, "{recovery:?}");
        assert!(!is_fast(&sim), "{recovery:?}");
        // With a single client again, it returns to fast ballots after a window of slots without contention.
        sim.submit_in_turn(clients[1], 1, 9000..9020);
        sim.run_until(Sim::all_answered).expect("no invariant breaks");
        assert_eq!(switches(&sim), Switches { to_classic: 1, to_fast: 1 }, "{recovery:?}");
        assert!(is_fast(&sim), "{recovery:?}");
        // No command is lost, and none is executed twice.
        let stop = sim.run_until(|sim| executed(sim, 40 + 200 + 20));
        assert_eq!(stop.expect("no invariant breaks"), Stop::Done, "{recovery:?}");
        let mut journal = sim.machine(NodeId(4)).expect("it is there").0.clone();
        journal.sort_unstable();
        journal.dedup();
        assert_eq!(journal.len(), 260, "{recovery:?}");
    }
}

#[test]
fn without_the_rule_a_leader_stays_with_fast_ballots() {
    let (mut sim, clients) = crowd(5, Options::default(), Learning::Distinguished, 7);
    for (client, nth) in clients.iter().zip(1..) {
        sim.submit_in_turn(*client, 2, (0..40).map(|k| 1000 * nth + k));
    }
    sim.run_until(Sim::all_answered).expect("no invariant breaks");
    assert_eq!(switches(&sim), Switches::default());
}

#[test]
fn after_each_recovery_any_is_open_for_all_free_slots() {
    for recovery in ALL {
        let options = Options { recovery, ..Options::default() };
        let (mut sim, clients) = crowd(5, options, Learning::Distinguished, 3);
        for (client, nth) in clients.iter().zip(0..) {
            sim.submit_in_turn(*client, 1, (0..10).map(|k| 100 * nth + k));
        }
        sim.run_until(Sim::all_answered).expect("no invariant breaks");
        sim.run_for(ms(500)).expect("no invariant breaks");
        // The open slots come after everything that was decided, at every acceptor, in one ballot, the leader's.
        let any = sim.node(NodeId(0)).and_then(|node| node.proposer()?.any()).expect("open");
        for id in (0..5).map(NodeId) {
            let node = sim.node(id).expect("it is there");
            let (ballot, next) = node.acceptor().and_then(fast_paxos::Acceptor::opened).expect("open");
            assert_eq!(ballot, any.ballot, "{recovery:?} {id}");
            assert!(next >= any.from, "{recovery:?} {id}");
        }
        // Commands of one client, sent far apart, are decided without the leader's help: in two delays of 3 ms at most,
        // and one for the answer.
        let quick = (0..30).filter(|value| {
            let start = sim.now();
            sim.submit(clients[0], 5000 + value).expect("there is room");
            sim.run_until(Sim::all_answered).expect("no invariant breaks");
            let quick = sim.now().since(start) <= ms(9);
            sim.run_for(ms(50)).expect("no invariant breaks");
            quick
        });
        assert!(quick.count() >= 28, "{recovery:?}");
    }
}
