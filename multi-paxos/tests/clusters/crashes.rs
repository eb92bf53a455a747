//! Minorities that fail do not matter; majorities that fail cost time only.

use super::scene::{anything_chosen, cluster, executed, ms, submit};
use paxos_core::{Config, Learning, NodeId};
use paxos_transport::sim::{Fault, Sim, Stop};

#[test]
fn five_acceptors_decide_with_any_two_crashed() {
    for learning in [Learning::Everyone, Learning::Distinguished] {
        for (a, b) in (0..5_u16).flat_map(|a| (0..a).map(move |b| (a, b))) {
            let mut sim = cluster(Config { learning, ..Config::collapsed(5).expect("lawful") }, 1);
            sim.fail(Fault::Crash(NodeId(a)));
            sim.fail(Fault::Crash(NodeId(b)));
            submit(&mut sim, 5, 7);
            let stop = sim.run_until(|sim| sim.all_answered() && executed(sim, 1));
            assert_eq!(stop.expect("no invariant breaks"), Stop::Done, "without n{a} and n{b}");
        }
    }
}

#[test]
fn five_acceptors_stop_with_three_crashed_and_go_on_when_one_is_back() {
    for learning in [Learning::Everyone, Learning::Distinguished] {
        for back in 2..5 {
            let mut sim = cluster(Config { learning, ..Config::collapsed(5).expect("lawful") }, 1);
            (2..5).for_each(|id| sim.fail(Fault::Crash(NodeId(id))));
            submit(&mut sim, 5, 7);
            sim.run_for(ms(10_000)).expect("no invariant breaks");
            assert!(!anything_chosen(&sim) && !sim.all_answered());
            sim.fail(Fault::Restart(NodeId(back)));
            let stop = sim.run_until(|sim| sim.all_answered() && executed(sim, 1));
            assert_eq!(stop.expect("no invariant breaks"), Stop::Done, "with n{back} back");
        }
    }
}

#[test]
fn what_was_answered_survives_the_crash_of_everyone() {
    let mut sim = cluster(Config::collapsed(3).expect("lawful"), 1);
    for value in 0..20 {
        submit(&mut sim, 3, value);
    }
    assert_eq!(sim.run_until(Sim::all_answered).expect("no invariant breaks"), Stop::Done);
    let journal = sim.machine(NodeId(0)).expect("it is there").0.clone();
    (0..3).for_each(|id| sim.fail(Fault::Crash(NodeId(id))));
    (0..3).for_each(|id| sim.fail(Fault::Restart(NodeId(id))));
    assert!(sim.machine(NodeId(0)).is_some_and(|machine| machine.0.is_empty()));
    let stop = sim.run_until(|sim| executed(sim, 20));
    assert_eq!(stop.expect("no invariant breaks"), Stop::Done);
    assert_eq!(sim.machine(NodeId(2)).expect("it is there").0, journal);
}
