//! A cluster on one thread, where messages are counted exactly.

use crate::toy::{Journal, Patient};
use paxos_core::{Config, NodeId, Timeouts};
use paxos_transport::LocalCluster;

const N0: NodeId = NodeId(0);

fn cluster(n: u16) -> LocalCluster<Patient, Journal> {
    let config = Config { timeouts: Timeouts::NEVER, ..Config::collapsed(n).expect("lawful") };
    LocalCluster::new(config, |_| Journal::default())
}

#[test]
fn every_command_is_executed_by_every_replica_and_answered_once() {
    for n in [1, 3, 5] {
        let mut cluster = cluster(n);
        for command in 0..100 {
            cluster.propose(N0, command).expect("room");
            cluster.run();
        }
        assert_eq!(cluster.outcomes().count(), 100);
        for id in 0..n {
            assert_eq!(cluster.machine(NodeId(id)).0, (0..100).collect::<Vec<_>>());
        }
    }
}

#[test]
fn patience_costs_a_round_for_each_command_however_many_wait() {
    let mut cluster = cluster(3);
    let before = cluster.messages();
    for command in 0..10 {
        cluster.propose(N0, command).expect("room");
    }
    cluster.run();
    // For every command: phase 2a, phase 2b and the decision, each to or from two other processes.
    assert_eq!((cluster.outcomes().count(), cluster.messages() - before), (10, 10 * 3 * 2));
}
