//! Shared by the tests in this folder: a cluster on links that take 1 ms.

use basic_paxos::{BasicPaxos, Options};
use paxos_core::Config;
pub(crate) use paxos_transport::conformance::cluster::{
    Journal, assert_documented, drawn, executed, ms, run, settle, submit, until,
};
use paxos_transport::sim::Sim;

pub(crate) type P = BasicPaxos<u64, u64>;

/// The servers of `config`, and `clients` processes that are only clients.
pub(crate) fn cluster(config: Config, clients: u16) -> Sim<P, Journal> {
    paxos_transport::conformance::cluster::cluster(config, Options::default(), clients)
}
