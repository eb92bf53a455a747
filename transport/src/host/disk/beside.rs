//! Something that takes long, done beside the host.

use core::future::pending;
use core::time::Duration;
use std::{io, thread};
use tokio::sync::oneshot;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// One job at a time, and what comes of it.
pub(in crate::host) struct Beside<T> {
    /// Whether jobs wait for a disk.
    blocks: bool,
    done: Option<oneshot::Receiver<T>>,
}

impl<T: Send + 'static> Beside<T> {
    pub(in crate::host) fn new(blocks: bool) -> Self {
        Self { blocks, done: None }
    }

    /// Begins a job; there is none under way.
    pub(in crate::host) fn begin(
        &mut self,
        name: &str,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> io::Result<()> {
        let (tell, done) = oneshot::channel();
        // Whoever does not listen any more has gone.
        let work = move || drop(tell.send(job()));
        if self.blocks {
            // Not a thread of the runtime's, which would wait for a disk that hangs when it ends.
            thread::Builder::new().name(name.into()).spawn(work)?;
        } else {
            // Meanwhile a clock that tests have paused stands still.
            drop(spawn_blocking(work));
        }
        self.done = Some(done);
        Ok(())
    }

    /// What comes of the job, when it is done; none if it has panicked. It waits for ever if there is no job. The future may be
    /// dropped; nothing is lost then.
    pub(in crate::host) async fn done(&mut self) -> Option<T> {
        let Some(done) = &mut self.done else { return pending().await };
        let result = done.await;
        self.done = None;
        result.ok()
    }

    /// Ends when the job does, but no later than after `patience`. False if it did not end.
    pub(in crate::host) async fn close(self, patience: Duration) -> bool {
        let Some(done) = self.done else { return true };
        timeout(patience, done).await.is_ok()
    }
}
