//! Shared by the tests in this folder: a cluster on links that take 1 ms.

use multi_paxos::MultiPaxos;
use paxos_core::Config;
pub(crate) use paxos_transport::conformance::cluster::{
    Journal, assert_documented, drawn, drawn_command, drawn_without, executed, ms, quiet, settle, submit,
};
use paxos_transport::sim::Sim;

pub(crate) type P = MultiPaxos<u64, u64>;

/// The servers of `config`, and `clients` processes that are only clients.
pub(crate) fn cluster(config: Config, clients: u16) -> Sim<P, Journal> {
    paxos_transport::conformance::cluster::cluster(config, (), clients)
}

/// The same with one client, whose first command is answered: a leader is established. Returns the client, too.
pub(crate) fn established(config: Config) -> (Sim<P, Journal>, u16) {
    paxos_transport::conformance::cluster::established(config, ())
}
