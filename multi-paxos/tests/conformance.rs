//! The claims that Multi-Paxos shares with every variant.

paxos_transport::conformance::suite!(multi_paxos::MultiPaxos<u64, u64>);
