//! The host's disk: a task that writes what it is given, all that waits with one sync, while the host goes on.

use crate::storage::{Storage, StorageError};
use core::time::Duration;
use paxos_core::{Protocol, Write};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

/// Writes that became durable together, oldest first.
pub(super) struct Written<P: Protocol> {
    pub(super) writes: Vec<Write<P>>,
    /// How long that took.
    pub(super) took: Duration,
}

/// Hands writes to the store, and tells which are durable.
pub(super) struct Writer<P: Protocol> {
    writes: mpsc::UnboundedSender<Write<P>>,
    done: mpsc::UnboundedReceiver<Result<Written<P>, StorageError>>,
    task: JoinHandle<()>,
}

impl<P: Protocol> Writer<P> {
    pub(super) fn start(storage: Box<dyn Storage<P>>) -> Self {
        let (writes, todo) = mpsc::unbounded_channel();
        let (tell, done) = mpsc::unbounded_channel();
        let task = tokio::spawn(async move {
            if let Err(error) = work(storage, todo, &tell).await {
                // Whoever does not listen any more has gone.
                drop(tell.send(Err(error)));
            }
        });
        Self { writes, done, task }
    }

    /// Has something written after all that was given before. The node bounds how much waits here.
    pub(super) fn begin(&self, write: Write<P>) {
        // If the task has ended, it says so in place of the receipt.
        drop(self.writes.send(write));
    }

    /// The next writes that are durable. The future may be dropped; nothing is lost then.
    pub(super) async fn done(&mut self) -> Result<Written<P>, StorageError> {
        self.done.recv().await.unwrap_or_else(|| Err(ended()))
    }

    /// As [`Writer::done`], if there are any now.
    pub(super) fn try_done(&mut self) -> Option<Result<Written<P>, StorageError>> {
        self.done.try_recv().ok()
    }

    /// Ends when the write under way has, and the store is closed, but no later than after `patience`: a disk may hang. False
    /// if it did not end.
    pub(super) async fn close(self, patience: Duration) -> bool {
        drop((self.writes, self.done));
        timeout(patience, self.task).await.is_ok()
    }
}

fn ended() -> StorageError {
    StorageError::Write(std::io::Error::other(
        "the task that writes has panicked: see its message on standard error",
    ))
}

/// Until the host has gone.
async fn work<P: Protocol>(
    mut storage: Box<dyn Storage<P>>,
    mut todo: mpsc::UnboundedReceiver<Write<P>>,
    tell: &mpsc::UnboundedSender<Result<Written<P>, StorageError>>,
) -> Result<(), StorageError> {
    let mut waiting = Vec::new();
    while todo.recv_many(&mut waiting, usize::MAX).await > 0 {
        while !waiting.is_empty() {
            if tell.is_closed() {
                return Ok(());
            }
            let begun = Instant::now();
            // A snapshot goes alone; records go together.
            let together = waiting.iter().take_while(|write| write.snapshot().is_none()).count().max(1);
            let writes: Vec<Write<P>> = waiting.drain(..together).collect();
            match &writes[..] {
                [write] => match write.snapshot() {
                    Some(snapshot) => storage.install(snapshot, write.records()).await?,
                    None => storage.append(write.records()).await?,
                },
                many => {
                    let records: Vec<_> = many.iter().flat_map(Write::records).cloned().collect();
                    storage.append(&records).await?;
                }
            }
            drop(tell.send(Ok(Written { writes, took: begun.elapsed() })));
            while let Ok(write) = todo.try_recv() {
                waiting.push(write);
            }
        }
    }
    Ok(())
}
