//! Changes of members, in variants that support them, and of leaders, while commands continue.

use super::cluster::{Journal, cluster, established, ms, quiet, run, settle, submit, until};
use super::{Facts, Tested};
use crate::sim::{Sim, Submitted};
use paxos_core::{Announce, Ballot, Change, Config, NodeId, NodeSet};

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

/// Nothing is set that ends a wait. So what was decided last among the former members must be told before the leader stops.
pub fn a_leader_that_is_removed_leaves_nothing_untold<P: Tested>(facts: &Facts<P>) {
    if !P::CHANGES {
        return;
    }
    let mut config = Config { announce: Announce::ToWaiting, ..quiet(3) };
    config.limits.alpha = 2;
    let (mut sim, _) = established::<P>(config, (facts.options)(0));
    sim.force_change(NodeId(0), Change::remove(NodeId(0))).expect("it is up");
    settle(&mut sim);
    let known = [0, 1, 2].map(|n| sim.node(NodeId(n)).expect("it is up").chosen().first_unknown());
    assert_eq!(known, [known[0]; 3]);
    submit(&mut sim, 1, 2);
    settle(&mut sim);
    assert!(sim.all_answered());
    assert_eq!(sim.machine(NodeId(1)).expect("it is there").0, [6, 2]);
}

/// It asks for what it misses, and no time limit is set that would end a wait.
pub fn a_successor_that_was_not_told_what_is_chosen_leads_at_once<P: Tested>(facts: &Facts<P>) {
    let config = Config { announce: Announce::ToWaiting, ..quiet(3) };
    let (mut sim, _) = established::<P>(config, (facts.options)(0));
    sim.transfer(NodeId(0), NodeId(2)).expect("n0 leads");
    settle(&mut sim);
    assert!(sim.node(NodeId(2)).expect("it is there").status().leads);
}

/// Its heartbeats are answered, and nobody has commands.
pub fn an_idle_leader_stays<P: Tested>(facts: &Facts<P>) {
    let mut config = Config::collapsed(3).expect("servers");
    config.timeouts.gossip = None;
    let mut sim = cluster::<P>(config, (facts.options)(0), 0);
    run(&mut sim, ms(2000));
    let node = |id| sim.node(NodeId(id)).expect("it is up");
    assert!((0..3).all(|id| node(id).leader() == Some(NodeId(0))));
    assert_eq!(node(0).leading(), Some(Ballot::classic(1, NodeId(0))));
    assert!((1..3).all(|id| node(id).leading().is_none()));
}
