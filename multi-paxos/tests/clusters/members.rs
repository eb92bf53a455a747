//! A drawing of one change of members.

use super::scene::{cluster, drawn, established, ms, quiet, settle, submit};
use expect_test::expect_file;
use paxos_core::{Announce, Change, Config, Kind, NodeId, NodeSet};

#[test]
fn a_server_takes_the_place_of_another() {
    let mut config = quiet(3);
    config.spares = NodeSet::only(NodeId(3));
    (config.limits.window, config.limits.alpha) = (2, 2);
    config.timeouts.gossip = Some(ms(20));
    let mut sim = cluster(config, 1);
    sim.run_for(ms(50)).expect("no invariant breaks");
    submit(&mut sim, 4, 1);
    // The new member has caught up when the change names it.
    sim.run_for(ms(70)).expect("no invariant breaks");
    let start = sim.now();
    sim.force_change(NodeId(0), Change::replace(NodeId(2), NodeId(3))).expect("it is up");
    sim.run_for(ms(12)).expect("no invariant breaks");
    submit(&mut sim, 4, 2);
    sim.run_until(paxos_transport::sim::Sim::all_answered).expect("no invariant breaks");
    sim.run_for(ms(25)).expect("no invariant breaks");
    expect_file!["../runs/members.txt"].assert_eq(&drawn(&sim, start));
    let members = sim.node(NodeId(3)).and_then(|node| node.chosen().epochs()).map(|e| e.current().clone());
    let members = members.expect("they change");
    assert_eq!(members.members.acceptors, [0, 1, 3].map(NodeId).into_iter().collect());
    assert_eq!(sim.machine(NodeId(3)).expect("it is there").0, [1, 2]);
    assert_eq!(sim.counts().of(Kind::Nack), 0);
}

/// Nothing is set that ends a wait. So what was decided last among the former members must be told before the leader stops.
#[test]
fn a_leader_that_is_removed_leaves_nothing_untold() {
    let mut config = Config { announce: Announce::ToWaiting, ..quiet(3) };
    config.limits.alpha = 2;
    let (mut sim, _) = established(config);
    sim.force_change(NodeId(0), Change::remove(NodeId(0))).expect("it is up");
    settle(&mut sim);
    let known = [0, 1, 2].map(|n| sim.node(NodeId(n)).expect("it is up").chosen().first_unknown());
    assert_eq!(known, [known[0]; 3]);
    submit(&mut sim, 1, 2);
    settle(&mut sim);
    assert!(sim.all_answered());
    assert_eq!(sim.machine(NodeId(1)).expect("it is there").0, [6, 2]);
}
