//! The claims that Multi-Paxos shares with every variant.

use paxos_transport::conformance::Seeds;

paxos_transport::conformance::suite!(
    multi_paxos::MultiPaxos<u64, u64>,
    seeds: Seeds { snapshots: 2000, ..Seeds::default() },
);
