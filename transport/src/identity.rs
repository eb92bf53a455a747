//! Who a process is, and whether two of them belong together.

use paxos_core::{Config, Digest, NodeId, Protocol};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Write;

/// A variant whose messages and records can be written down: what carriers to other machines and stores on disk need.
/// Every protocol whose parts can be, implements it.
pub trait Portable:
    Protocol<
        Value: Serialize + DeserializeOwned,
        Prepare: Serialize + DeserializeOwned,
        Promise: Serialize + DeserializeOwned,
        Accept: Serialize + DeserializeOwned,
        Accepted: Serialize + DeserializeOwned,
        Decision: Serialize + DeserializeOwned,
        Record: Serialize + DeserializeOwned,
    >
{
}

impl<P> Portable for P
where
    P: Protocol,
    P::Value: Serialize + DeserializeOwned,
    P::Prepare: Serialize + DeserializeOwned,
    P::Promise: Serialize + DeserializeOwned,
    P::Accept: Serialize + DeserializeOwned,
    P::Accepted: Serialize + DeserializeOwned,
    P::Decision: Serialize + DeserializeOwned,
    P::Record: Serialize + DeserializeOwned,
{
}

/// What a process says of itself to its peers, and what its store belongs to. Peers of another cluster, variant or
/// configuration are refused, and so is a store of another cluster, process or variant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    /// The cluster's name.
    pub cluster: String,
    /// The process.
    pub node: NodeId,
    /// The variant: [`Protocol::NAME`], unless one type is used for two layouts that must not meet.
    pub variant: String,
    /// The parts of the configuration that all processes must have in common: [`fingerprint`].
    pub configuration: Digest,
}

impl Identity {
    /// The process `node` of a cluster that runs `P` with `config`.
    pub fn new<P: Protocol>(cluster: impl Into<String>, node: NodeId, config: &Config) -> Self {
        Self { cluster: cluster.into(), node, variant: P::NAME.into(), configuration: fingerprint(config) }
    }
}

/// A checksum of what all processes of a cluster must have been told alike: the first members, the quorums, who hears
/// votes, how leaders come about, leases, and the limits that decide what is executed and what is remembered of it. What may differ from one
/// process to the next is left out: other waiting times, bounds on memory, spares, seeds.
pub fn fingerprint(config: &Config) -> Digest {
    let Config { proposers, learners, quorums, learning, announce, leadership, timeouts, limits, .. } =
        config;
    let mut text = String::from("1");
    // Writing to a string does not fail.
    _ = write!(
        text,
        "|{proposers:?}|{learners:?}|{quorums:?}|{learning:?}|{announce:?}|{leadership:?}|{:?}|{}|{}|{}|{}|{}|{}",
        timeouts.lease,
        timeouts.drift,
        limits.session,
        limits.reply_bytes,
        limits.idle,
        limits.sessions,
        limits.alpha
    );
    Digest::of(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    #[test]
    fn the_fingerprint_changes_with_what_all_must_share_and_with_nothing_else() {
        let config = Config::collapsed(3).expect("lawful");
        let mut same = config.clone();
        same.seed = 7;
        same.timeouts.election = Some(Duration::from_secs(9));
        same.spares = paxos_core::NodeSet::only(NodeId(5));
        same.limits.queue = 1;
        assert_eq!(fingerprint(&config), fingerprint(&same));

        assert_ne!(fingerprint(&config), fingerprint(&Config::collapsed(5).expect("lawful")));
        let mut other = config.clone();
        other.limits.alpha += 1;
        assert_ne!(fingerprint(&config), fingerprint(&other));
        let mut other = config.clone();
        other.timeouts.lease = Some(Duration::from_millis(1));
        assert_ne!(fingerprint(&config), fingerprint(&other));
    }
}
