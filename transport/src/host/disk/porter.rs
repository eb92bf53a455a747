//! Moves pieces of snapshots between node and disk, beside the host: keeps those that arrive, reads those that peers
//! want.

use crate::storage::{Intake, Kept, Storage, StorageError};
use core::future::pending;
use core::time::Duration;
use paxos_core::{Bytes, Protocol, Snapshot, SnapshotId, SnapshotPiece, WantedPiece};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

enum Load {
    Keep(SnapshotPiece),
    Read(WantedPiece),
}

/// A finished job, for the node.
pub(in crate::host) enum Carried {
    /// For [`paxos_core::Node::kept`].
    Kept(SnapshotPiece),
    /// For [`paxos_core::Node::fetched`].
    Fetched(SnapshotId, Option<Snapshot>),
    /// For [`paxos_core::Node::lend`].
    Read(WantedPiece, Option<Bytes>),
}

/// A thread that keeps and reads pieces, one after the other.
pub(in crate::host) struct Porter {
    /// `None` if the store keeps no pieces.
    ends: Option<Ends>,
}

struct Ends {
    todo: Sender<Load>,
    done: mpsc::UnboundedReceiver<Result<Carried, StorageError>>,
    ended: oneshot::Receiver<()>,
}

impl Porter {
    /// Starts the porter of `storage`.
    pub(in crate::host) fn start<P: Protocol>(storage: &dyn Storage<P>) -> Result<Self, StorageError> {
        let Some(intake) = storage.intake() else { return Ok(Self { ends: None }) };
        let (todo, loads) = channel();
        let (tell, done) = mpsc::unbounded_channel();
        let (end, ended) = oneshot::channel();
        let work = move || {
            carry(intake, &loads, &tell);
            drop(end);
        };
        thread::Builder::new().name("paxos-pieces".into()).spawn(work).map_err(StorageError::Thread)?;
        Ok(Self { ends: Some(Ends { todo, done, ended }) })
    }

    /// Whether the node should hand out pieces.
    pub(in crate::host) fn works(&self) -> bool {
        self.ends.is_some()
    }

    /// Keeps a piece. The node hands out the next one when it learns the result.
    pub(in crate::host) fn keep(&self, piece: SnapshotPiece) {
        self.begin(Load::Keep(piece));
    }

    /// Reads a piece. The node hands out one for each peer, until the peer asks again.
    pub(in crate::host) fn read(&self, wanted: WantedPiece) {
        self.begin(Load::Read(wanted));
    }

    fn begin(&self, load: Load) {
        if let Some(Ends { todo, .. }) = &self.ends {
            // If the thread has ended, `done` returns its error instead.
            drop(todo.send(load));
        }
    }

    /// Returns the next finished job; never returns if there is none. The future may be dropped without losing
    /// anything.
    pub(in crate::host) async fn done(&mut self) -> Result<Carried, StorageError> {
        let Some(Ends { done, .. }) = &mut self.ends else { return pending().await };
        done.recv().await.unwrap_or(Err(StorageError::Panicked))
    }

    /// Waits for the piece under way, which uses the store, but no longer than `patience`. Returns false if it did not
    /// end.
    pub(in crate::host) async fn close(self, patience: Duration) -> bool {
        let Some(Ends { todo, done, ended }) = self.ends else { return true };
        drop((todo, done));
        timeout(patience, ended).await.is_ok()
    }
}

/// Handles pieces until the porter is closed or an error occurs.
fn carry(
    mut intake: Intake,
    loads: &Receiver<Load>,
    tell: &mpsc::UnboundedSender<Result<Carried, StorageError>>,
) {
    for load in loads {
        if tell.is_closed() {
            return;
        }
        let carried = match load {
            Load::Keep(piece) => intake(&piece).map(|kept| match kept {
                Kept::More => Carried::Kept(piece),
                Kept::Whole(snapshot) => Carried::Fetched(piece.snapshot, Some(snapshot)),
                Kept::Useless => {
                    if piece.is_last() {
                        tracing::warn!(
                            "the pieces that peers sent do not form a snapshot; it is fetched again"
                        );
                    }
                    Carried::Fetched(piece.snapshot, None)
                }
            }),
            Load::Read(wanted) => {
                let bytes = wanted.read();
                if bytes.is_none() {
                    tracing::warn!(
                        "a peer asks for a part of this member's snapshot that is missing or cannot be read; check this disk"
                    );
                }
                Ok(Carried::Read(wanted, bytes))
            }
        };
        let failed = carried.is_err();
        // Sending fails only if the receiver has been dropped.
        drop(tell.send(carried));
        if failed {
            return;
        }
    }
}
