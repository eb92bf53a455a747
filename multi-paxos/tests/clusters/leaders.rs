//! Drawings of leaders that come and go. `UPDATE_EXPECT=1 cargo test -p multi-paxos` redraws them.

use super::scene::{Journal, P, cluster, drawn, ms, submit};
use expect_test::expect_file;
use paxos_core::{Config, NodeId, Time};
use paxos_transport::sim::{Cut, Fault, Sim};

/// Three servers led by n0, after 30 ms.
fn led(clients: u16) -> Sim<P, Journal> {
    let mut sim = cluster(Config::collapsed(3).expect("lawful"), clients);
    sim.run_for(ms(30)).expect("no invariant breaks");
    sim
}

fn cut(sim: &mut Sim<P, Journal>, from: &[u16], to: &[u16], both_ways: bool) {
    let ids = |ids: &[u16]| ids.iter().map(|id| NodeId(*id)).collect();
    let (start, end) = (sim.now(), Time(u64::MAX));
    sim.links_mut().cuts.push(Cut { from: ids(from), to: ids(to), both_ways, start, end });
}

#[test]
fn a_pre_vote_of_one_process_that_does_not_hear_the_leader_fails() {
    let mut sim = led(0);
    let start = sim.now();
    // Commands that n2 then submits reach the leader through n1.
    cut(&mut sim, &[0], &[2], true);
    sim.run_for(ms(250)).expect("no invariant breaks");
    submit(&mut sim, 2, 7);
    sim.run_for(ms(50)).expect("no invariant breaks");
    assert!(sim.all_answered() && sim.leader() == Some(NodeId(0)));
    expect_file!["../runs/leaders/pre_vote_fails.txt"].assert_eq(&drawn(&sim, start));
}

#[test]
fn a_pre_vote_after_the_crash_of_the_leader_succeeds() {
    let mut sim = led(1);
    let start = sim.now();
    sim.fail(Fault::Crash(NodeId(0)));
    submit(&mut sim, 3, 7);
    sim.run_for(ms(250)).expect("no invariant breaks");
    assert!(sim.all_answered());
    expect_file!["../runs/leaders/pre_vote_succeeds.txt"].assert_eq(&drawn(&sim, start));
}

#[test]
fn a_leader_that_does_not_hear_steps_down() {
    let mut sim = led(0);
    let start = sim.now();
    cut(&mut sim, &[1, 2], &[0], false);
    submit(&mut sim, 1, 7);
    sim.run_for(ms(400)).expect("no invariant breaks");
    assert!(sim.all_answered());
    expect_file!["../runs/leaders/step_down.txt"].assert_eq(&drawn(&sim, start));
}

#[test]
fn a_leader_hands_over_while_commands_come() {
    let mut sim = led(1);
    let start = sim.now();
    submit(&mut sim, 3, 7);
    sim.run_for(ms(1)).expect("no invariant breaks");
    sim.transfer(NodeId(0), NodeId(2)).expect("n0 leads");
    submit(&mut sim, 3, 8);
    sim.run_for(ms(50)).expect("no invariant breaks");
    expect_file!["../runs/leaders/transfer.txt"].assert_eq(&drawn(&sim, start));
    assert!(sim.all_answered() && sim.leader() == Some(NodeId(2)));
}
