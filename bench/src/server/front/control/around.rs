//! A member's report on its disk, its peers and where time is spent.

use super::Front;
use core::time::Duration;
use paxos_core::{PeerStatus, StoreMark, Surroundings};
use paxos_transport::{HostStatus, Stages};
use tokio::time::timeout;

/// What the member tells operators; the default if it takes no turn within a second.
pub(super) async fn host_status(front: &Front) -> HostStatus {
    let host_status = timeout(Duration::from_secs(1), front.member.host_status()).await;
    host_status.ok().and_then(Result::ok).unwrap_or_default()
}

/// The mean time of each stage of a command, and of a write, in microseconds; 0 if there was none.
pub(super) fn timing(host_status: &HostStatus) -> [(&'static str, String); 6] {
    let HostStatus { writes, writing, stages: Stages { commands, queue, agreement, apply }, .. } =
        host_status;
    let mean =
        |time: &Duration, of: &u64| time.as_micros().checked_div(u128::from(*of)).unwrap_or(0).to_string();
    [
        ("commands_answered", commands.to_string()),
        ("queue_us", mean(queue, commands)),
        ("agreement_us", mean(agreement, commands)),
        ("apply_us", mean(apply, commands)),
        ("disk_writes", writes.to_string()),
        ("disk_write_us", mean(writing, writes)),
    ]
}

/// Its store, and a line per other process: `n1 connected=yes heard=yes lag=0 store=1f2e3d4c`. Lag is in slots.
pub(super) fn around(front: &Front, around: &Surroundings) -> (String, Vec<String>) {
    let links = front.settings.carrier.as_ref().map(|carrier| carrier.stats().peers).unwrap_or_default();
    let named = |store: Option<StoreMark>| {
        store.map_or_else(|| "unknown".into(), |mark| format!("{:08x}", (mark.id >> 96) as u32))
    };
    let yes = |is: bool| if is { "yes" } else { "no" };
    let line = |peer: &PeerStatus| {
        let connected = yes(links.get(&peer.id).is_some_and(|link| link.connected));
        let lag = peer.lag.map_or_else(|| "unknown".into(), |lag| lag.to_string());
        let (heard, store) = (yes(peer.heard), named(peer.store));
        format!("{} connected={connected} heard={heard} lag={lag} store={store}", peer.id)
    };
    (named(around.store), around.peers.iter().map(line).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_means_of_what_was_answered_and_written() {
        let value = |host_status: &HostStatus, name| {
            let of = timing(host_status).into_iter().find(|(field, _)| *field == name);
            of.map(|(_, value)| value).expect("a field of this name")
        };
        assert_eq!(value(&HostStatus::default(), "agreement_us"), "0");
        let ms = Duration::from_millis;
        let stages = Stages { commands: 4, queue: ms(1), agreement: ms(8), apply: ms(2) };
        let host_status = HostStatus { stages, writes: 2, writing: ms(3), ..HostStatus::default() };
        for (name, mean) in
            [("queue_us", "250"), ("agreement_us", "2000"), ("apply_us", "500"), ("disk_write_us", "1500")]
        {
            assert_eq!(value(&host_status, name), mean, "{name}");
        }
    }
}
