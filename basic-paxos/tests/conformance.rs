//! The claims that Basic Paxos shares with every variant.

paxos_transport::conformance::suite!(basic_paxos::BasicPaxos<u64, u64>);
