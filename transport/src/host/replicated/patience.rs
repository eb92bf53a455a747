//! How long a handle waits for its process.
//!
//! A process gives up unanswered requests by itself ([`Timeouts::give_up`]), but only while its loop turns, and the
//! loop may stop while its store writes. So each wait also ends at the caller, and a disk that hangs keeps no caller
//! for ever.

use core::time::Duration;
use paxos_core::Timeouts;
use tokio::time::timeout;

/// How long a caller waits.
#[derive(Clone, Copy, Debug)]
pub(in crate::host) struct Patience(Option<Duration>);

/// The wait timed out.
#[derive(Clone, Copy, Debug)]
pub(in crate::host) struct InVain;

impl Patience {
    pub(in crate::host) fn new(timeouts: &Timeouts) -> Self {
        Self(timeouts.give_up)
    }

    /// Waits for a request that the process itself gives up in time. The wait is a quarter longer than that, so that a
    /// process that can still report the outcome does.
    pub(in crate::host) async fn with_margin<T>(self, answer: impl Future<Output = T>) -> Result<T, InVain> {
        Self(self.0.map(|limit| limit.saturating_add(limit / 4))).wait(answer).await
    }

    /// Waits for a request that the process would otherwise wait for without end.
    pub(in crate::host) async fn wait<T>(self, answer: impl Future<Output = T>) -> Result<T, InVain> {
        match self.0 {
            Some(limit) => timeout(limit, answer).await.map_err(|_| InVain),
            None => Ok(answer.await),
        }
    }
}
