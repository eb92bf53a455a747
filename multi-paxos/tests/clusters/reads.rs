//! Drawings of reads, and their cost. `UPDATE_EXPECT=1 cargo test -p multi-paxos` redraws them.

use super::scene::{Journal, P, drawn_without, established, ms, quiet, settle, submit};
use core::time::Duration;
use expect_test::expect_file;
use paxos_core::{Announce, Config, Consistency, NodeId, Time};
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
    let drawn = run(N1, &[Consistency::Confirmed]);
    let lines: Vec<String> = drawn.lines().map(|line| format!("//! {line}")).collect();
    assert!(include_str!("../../src/lib.rs").contains(&lines.join("\n")), "put this into the docs:\n{drawn}");
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

/// A follower may not have been told what is chosen, because nobody waited for it there. Who reads waits, and no time limit
/// is set that would end the wait.
#[test]
fn a_reader_is_told_what_nobody_there_waited_for() {
    let ways = [Consistency::Confirmed, Consistency::Lease, Consistency::Quorum];
    for (n, way) in [3, 5].into_iter().flat_map(|n| ways.map(|way| (n, way))) {
        let mut sim = ready(Config { announce: Announce::ToWaiting, ..quiet(n) });
        for value in 0..3 {
            submit(&mut sim, 0, value);
            settle(&mut sim);
            read(&mut sim, N1, way);
        }
        // Some acceptors have voted for this command when they are asked, and it is chosen afterwards.
        for early in [0, 500, 999, 1000] {
            submit(&mut sim, 0, 3);
            sim.run_for(Duration::from_micros(early)).expect("no invariant breaks");
            read(&mut sim, N1, way);
        }
    }
}
