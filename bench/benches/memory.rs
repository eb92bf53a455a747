//! Measures the memory of a cluster of three servers as commands are decided, with and without snapshots. One server is
//! down all the time. Memory is counted in bytes at the allocator, and as the operating system sees the process.
//!
//! ```text
//! cargo bench -p paxos-bench --bench memory
//! ```
#![allow(missing_docs, unreachable_pub, clippy::expect_used, clippy::print_stdout)]

use core::time::Duration;
use multi_paxos::MultiPaxos;
use paxos_core::{Announce, Config, NodeId, RestoreError, Slot, StateMachine, Time, Timeouts};
use paxos_transport::LocalCluster;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const IN_FLIGHT: u64 = 64;
const EVERY: u64 = 10_000;
const AWAY: NodeId = NodeId(2);

/// A thousand counters: a state of 8 kB.
#[derive(Clone, Debug, PartialEq)]
struct Counters(Vec<u64>);

impl StateMachine for Counters {
    type Command = u64;
    type Reply = u64;

    fn apply(&mut self, _slot: Slot, n: &u64) -> u64 {
        let counter = &mut self.0[(*n % 1000) as usize];
        *counter = counter.wrapping_mul(31).wrapping_add(*n);
        *counter
    }

    fn snapshot(&self) -> Option<Vec<u8>> {
        Some(self.0.iter().flat_map(|counter| counter.to_le_bytes()).collect())
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), RestoreError> {
        let counters = state.chunks(8).map(|bytes| bytes.try_into().map(u64::from_le_bytes));
        self.0 = counters.collect::<Result<_, _>>().map_err(|e| RestoreError::Machine(e.to_string()))?;
        Ok(())
    }
}

type Cluster = LocalCluster<MultiPaxos<u64, u64>, Counters>;

fn cluster(snapshot: u64) -> Cluster {
    let mut config = Config::collapsed(3).expect("three servers");
    config.announce = Announce::WithNext;
    config.limits.snapshot = snapshot;
    let ms = |n| Some(Duration::from_millis(n));
    config.timeouts = Timeouts { resend: ms(50), gossip: ms(40), ..Timeouts::NEVER };
    LocalCluster::new(config, |_| Counters(vec![0; 1000]))
}

fn main() {
    let commands = if std::env::args().any(|argument| argument == "--test") { 20_000 } else { 1_000_000 };
    println!("n2 is down; bytes in use at the allocator, and resident memory of the process in MB:\n");
    println!("|  commands |   snapshots |  resident |");
    println!("|-----------|-------------|-----------|");
    run(commands, EVERY);
    println!("\n|  commands | no snapshot |  resident |");
    println!("|-----------|-------------|-----------|");
    run(commands, 0);
}

fn run(commands: u64, snapshot: u64) {
    let region = Region::new(ALLOCATOR);
    let mut cluster = cluster(snapshot);
    cluster.stop(AWAY);
    let mut decided = 0;
    while decided < commands {
        for n in decided..decided + IN_FLIGHT {
            cluster.propose(NodeId(0), n).expect("there is room");
        }
        cluster.run();
        let answered = cluster.outcomes().count() as u64;
        assert_eq!(answered, IN_FLIGHT, "all are decided");
        let (before, step) = (decided, commands / 10);
        decided += answered;
        if before / step < decided / step {
            let change = region.change();
            let used = change.bytes_allocated.saturating_sub(change.bytes_deallocated);
            println!("| {decided:>9} | {used:>11} | {:>9} |", resident());
        }
    }
    if snapshot > 0 {
        catch_up(&mut cluster);
    }
}

/// Starts the server that was down all the time. It receives a snapshot, and everything decided since.
fn catch_up(cluster: &mut Cluster) {
    cluster.start(AWAY);
    let mut now = Time(0);
    let behind = |cluster: &Cluster| cluster.machine(AWAY) != cluster.machine(NodeId(0));
    while behind(cluster) {
        now = now.after(Duration::from_millis(10));
        assert!(now < Time(10_000_000_000), "it has not caught up in 10 s");
        cluster.advance(now);
    }
    println!("\nn2 is back and has caught up after {} ms of virtual time.", now.0 / 1_000_000);
}

/// The resident memory in MB, or `?` if the system does not report it.
fn resident() -> String {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.and_then(|text| text.split(' ').nth(1)?.parse::<u64>().ok());
    pages.map_or_else(|| "?".into(), |pages| format!("{:.1}", pages as f64 * 4096.0 / 1e6))
}
