//! What limits a member's connections: open files and time.

use crate::server::ClusterFile;
use core::time::Duration;
use paxos_transport::TcpLimits;

/// Open files that clients leave to the rest: up to 128 connections that have not identified themselves and 128 of peers,
/// 16 for metrics, and the store, which opens files while it runs and cannot go on without them.
const RESERVED: u64 = 320;

/// How many clients may be connected, if `--maxclients` allows `wanted`: each client is an open file. Raises the limit of
/// open files as far as the system allows.
pub(super) fn clients(wanted: u32) -> usize {
    let limit = open_files(u64::from(wanted) + RESERVED);
    let clients = within(limit, wanted);
    if clients < wanted {
        tracing::warn!(
            "at most {clients} clients can be connected, and not {wanted} as --maxclients says: the system lets {} files be \
             open, of which the member keeps some for its store and its peers; raise `ulimit -n`",
            limit.unwrap_or_default()
        );
    }
    clients as usize
}

/// How many of the `wanted` clients a limit of open files allows. `None`: there is no limit.
fn within(limit: Option<u64>, wanted: u32) -> u32 {
    let Some(limit) = limit else { return wanted };
    let left = limit - RESERVED.min(limit / 2);
    u32::try_from(left).map_or(wanted, |left| wanted.min(left.max(1)))
}

/// Raises the limit of open files to `wanted`, or as far as possible. Returns the limit; `None` if there is none.
#[cfg(unix)]
fn open_files(wanted: u64) -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_some_and(|current| current < wanted) {
        let current = Some(limit.maximum.map_or(wanted, |most| most.min(wanted)));
        // If this fails, the former limit holds.
        _ = setrlimit(Resource::Nofile, Rlimit { current, ..limit });
    }
    getrlimit(Resource::Nofile).current
}

#[cfg(not(unix))]
fn open_files(_wanted: u64) -> Option<u64> {
    None
}

/// The limits of connections between members. The election timeout tells how far apart the members are.
pub(super) fn connections(file: &ClusterFile) -> TcpLimits {
    TcpLimits::default().lengthened_for(Duration::from_millis(file.timeouts.election_ms))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::Waits;

    #[test]
    fn clients_leave_files_to_the_store_and_the_peers() {
        assert_eq!(within(None, 10_000), 10_000);
        assert_eq!(within(Some(1 << 20), 10_000), 10_000);
        assert_eq!(within(Some(10_000 + RESERVED), 10_000), 10_000);
        assert_eq!(within(Some(4096), 10_000), 4096 - 320);
        assert_eq!(within(Some(256), 10_000), 128);
        assert_eq!(within(Some(1), 10_000), 1);
    }

    #[test]
    fn members_that_are_far_apart_have_time_to_connect() {
        let file = |election_ms| ClusterFile {
            name: "far".into(),
            members: Vec::new(),
            spares: Vec::new(),
            tls: None,
            client_tls: None,
            timeouts: Waits { election_ms, ..Waits::default() },
        };
        // A round trip of 600 ms.
        let limits = connections(&file(6000));
        assert!(limits.connect >= Duration::from_secs(6) && limits.silence > limits.connect, "{limits:?}");
        let (near, default) = (connections(&file(50)), TcpLimits::default());
        assert_eq!(near, default);
    }
}
