//! The cluster on one thread.

use multi_paxos::MultiPaxos;
use paxos_core::{Config, Consistency, Fold, NodeId, Timeouts};
use paxos_transport::LocalCluster;

type Sum = Fold<u64, u64, u64>;

fn sum() -> Sum {
    Fold::new(0, |sum, n| {
        *sum += n;
        *sum
    })
}

fn cluster(n: u16) -> LocalCluster<MultiPaxos<u64, u64>, Sum> {
    let config = Config { timeouts: Timeouts::NEVER, ..Config::collapsed(n).expect("lawful") };
    LocalCluster::new(config, |_| sum())
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
        let sums: Vec<u64> = (0..n).map(|id| cluster.machine(NodeId(id)).state).collect();
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
        assert_eq!(cluster.read(NodeId(n % 3), way, |sum| sum.state), Ok(Some(u64::from(n))), "{way:?}");
    }
    cluster.stop(NodeId(1));
    cluster.stop(NodeId(2));
    assert_eq!(cluster.read(NodeId(0), Consistency::Confirmed, |sum| sum.state), Ok(None));
    assert_eq!(cluster.read(NodeId(0), Consistency::Local, |sum| sum.state), Ok(Some(15)));
}
