//! The cluster on one thread.

use multi_paxos::MultiPaxos;
use paxos_core::{Config, Consistency, NodeId, Slot, StateMachine, Timeouts};
use paxos_transport::LocalCluster;

struct Sum(u64);
impl StateMachine for Sum {
    type Command = u64;
    type Reply = u64;
    fn apply(&mut self, _slot: Slot, n: &u64) -> u64 {
        self.0 += n;
        self.0
    }
}

fn cluster(n: u16) -> LocalCluster<MultiPaxos<u64, u64>, Sum> {
    let config = Config { timeouts: Timeouts::NEVER, ..Config::collapsed(n).expect("lawful") };
    LocalCluster::new(config, |_| Sum(0))
}

#[test]
fn every_command_is_executed_by_every_replica_and_answered_once() {
    for n in [1, 3, 5] {
        let mut cluster = cluster(n);
        for round in 0..100_u64 {
            for k in 0..=round % 7 {
                cluster.propose(NodeId(0), k).expect("room");
            }
            cluster.run();
            assert_eq!(cluster.outcomes().count() as u64, round % 7 + 1);
        }
        let sums: Vec<u64> = (0..n).map(|id| cluster.machine(NodeId(id)).0).collect();
        assert!(sums.iter().all(|sum| *sum == sums[0]), "{sums:?}");
    }
}

#[test]
fn five_servers_decide_with_two_stopped_and_not_with_three() {
    let mut cluster = cluster(5);
    cluster.stop(NodeId(3));
    cluster.stop(NodeId(4));
    cluster.propose(NodeId(0), 7).expect("room");
    cluster.run();
    assert_eq!(cluster.outcomes().count(), 1);
    cluster.stop(NodeId(2));
    cluster.propose(NodeId(0), 7).expect("room");
    cluster.run();
    assert_eq!(cluster.outcomes().count(), 0);
}

#[test]
fn a_read_sees_what_was_answered_before_though_no_time_passes() {
    let mut cluster = cluster(3);
    for (n, way) in (1..).zip([Consistency::Confirmed, Consistency::Lease, Consistency::Quorum].repeat(5)) {
        cluster.propose(NodeId(0), 1).expect("room");
        cluster.run();
        assert_eq!(cluster.read(NodeId(n % 3), way, |sum| sum.0), Ok(Some(u64::from(n))), "{way:?}");
    }
    cluster.stop(NodeId(1));
    cluster.stop(NodeId(2));
    assert_eq!(cluster.read(NodeId(0), Consistency::Confirmed, |sum| sum.0), Ok(None));
    assert_eq!(cluster.read(NodeId(0), Consistency::Local, |sum| sum.0), Ok(Some(15)));
}
