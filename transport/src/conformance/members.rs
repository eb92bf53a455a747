//! Changes of members while commands continue, in variants that support them.

use super::cluster::{Journal, cluster, ms, run, submit, until};
use super::{Facts, Tested};
use crate::sim::{Sim, Submitted};
use paxos_core::{Change, Config, NodeId, NodeSet};

/// Three servers and a spare, with changes that take effect after two slots, and a client that has one answer.
fn servers<P: Tested>(facts: &Facts<P>) -> Sim<P, Journal> {
    let mut config = Config::collapsed(3).expect("servers");
    config.spares = NodeSet::only(NodeId(3));
    (config.limits.window, config.limits.alpha) = (2, 2);
    let mut sim = cluster(config, (facts.options)(0), 1);
    submit(&mut sim, 4, 1);
    assert!(until(&mut sim, Sim::all_answered));
    run(&mut sim, ms(200));
    sim
}

fn acceptors<P: Tested>(sim: &Sim<P, Journal>, node: u16) -> Option<NodeSet> {
    Some(sim.node(NodeId(node))?.chosen().epochs()?.current().members.acceptors)
}

/// If the members never change, a request for a change is refused.
pub fn a_server_takes_the_place_of_another_if_the_variant_says_so<P: Tested>(facts: &Facts<P>) {
    let mut sim = servers(facts);
    let change = sim.force_change(NodeId(0), Change::replace(NodeId(2), NodeId(3)));
    assert_eq!(change.is_ok(), P::CHANGES, "`CHANGES` of {} is not true", P::NAME);
    run(&mut sim, ms(2000));
    submit(&mut sim, 4, 2);
    run(&mut sim, ms(2000));
    let told = |id| sim.machine(NodeId(id)).map(|journal| journal.0.clone());
    assert_eq!((told(0), told(1)), (Some(vec![1, 2]), Some(vec![1, 2])), "commands go on");
    let expected = P::CHANGES.then(|| [0, 1, 3].map(NodeId).into_iter().collect());
    assert_eq!((acceptors(&sim, 0), acceptors(&sim, 1)), (expected, expected));
    if let Ok(change) = change {
        assert!(sim.command(change).is_some_and(Submitted::is_settled));
        assert_eq!(told(3), Some(vec![1, 2]), "the newcomer executes");
    }
}
