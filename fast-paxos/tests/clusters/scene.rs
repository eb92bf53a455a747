//! Shared by the tests in this folder: a cluster on links that take 1 ms.

use fast_paxos::{FastPaxos, Options, Recovery};
use paxos_core::Config;
pub(crate) use paxos_transport::conformance::cluster::{
    Journal, assert_documented, drawn, drawn_command, drawn_without, executed, ms, quiet, settle, submit,
};
use paxos_transport::sim::Sim;

pub(crate) type P = FastPaxos<u64, u64>;

/// The servers of `config`, and `clients` processes that are only clients.
pub(crate) fn cluster(config: Config, clients: u16) -> Sim<P, Journal> {
    recovering(config, clients, Recovery::Coordinated)
}

/// The same with this recovery.
pub(crate) fn recovering(config: Config, clients: u16, recovery: Recovery) -> Sim<P, Journal> {
    let options = Options { recovery, ..Options::default() };
    paxos_transport::conformance::cluster::cluster(config, options, clients)
}
