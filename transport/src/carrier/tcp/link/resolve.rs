//! Looks up where a peer is, and says in the log when its name cannot be resolved.

use core::time::Duration;
use paxos_core::NodeId;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::thread;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

/// After this time, a name that still cannot be resolved is logged again.
const AGAIN: Duration = Duration::from_secs(10 * 60);

/// What is known of a peer's name while it is not resolved.
#[derive(Debug, Default)]
pub(super) struct Unresolved {
    /// The address that could not be resolved, and when the log said so.
    told: Option<(String, Instant)>,
    /// The address that is being looked up.
    asked: Option<(String, Answer)>,
}

type Answer = oneshot::Receiver<io::Result<Vec<SocketAddr>>>;

/// Looks up an address on a thread of its own: at its end, the runtime would wait for a name service that hangs.
fn ask(address: String) -> io::Result<Answer> {
    let (tell, answer) = oneshot::channel();
    let look_up = move || {
        // Sending fails only if the receiver has been dropped.
        drop(tell.send(address.to_socket_addrs().map(Vec::from_iter)));
    };
    thread::Builder::new().name("paxos-names".into()).spawn(look_up)?;
    Ok(answer)
}

impl Unresolved {
    /// Looks up the addresses of a peer, at least one, within `patience`. A failure is logged unless it was lately.
    pub(super) async fn resolve(
        &mut self,
        id: NodeId,
        address: &str,
        patience: Duration,
    ) -> io::Result<Vec<SocketAddr>> {
        if let Ok(address) = address.parse() {
            return Ok(vec![address]);
        }
        let found = match timeout(patience, self.look_up(address)).await {
            Ok(found) => found,
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

    /// Waits for the answer to this question, which is asked once until it is answered. The future may be dropped.
    async fn look_up(&mut self, address: &str) -> io::Result<Vec<SocketAddr>> {
        if self.asked.as_ref().is_none_or(|(asked, _)| asked != address) {
            self.asked = Some((address.to_owned(), ask(address.to_owned())?));
        }
        let Some((_, answer)) = &mut self.asked else { return Ok(Vec::new()) };
        let found = answer.await.unwrap_or_else(|gone| Err(io::Error::other(gone)));
        self.asked = None;
        found
    }

    fn is_news(&mut self, address: &str, now: Instant) -> bool {
        let told =
            |(other, at): &(String, Instant)| other == address && now.saturating_duration_since(*at) < AGAIN;
        let is_news = !self.told.as_ref().is_some_and(told);
        if is_news {
            self.told = Some((address.to_owned(), now));
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
