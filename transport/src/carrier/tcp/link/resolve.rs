//! Looks up where a peer is, and says in the log when its name cannot be resolved.

use core::time::Duration;
use paxos_core::NodeId;
use std::io;
use std::net::SocketAddr;
use tokio::net::lookup_host;
use tokio::time::{Instant, timeout};

/// After this time, a name that still cannot be resolved is logged again.
const AGAIN: Duration = Duration::from_secs(10 * 60);

/// The address that could not be resolved, and when the log said so.
#[derive(Debug, Default)]
pub(super) struct Unresolved(Option<(String, Instant)>);

impl Unresolved {
    /// Looks up the addresses of a peer, at least one, within `patience`. A failure is logged unless it was lately.
    pub(super) async fn resolve(
        &mut self,
        id: NodeId,
        address: &str,
        patience: Duration,
    ) -> io::Result<Vec<SocketAddr>> {
        let found = match timeout(patience, lookup_host(address)).await {
            Ok(found) => found.map(Vec::from_iter),
            Err(_) => Err(io::Error::other(format!("no answer within {patience:?}"))),
        };
        let none = |found: &Vec<SocketAddr>| {
            if found.is_empty() { Err(io::Error::other("the name has no address")) } else { Ok(()) }
        };
        let found = found.and_then(|found| none(&found).map(|()| found));
        if let Err(error) = &found
            && self.is_news(address, Instant::now())
        {
            tracing::warn!(
                address,
                %error,
                "the address of {id} cannot be resolved: correct the name, or repair the name service"
            );
        }
        found
    }

    fn is_news(&mut self, address: &str, now: Instant) -> bool {
        let told =
            |(other, at): &(String, Instant)| other == address && now.saturating_duration_since(*at) < AGAIN;
        let is_news = !self.0.as_ref().is_some_and(told);
        if is_news {
            self.0 = Some((address.to_owned(), now));
        }
        is_news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_cannot_be_resolved_is_told_once_and_again_after_a_change_or_some_minutes() {
        let (mut unresolved, start) = (Unresolved::default(), Instant::now());
        assert!(unresolved.is_news("a:1", start));
        assert!(!unresolved.is_news("a:1", start + AGAIN / 2), "it was told");
        assert!(unresolved.is_news("b:1", start + AGAIN / 2), "another name");
        assert!(!unresolved.is_news("b:1", start + AGAIN), "it was told");
        assert!(unresolved.is_news("b:1", start + AGAIN / 2 + AGAIN), "long ago");
    }
}
