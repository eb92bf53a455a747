//! Checks of a cluster's file.

use super::ClusterFile;
use crate::options::arguments::address::Address;
use std::collections::{BTreeMap, BTreeSet};

/// The longest wait, one day. More is taken for a typing mistake.
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// Returns what is wrong with the file and what to do about it.
pub(super) fn nonsense(file: &ClusterFile) -> Option<String> {
    ids(file).or_else(|| addresses(file)).or_else(|| waits(file))
}

fn ids(file: &ClusterFile) -> Option<String> {
    let mut seen = BTreeSet::new();
    if file.members.is_empty() {
        return Some("there is no member: add [[members]] with id and peer".into());
    }
    file.places().find_map(|place| match place.id {
        id @ 64.. => Some(format!("a member has the id {id}: ids are 0 to 63")),
        id if !seen.insert(id) => Some(format!("two processes have the id {id}: ids are never used twice")),
        _ => None,
    })
}

/// Each address is `host:port`, and no two processes listen on the same one.
fn addresses(file: &ClusterFile) -> Option<String> {
    let all = file.places().flat_map(|place| {
        let resp = Some(("resp", &place.resp)).filter(|(_, text)| !text.is_empty());
        [("peer", &place.peer)].into_iter().chain(resp).map(|(what, text)| (place.id, what, text))
    });
    let mut taken = BTreeMap::new();
    for (id, what, text) in all {
        match text.parse::<Address>() {
            Err(error) => return Some(format!("`{what}` of process {id}: {error}")),
            Ok(Address { port: 0, .. }) if what == "peer" => {
                return Some(format!(
                    "`peer` of process {id} has port 0: name one at which others can find it"
                ));
            }
            // Port 0 means any free port.
            Ok(Address { port: 0, .. }) => {}
            Ok(address) => {
                if let Some((other, its)) = taken.insert(address, (id, what)) {
                    return Some(format!(
                        "`{its}` of process {other} and `{what}` of process {id} are both {text}: \
                         give each an address of its own"
                    ));
                }
            }
        }
    }
    None
}

fn waits(file: &ClusterFile) -> Option<String> {
    let waits = &file.timeouts;
    let all = [
        ("heartbeat_ms", waits.heartbeat_ms),
        ("election_ms", waits.election_ms),
        ("resend_ms", waits.resend_ms),
        ("client_ms", waits.client_ms),
        ("gossip_ms", waits.gossip_ms),
        ("give_up_ms", waits.give_up_ms),
    ];
    if let Some((name, wait)) = all.into_iter().find(|(_, wait)| !(1..=DAY_MS).contains(wait)) {
        return Some(format!("{name} is {wait}: give a time from 1 to {DAY_MS} ms, a day"));
    }
    if waits.election_ms <= waits.heartbeat_ms {
        return Some("election_ms must be longer than heartbeat_ms, several times".into());
    }
    if waits.lease_ms >= waits.election_ms {
        return Some("lease_ms must be shorter than election_ms".into());
    }
    None
}
