//! Parts of the conformance suite's runs, for tests that only this crate has.

pub(crate) use paxos_transport::conformance::chaos::{END, RIVALS};

pub(crate) fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}
