//! Writes states down beside the host, which goes on meanwhile.

use super::HostError;
use core::future::pending;
use paxos_core::{Captured, Snapshot};
use tokio::task::{JoinHandle, spawn_blocking};

/// Writes down one state at a time.
#[derive(Debug, Default)]
pub(super) struct Scribe(Option<JoinHandle<Snapshot>>);

impl Scribe {
    /// Begins. The node captures no other state before it has this one.
    pub(super) fn begin(&mut self, captured: Captured) {
        self.0 = Some(spawn_blocking(|| captured.write_down()));
    }

    /// The state, when it is written down; never if there is none. The future may be dropped; nothing is lost then.
    pub(super) async fn done(&mut self) -> Result<Snapshot, HostError> {
        let Some(task) = &mut self.0 else { return pending().await };
        let written = task.await;
        self.0 = None;
        written.map_err(|_| HostError::Panicked)
    }
}
