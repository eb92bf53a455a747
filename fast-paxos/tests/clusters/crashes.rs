//! A fast ballot needs four of five acceptors, so one may have crashed.

use super::scene::{Journal, P, cluster, ms, submit};
use fast_paxos::Options;
use paxos_core::{Config, NodeId, Time};
use paxos_transport::sim::{Cut, Fault, Links, Sim, Stop, World};

#[test]
fn with_one_of_five_crashed_ballots_stay_fast() {
    for crashed in 1..5 {
        let mut sim = cluster(Config::collapsed(5).expect("lawful"), 1);
        sim.run_for(ms(10)).expect("no invariant breaks");
        sim.fail(Fault::Crash(NodeId(crashed)));
        submit(&mut sim, 5, 7);
        let start = sim.now();
        let stop = sim.run_until(Sim::all_answered);
        assert_eq!(stop.expect("no invariant breaks"), Stop::Done);
        assert_eq!(sim.now().since(start), ms(3), "without n{crashed}");
    }
}

/// Three acceptors need all three for a fast ballot. When one has crashed, one command waits for its vote, in vain; the
/// leader then continues as Multi-Paxos would, and no other command waits for a timeout.
#[test]
fn with_one_of_three_crashed_only_one_command_waits_for_its_vote() {
    let config = Config::collapsed(3).expect("lawful");
    let resend = config.timeouts.resend.expect("it asks again");
    let mut sim = cluster(config, 1);
    sim.run_for(ms(10)).expect("no invariant breaks");
    sim.fail(Fault::Crash(NodeId(2)));
    let mut waits = Vec::new();
    for value in 0..10 {
        let start = sim.now();
        submit(&mut sim, 3, value);
        let stop = sim.run_until(Sim::all_answered);
        assert_eq!(stop.expect("no invariant breaks"), Stop::Done);
        waits.push(sim.now().since(start));
    }
    assert!(waits[1..].iter().all(|wait| *wait < resend), "{waits:?}");
}

/// The votes of one of three acceptors are missing for each command of the only client, though the acceptor is alive. The
/// leader finds it in each phase 1, and must not believe for ever that the next fast ballot fares better.
#[test]
fn a_client_that_does_not_reach_one_acceptor_waits_less_and_less_often() {
    let config = Config::collapsed(3).expect("lawful");
    let resend = config.timeouts.resend.expect("it asks again");
    let (from, to) = (vec![NodeId(3)], vec![NodeId(2)]);
    let heals = Time(0).after(ms(1_000_000));
    let mut world = World::<P>::new(config, Options::default(), 1);
    world.links = Links::constant(ms(1));
    world.links.cuts.push(Cut { from, to, both_ways: false, start: Time(0), end: heals });
    world.add_clients(1);
    let mut sim = Sim::new(world, |_| Journal::default());
    let mut waited = Vec::new();
    for value in 0..500 {
        let start = sim.now();
        submit(&mut sim, 3, value);
        let stop = sim.run_until(Sim::all_answered);
        assert_eq!(stop.expect("no invariant breaks"), Stop::Done);
        if sim.now().since(start) >= resend {
            waited.push(value);
        }
    }
    assert!((3..=9).contains(&waited.len()), "{waited:?}");
    // Once the client reaches all of them again, ballots become fast again.
    sim.run_for(heals.since(sim.now())).expect("no invariant breaks");
    for value in 500..1100 {
        submit(&mut sim, 3, value);
        sim.run_until(Sim::all_answered).expect("no invariant breaks");
    }
    assert!(sim.node(NodeId(0)).and_then(|node| node.proposer()?.any()).is_some());
}
