//! The host's disk: a task, or a thread if the store blocks, that writes beside the host. It writes all waiting records
//! with one sync.

use super::beside::{on_thread, spawn};
use crate::storage::{Saved, Storage, StorageError};
use core::time::Duration;
use paxos_core::{Protocol, Write};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};

/// Writes that became durable together, oldest first.
pub(in crate::host) struct Written<P: Protocol> {
    pub(in crate::host) writes: Vec<Write<P>>,
    /// How long the write took.
    pub(in crate::host) took: Duration,
}

/// Hands writes to the store, and returns those that are durable.
pub(in crate::host) struct Writer<P: Protocol> {
    writes: mpsc::UnboundedSender<Write<P>>,
    done: mpsc::UnboundedReceiver<Result<Written<P>, StorageError>>,
    /// Told when the task has ended and the store is closed. Dropped if it panics.
    ended: oneshot::Receiver<()>,
}

/// Loads the content of the store.
pub(in crate::host) async fn load<P: Protocol>(
    mut storage: Box<dyn Storage<P>>,
) -> Result<(Box<dyn Storage<P>>, Saved<P>), StorageError> {
    if !storage.blocks() {
        let saved = storage.load().await?;
        return Ok((storage, saved));
    }
    let runtime = Handle::current();
    let load = move || runtime.block_on(storage.load()).map(|saved| (storage, saved));
    on_thread("paxos-load", load).await?
}

impl<P: Protocol> Writer<P> {
    pub(in crate::host) fn start(storage: Box<dyn Storage<P>>) -> Result<Self, StorageError> {
        let (writes, todo) = mpsc::unbounded_channel();
        let (tell, done) = mpsc::unbounded_channel();
        let (end, ended) = oneshot::channel();
        let blocks = storage.blocks();
        let work = async move {
            if let Err(error) = work(storage, todo, &tell).await {
                // Sending fails only if the receiver has been dropped.
                drop(tell.send(Err(error)));
            }
            _ = end.send(());
        };
        if blocks {
            let runtime = Handle::current();
            spawn("paxos-store", move || runtime.block_on(work))?;
        } else {
            tokio::spawn(work);
        }
        Ok(Self { writes, done, ended })
    }

    /// Queues a write after all earlier ones. The node bounds how much waits here.
    pub(in crate::host) fn begin(&self, write: Write<P>) {
        // If the task has ended, `done` returns its error instead.
        drop(self.writes.send(write));
    }

    /// Returns the next durable writes. The future may be dropped without losing anything.
    pub(in crate::host) async fn done(&mut self) -> Result<Written<P>, StorageError> {
        self.done.recv().await.unwrap_or(Err(StorageError::Panicked))
    }

    /// As [`Writer::done`], but only if there are any now.
    pub(in crate::host) fn try_done(&mut self) -> Option<Result<Written<P>, StorageError>> {
        self.done.try_recv().ok()
    }

    /// Waits until all writes that were begun are durable and the store is closed, but no longer than `patience`, as a disk
    /// may hang. Returns false if it did not end.
    ///
    /// # Errors
    /// The first write that failed, or [`StorageError::Panicked`].
    pub(in crate::host) async fn close(mut self, patience: Duration) -> Result<bool, StorageError> {
        drop(self.writes);
        let all = async {
            // The task takes a host whose receiver is dropped for one that has gone, and writes no more.
            while let Some(written) = self.done.recv().await {
                written?;
            }
            self.ended.await.map_err(|_| StorageError::Panicked)?;
            Ok(true)
        };
        timeout(patience, all).await.unwrap_or(Ok(false))
    }
}

/// Writes until the host has gone, or has closed and all that it began is written.
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
            // A snapshot is written alone; records are written together.
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
