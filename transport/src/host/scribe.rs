//! Writes states down beside the host, which goes on meanwhile; on disk as well, so that to install one is quick.

use super::HostError;
use crate::storage::{Stage, StorageError};
use core::future::pending;
use paxos_core::{Captured, Snapshot};
use tokio::task::{JoinHandle, spawn_blocking};

/// Writes down one state at a time.
pub(super) struct Scribe {
    stage: Stage,
    task: Option<JoinHandle<Result<Snapshot, StorageError>>>,
}

impl Scribe {
    pub(super) fn new(stage: Stage) -> Self {
        Self { stage, task: None }
    }

    /// Begins. The node captures no other state before it has this one.
    pub(super) fn begin(&mut self, captured: Captured) {
        let stage = Stage::clone(&self.stage);
        self.task = Some(spawn_blocking(move || {
            let snapshot = captured.write_down();
            stage(&snapshot)?;
            Ok(snapshot)
        }));
    }

    /// The state, when it is written down; never if there is none. The future may be dropped; nothing is lost then.
    pub(super) async fn done(&mut self) -> Result<Snapshot, HostError> {
        let Some(task) = &mut self.task else { return pending().await };
        let written = task.await;
        self.task = None;
        Ok(written.map_err(|_| HostError::Panicked)??)
    }
}
