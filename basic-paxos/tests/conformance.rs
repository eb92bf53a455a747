//! The claims that Basic Paxos shares with every variant.
//! `clusters` has those of its own about whole clusters, in the same program, since they run the same nodes.

mod clusters;

paxos_transport::conformance::suite!(basic_paxos::BasicPaxos<u64, u64>, one_phase_1: false, recovers: true);
