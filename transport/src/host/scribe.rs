//! Writes states down beside the host, which goes on meanwhile; on disk as well, so that to install one is quick.

use super::HostError;
use crate::storage::{Stage, Storage, StorageError};
use core::future::pending;
use core::time::Duration;
use paxos_core::{Captured, Protocol, Snapshot};
use std::thread;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// Writes down one state at a time.
pub(super) struct Scribe {
    stage: Stage,
    /// Whether that waits for a disk.
    blocks: bool,
    done: Option<oneshot::Receiver<Result<Snapshot, StorageError>>>,
}

impl Scribe {
    /// For that store.
    pub(super) fn new<P: Protocol>(storage: &dyn Storage<P>) -> Self {
        Self { stage: storage.stage(), blocks: storage.blocks(), done: None }
    }

    /// Begins. The node captures no other state before it has this one.
    pub(super) fn begin(&mut self, captured: Captured) -> Result<(), StorageError> {
        let stage = Stage::clone(&self.stage);
        let (tell, done) = oneshot::channel();
        let work = move || {
            let snapshot = captured.write_down();
            let staged = stage(&snapshot).map(|()| snapshot);
            drop(stage);
            // Whoever does not listen any more has gone.
            drop(tell.send(staged));
        };
        if self.blocks {
            // Not a thread of the runtime's, which would wait for a disk that hangs when it ends.
            let named = thread::Builder::new().name("paxos-snapshot".into());
            named.spawn(work).map_err(StorageError::Write)?;
        } else {
            // Meanwhile a clock that tests have paused stands still.
            drop(spawn_blocking(work));
        }
        self.done = Some(done);
        Ok(())
    }

    /// The state, when it is written down; never if there is none. The future may be dropped; nothing is lost then.
    pub(super) async fn done(&mut self) -> Result<Snapshot, HostError> {
        let Some(done) = &mut self.done else { return pending().await };
        let written = done.await;
        self.done = None;
        Ok(written.map_err(|_| HostError::Panicked)??)
    }

    /// Ends when what is being written down is, which uses the store, but no later than after `patience`. False if it did not end.
    pub(super) async fn close(self, patience: Duration) -> bool {
        let Some(done) = self.done else { return true };
        timeout(patience, done).await.is_ok()
    }
}
