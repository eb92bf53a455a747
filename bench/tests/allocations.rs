//! The number of allocations is the same in every run, so the test compares it exactly.
#![allow(missing_docs, clippy::expect_used)]

use multi_paxos::MultiPaxos;
use paxos_core::{Announce, Config, NodeId, Slot, StateMachine, Timeouts};
use paxos_transport::LocalCluster;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

#[derive(Debug)]
struct Count(u64);

impl StateMachine for Count {
    type Command = [u8; 16];
    type Reply = u64;
    fn apply(&mut self, _slot: Slot, _command: &[u8; 16]) -> u64 {
        self.0 += 1;
        self.0
    }
}

/// Counts the allocations of `rounds` rounds of `in_flight` commands each, after as many rounds that are not counted.
fn allocations(replicas: u16, in_flight: usize, rounds: usize) -> usize {
    let config = Config::collapsed(replicas).expect("lawful");
    let config = Config { timeouts: Timeouts::NEVER, announce: Announce::WithNext, ..config };
    let mut cluster = LocalCluster::<MultiPaxos<[u8; 16], u64>, _>::new(config, |_| Count(0));
    let mut round = || {
        for _ in 0..in_flight {
            cluster.propose(NodeId(0), [7; 16]).expect("room for what is in flight");
        }
        cluster.run();
        assert_eq!(cluster.outcomes().count(), in_flight);
    };
    (0..rounds).for_each(|_| round());
    let region = Region::new(ALLOCATOR);
    (0..rounds).for_each(|_| round());
    let change = region.change();
    change.allocations + change.reallocations
}

#[test]
fn multi_paxos_allocates_once_a_batch_and_never_a_command() {
    for replicas in [3, 5] {
        for (in_flight, rounds) in [(1, 8192), (64, 1024), (1024, 64)] {
            let found = allocations(replicas, in_flight, rounds);
            assert_eq!(found, rounds, "{replicas} replicas, {in_flight} in flight, {rounds} rounds");
        }
    }
}
