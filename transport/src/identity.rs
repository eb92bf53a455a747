//! The identity of a process, and the check that two processes belong to the same cluster.

use core::time::Duration;
use paxos_core::{Config, Digest, Limits, NodeId, Protocol};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Write;

/// A variant whose messages and records can be serialized, as carriers to other machines and stores on disk require.
/// Every protocol whose parts can be serialized implements it.
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

/// The identity that a process declares to its peers and that its store belongs to. A process refuses peers of
/// another cluster, variant or configuration, and a store of another cluster, process or variant, or of a cluster that began
/// with other members or limits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    /// The cluster's name.
    pub cluster: String,
    /// The process.
    pub node: NodeId,
    /// The variant: [`Protocol::NAME`], unless one type is used for two layouts that must not be mixed.
    pub variant: String,
    /// The parts of the configuration that must be equal at all processes: [`fingerprint`].
    pub configuration: Digest,
    /// What the cluster began with: [`genesis`]. A store refuses another: what fewer members decide need not be what more
    /// of them had decided, and the same log executed under other limits need not give the same state.
    pub genesis: String,
    /// How long the leases last that the process grants. A store keeps the longest: after a restart with shorter ones, or
    /// with none, the process still honours those that it granted before.
    pub lease: Option<Duration>,
}

impl Identity {
    /// Creates the identity of the process `node` in a cluster that runs `P` with `config`.
    pub fn new<P: Protocol>(cluster: impl Into<String>, node: NodeId, config: &Config) -> Self {
        Self {
            cluster: cluster.into(),
            node,
            variant: P::NAME.into(),
            configuration: fingerprint(config),
            genesis: genesis(config),
            lease: config.timeouts.lease,
        }
    }
}

/// Describes what a cluster begins with and keeps for as long as it exists, in words that stores keep: the members, their
/// quorums, and the limits that decide when a change of members takes effect ([`paxos_core::Limits::alpha`]) and which commands
/// are executed ([`paxos_core::Limits::session`], [`paxos_core::Limits::sessions`], [`paxos_core::Limits::idle`]). The quorums
/// are those of their `Debug` text, which must therefore say all of them, the same way each time.
pub fn genesis(config: &Config) -> String {
    let Config { proposers, learners, quorums, limits, .. } = config;
    let acceptors = quorums.acceptors();
    let members = if [*proposers, *learners] == [acceptors; 2] {
        format!("members {acceptors}")
    } else {
        format!("proposers {proposers}, acceptors {acceptors}, learners {learners}")
    };
    let Limits { alpha, session, sessions, idle, .. } = limits;
    format!(
        "{members}, quorums {quorums:?}, alpha {alpha}, session {session}, sessions {sessions}, idle {idle}"
    )
}

/// Returns a checksum of the settings that must be equal at all processes of a cluster: the first members, the
/// quorums, which processes hear votes, how leaders are elected, leases, and the limits that decide what is executed
/// and what is remembered of it. It excludes what may differ between processes: other timeouts, pre-votes, bounds on
/// memory, spares, seeds.
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

    #[test]
    fn a_cluster_begins_with_its_members_their_quorums_and_what_decides_what_is_executed() {
        let of = |n| Config::collapsed(n).expect("lawful");
        let mut same = of(3);
        same.timeouts.lease = Some(Duration::from_millis(1));
        same.spares = paxos_core::NodeSet::only(NodeId(5));
        same.limits.reply_bytes = 1;
        assert_eq!(genesis(&of(3)), genesis(&same));
        // Stores hold this text: another one is another format of the store.
        let held = "members {n0, n1, n2}, quorums Counts { acceptors: {n0, n1, n2}, q1: 2, q2: 2, fast: Some(3) }, \
             alpha 8192, session 4096, sessions 65536, idle 1048576";
        assert_eq!(genesis(&of(3)), held);
        let mut fewer = of(3);
        fewer.proposers = paxos_core::NodeSet::only(NodeId(0));
        let counts = paxos_core::Counts::flexible(paxos_core::NodeSet::first(3), 1, 3);
        let other = Config::new(std::sync::Arc::new(counts.expect("lawful")));
        let limits: [fn(&mut Limits); 4] = [
            |limits| limits.alpha += 1,
            |limits| limits.session += 1,
            |limits| limits.sessions += 1,
            |limits| limits.idle += 1,
        ];
        let limited = limits.map(|change| {
            let mut other = of(3);
            change(&mut other.limits);
            other
        });
        for other in limited.into_iter().chain([of(2), fewer, other]) {
            assert_ne!(genesis(&of(3)), genesis(&other));
        }
    }

    #[test]
    fn the_fingerprint_changes_with_what_all_must_share_and_with_nothing_else() {
        let config = Config::collapsed(3).expect("lawful");
        let mut same = config.clone();
        same.seed = 7;
        same.timeouts.election = Some(Duration::from_secs(9));
        same.timeouts.election_spread = Some(Duration::ZERO);
        same.pre_vote = false;
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
