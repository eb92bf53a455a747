//! Runs a long job beside the host, or before it begins.

use crate::storage::StorageError;
use core::future::pending;
use core::time::Duration;
use std::thread;
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// Does a job that waits for a disk, on a thread of its own with this name. If the future is dropped, the job goes on, and
/// its result is dropped.
pub(crate) async fn on_thread<T: Send + 'static>(
    name: &str,
    job: impl FnOnce() -> T + Send + 'static,
) -> Result<T, StorageError> {
    let (tell, done) = oneshot::channel();
    spawn(name, move || drop(tell.send(job())))?;
    done.await.map_err(|_| StorageError::Panicked)
}

/// Spawns a thread. It is none of the runtime's: at its end, the runtime would wait for a disk that hangs.
pub(super) fn spawn(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), StorageError> {
    thread::Builder::new().name(name.into()).spawn(work).map(drop).map_err(StorageError::Thread)
}

/// One job at a time, and its result.
pub(in crate::host) struct Beside<T> {
    /// Whether jobs wait for a disk.
    blocks: bool,
    done: Option<oneshot::Receiver<T>>,
}

impl<T: Send + 'static> Beside<T> {
    pub(in crate::host) fn new(blocks: bool) -> Self {
        Self { blocks, done: None }
    }

    /// Begins a job. No other may be under way.
    pub(in crate::host) fn begin(
        &mut self,
        name: &str,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<(), StorageError> {
        let (tell, done) = oneshot::channel();
        // Sending fails only if the receiver has been dropped.
        let work = move || drop(tell.send(job()));
        if self.blocks {
            spawn(name, work)?;
        } else {
            // While this runs, a clock that tests have paused does not advance.
            drop(spawn_blocking(work));
        }
        self.done = Some(done);
        Ok(())
    }

    /// Returns the result of the job when it is done, or `None` if it panicked. Waits for ever if there is no job. The
    /// future may be dropped without losing anything.
    pub(in crate::host) async fn done(&mut self) -> Option<T> {
        let Some(done) = &mut self.done else { return pending().await };
        let result = done.await;
        self.done = None;
        result.ok()
    }

    /// Waits for the job to end, but no longer than `patience`. Returns false if it did not end.
    pub(in crate::host) async fn close(self, patience: Duration) -> bool {
        let Some(done) = self.done else { return true };
        timeout(patience, done).await.is_ok()
    }
}
