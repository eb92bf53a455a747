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

/// Waits for a thread that says when it has ended, but no longer than `patience`. Returns false if it did not end.
pub(super) async fn has_ended<T>(
    done: oneshot::Receiver<T>,
    patience: Duration,
) -> Result<bool, StorageError> {
    match timeout(patience, done).await {
        Ok(Ok(_)) => Ok(true),
        Ok(Err(_)) => Err(StorageError::Panicked),
        Err(_) => Ok(false),
    }
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

    /// Ends a job that could not begin, with this result.
    pub(in crate::host) fn end(&mut self, result: T) {
        let (tell, done) = oneshot::channel();
        drop(tell.send(result));
        self.done = Some(done);
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
    ///
    /// # Errors
    /// If it panicked.
    pub(in crate::host) async fn close(self, patience: Duration) -> Result<bool, StorageError> {
        let Some(done) = self.done else { return Ok(true) };
        has_ended(done, patience).await
    }
}
