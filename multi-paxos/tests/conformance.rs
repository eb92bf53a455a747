//! The claims that Multi-Paxos shares with every variant.
//! `clusters` has those of its own about whole clusters, in the same program, since they run the same nodes.

mod clusters;

use paxos_transport::conformance::Seeds;

paxos_transport::conformance::suite!(
    multi_paxos::MultiPaxos<u64, u64>,
    seeds: Seeds { snapshots: 2000, limits: 2000, ..Seeds::default() },
);
