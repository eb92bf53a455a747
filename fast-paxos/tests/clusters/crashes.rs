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
