//! A drawing of one change of members.

use super::scene::{cluster, drawn, ms, quiet, submit};
use expect_test::expect_file;
use paxos_core::{Change, Kind, NodeId, NodeSet};

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
