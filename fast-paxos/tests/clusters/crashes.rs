//! A fast ballot needs four of five acceptors, so one may have crashed.

use super::scene::{cluster, ms, submit};
use paxos_core::{Config, NodeId};
use paxos_transport::sim::{Fault, Sim, Stop};

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
