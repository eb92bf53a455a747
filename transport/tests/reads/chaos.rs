//! Each kind of read at every replica of Multi-Paxos, with all kinds of faults. The suite for all variants tests
//! mixtures of reads with every variant.
//!
//! `CHAOS=100000 cargo test --release -p paxos-transport --test simulated reads::chaos` is for a long night; `FIRST=3769` starts
//! there.

use crate::reads::support::{Multi, ms, number};
use core::time::Duration;
use paxos_core::Consistency;
use paxos_transport::conformance::Facts;
use paxos_transport::conformance::reads::{chaotic, survive};

fn survives(way: Consistency) {
    let first = number("FIRST").unwrap_or(0);
    let seeds = first..first + number("CHAOS").unwrap_or(2000);
    survive::<Multi>(&Facts::usual(), seeds, &[way], None, false);
}

#[test]
fn confirmed_reads_are_fresh() {
    survives(Consistency::Confirmed);
}

#[test]
fn reads_by_lease_are_fresh() {
    survives(Consistency::Lease);
}

#[test]
fn quorum_reads_are_fresh() {
    survives(Consistency::Quorum);
}

#[test]
fn the_chaos_has_reads_by_lease() {
    // Most reads that begin without faults need no messages: they end at the time when they begin.
    let mut at_once = 0;
    for seed in 0..100 {
        let mut sim = chaotic::<Multi>(&Facts::usual(), seed, &[Consistency::Lease], None, false);
        sim.run_until(|sim| sim.now() > ms(1250)).expect("fresh");
        let now = |r: &&paxos_transport::sim::Reading| r.latency() == Some(Duration::ZERO);
        at_once += sim.reads().iter().filter(|r| r.consistency == Consistency::Lease).filter(now).count();
    }
    assert!(at_once > 100, "{at_once}");
}
