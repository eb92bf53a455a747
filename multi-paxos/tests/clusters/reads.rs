//! Drawings of reads, and their cost. `UPDATE_EXPECT=1 cargo test -p multi-paxos` redraws them.

use super::scene::{Journal, P, assert_documented, drawn_without, established, ms, quiet, settle};
use expect_test::expect_file;
use paxos_core::{Config, Consistency, NodeId, Time};
use paxos_transport::sim::Sim;

const N0: NodeId = NodeId(0);
const N1: NodeId = NodeId(1);

/// A cluster without timeouts that has executed one command, and whose acceptors grant leases of 50 ms.
fn ready(mut config: Config) -> Sim<P, Journal> {
    config.timeouts.lease = Some(ms(50));
    let (mut sim, _) = established(config);
    sim.run_for(ms(1)).expect("no invariant breaks");
    sim.reset_counts();
    sim
}

fn read(sim: &mut Sim<P, Journal>, node: NodeId, consistency: Consistency) {
    sim.read(node, consistency).expect("it has a replica");
    settle(sim);
    assert!(sim.all_read());
}

fn run(node: NodeId, ways: &[Consistency]) -> String {
    let mut sim = ready(quiet(3));
    let start = sim.now();
    for way in ways {
        read(&mut sim, node, *way);
    }
    drawn_without(&sim, Time(start.0), &[])
}

#[test]
fn a_confirmed_read_at_a_follower() {
    expect_file!["../runs/reads/read_confirmed.txt"].assert_eq(&run(N1, &[Consistency::Confirmed]));
}

#[test]
fn a_read_by_lease_at_the_leader() {
    // The first read finds no lease and is confirmed, which gives the second one a lease.
    expect_file!["../runs/reads/read_lease.txt"]
        .assert_eq(&run(N0, &[Consistency::Lease, Consistency::Lease]));
}

#[test]
fn a_quorum_read_at_a_follower() {
    expect_file!["../runs/reads/read_quorum.txt"].assert_eq(&run(N1, &[Consistency::Quorum]));
}

#[test]
fn the_picture_of_a_read_in_the_docs_is_a_real_run() {
    assert_documented(include_str!("../../src/lib.rs"), &run(N1, &[Consistency::Confirmed]));
}

#[test]
fn reads_cost_what_the_docs_say() {
    for n in [3_u16, 5, 7] {
        let others = u64::from(n) - 1;
        let cost = |thrifty: bool, node: NodeId, way: Consistency, reads: usize| {
            let mut sim = ready(Config { thrifty, ..quiet(n) });
            // Gets a lease.
            read(&mut sim, N0, Consistency::Confirmed);
            sim.reset_counts();
            for _ in 0..reads {
                sim.read(node, way).expect("it has a replica");
            }
            settle(&mut sim);
            assert!(sim.all_read());
            sim.counts().total()
        };
        for reads in [1, 100] {
            assert_eq!(cost(false, N0, Consistency::Confirmed, reads), 2 * others);
            assert_eq!(cost(false, N1, Consistency::Confirmed, reads), 2 * others + 2);
            assert_eq!(cost(false, N0, Consistency::Lease, reads), 0);
            assert_eq!(cost(false, N1, Consistency::Lease, reads), 2);
            assert_eq!(cost(false, N1, Consistency::Quorum, reads), 2 * others);
            assert_eq!(cost(true, N1, Consistency::Quorum, reads), others);
            assert_eq!(cost(false, N1, Consistency::Local, reads), 0);
        }
    }
}
