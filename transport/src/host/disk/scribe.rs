//! Writes states down beside the host, which goes on meanwhile; on disk as well, so that to install one is quick.

use super::Beside;
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
    /// For that store.
    pub(in crate::host) fn new<P: Protocol>(storage: &dyn Storage<P>) -> Self {
        Self { stage: storage.stage(), work: Beside::new(storage.blocks()) }
    }

    /// Begins. The node captures no other state before it has this one.
    pub(in crate::host) fn begin(&mut self, captured: Captured) -> Result<(), StorageError> {
        let stage = Stage::clone(&self.stage);
        self.work.begin("paxos-snapshot", move || stage(captured)).map_err(StorageError::Write)
    }

    /// The state, when it is written down; none if it could not be, which harms nobody: the log stays as it is. It waits for ever if
    /// there is no state to be written down. The future may be dropped; nothing is lost then.
    pub(in crate::host) async fn done(&mut self) -> Result<Option<Snapshot>, HostError> {
        match self.work.done().await {
            Some(Ok(snapshot)) => Ok(Some(snapshot)),
            Some(Err(error)) => {
                tracing::error!(%error, "cannot take a snapshot, so the log grows: free or repair the disk");
                Ok(None)
            }
            None => Err(HostError::Panicked),
        }
    }

    /// Ends when what is being written down is, which uses the store, but no later than after `patience`. False if it did not end.
    pub(in crate::host) async fn close(self, patience: Duration) -> bool {
        self.work.close(patience).await
    }
}
