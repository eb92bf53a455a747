//! How long the handle of a process waits for it.
//!
//! A process gives up by itself what is not answered ([`Timeouts::give_up`]), but only while its loop turns: it does not
//! while its store writes. So that a disk which hangs keeps no caller for ever, each wait has a second end at the caller.

use core::time::Duration;
use paxos_core::Timeouts;
use tokio::time::timeout;

/// How long a caller waits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience(Option<Duration>);

/// It waited in vain.
#[derive(Clone, Copy, Debug)]
pub(super) struct InVain;

impl Patience {
    pub(super) fn new(timeouts: &Timeouts) -> Self {
        Self(timeouts.give_up)
    }

    /// Waits for what the process itself gives up in time, and a quarter longer than that, so that where the process can
    /// tell what became of it, it does.
    pub(super) async fn with_margin<T>(self, answer: impl Future<Output = T>) -> Result<T, InVain> {
        Self(self.0.map(|limit| limit.saturating_add(limit / 4))).wait(answer).await
    }

    /// Waits for what the process would wait for without an end.
    pub(super) async fn wait<T>(self, answer: impl Future<Output = T>) -> Result<T, InVain> {
        match self.0 {
            Some(limit) => timeout(limit, answer).await.map_err(|_| InVain),
            None => Ok(answer.await),
        }
    }
}
