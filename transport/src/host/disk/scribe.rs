//! Writes states down beside the host, to disk where the store does so, so that installing the snapshot is quick.

use super::{Beside, harmless};
use crate::host::HostError;
use crate::storage::{Stage, Storage, StorageError};
use core::time::Duration;
use paxos_core::{Captured, Protocol, Snapshot};

/// Writes down one state at a time.
pub(in crate::host) struct Scribe {
    stage: Stage,
    work: Beside<Result<Snapshot, StorageError>>,
}

impl Scribe {
    /// Creates the scribe of `storage`.
    pub(in crate::host) fn new<P: Protocol>(storage: &dyn Storage<P>) -> Self {
        Self { stage: storage.stage(), work: Beside::new(storage.blocks()) }
    }

    /// Begins to write a state down. The node captures no other state until this is done.
    pub(in crate::host) fn begin(&mut self, captured: Captured) {
        let stage = Stage::clone(&self.stage);
        if let Err(error) = self.work.begin("paxos-snapshot", move || stage(captured)) {
            // Without a thread to write it, the snapshot fails like any other.
            self.work.end(Err(error));
        }
    }

    /// Returns the snapshot when it is written down, or `None` if that failed, which is harmless: the log stays as it
    /// is. Waits for ever if no state is being written down. The future may be dropped without losing anything.
    pub(in crate::host) async fn done(&mut self) -> Result<Option<Snapshot>, HostError> {
        match self.work.done().await {
            Some(Ok(snapshot)) => Ok(Some(snapshot)),
            Some(Err(error)) => {
                tracing::error!(error = %harmless(&error), "cannot take a snapshot, so the log grows: free or repair the disk");
                Ok(None)
            }
            None => Err(HostError::Panicked),
        }
    }

    /// Waits for the state being written down, which uses the store, but no longer than `patience`. Returns false if it
    /// did not end.
    ///
    /// # Errors
    /// If it panicked.
    pub(in crate::host) async fn close(self, patience: Duration) -> Result<bool, StorageError> {
        self.work.close(patience).await
    }
}
