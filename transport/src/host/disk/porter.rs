//! Carries the pieces of snapshots between node and disk, beside the host: those that come are kept, those that peers want are read.

use super::ended;
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

/// What was done, for the node.
pub(in crate::host) enum Carried {
    /// For [`paxos_core::Node::kept`].
    Kept(SnapshotPiece),
    /// For [`paxos_core::Node::fetched`].
    Fetched(SnapshotId, Option<Snapshot>),
    /// For [`paxos_core::Node::lend`].
    Read(WantedPiece, Option<Bytes>),
}

/// A thread that does that, one piece after the other.
pub(in crate::host) struct Porter {
    /// None if the store keeps no pieces.
    ends: Option<Ends>,
}

struct Ends {
    todo: Sender<Load>,
    done: mpsc::UnboundedReceiver<Result<Carried, StorageError>>,
    ended: oneshot::Receiver<()>,
}

impl Porter {
    /// For that store.
    pub(in crate::host) fn start<P: Protocol>(storage: &dyn Storage<P>) -> Result<Self, StorageError> {
        let Some(intake) = storage.intake() else { return Ok(Self { ends: None }) };
        let (todo, loads) = channel();
        let (tell, done) = mpsc::unbounded_channel();
        let (end, ended) = oneshot::channel();
        let work = move || {
            carry(intake, &loads, &tell);
            drop(end);
        };
        thread::Builder::new().name("paxos-pieces".into()).spawn(work).map_err(StorageError::Write)?;
        Ok(Self { ends: Some(Ends { todo, done, ended }) })
    }

    /// Whether the node is to hand out pieces.
    pub(in crate::host) fn works(&self) -> bool {
        self.ends.is_some()
    }

    /// Has a piece kept. The node hands out the next one when it hears of this.
    pub(in crate::host) fn keep(&self, piece: SnapshotPiece) {
        self.begin(Load::Keep(piece));
    }

    /// Has a piece read. The node hands out one for each peer, until the peer asks again.
    pub(in crate::host) fn read(&self, wanted: WantedPiece) {
        self.begin(Load::Read(wanted));
    }

    fn begin(&self, load: Load) {
        if let Some(Ends { todo, .. }) = &self.ends {
            // If the thread has ended, it says so in place of what was done.
            drop(todo.send(load));
        }
    }

    /// What was done next; never if nothing is. The future may be dropped; nothing is lost then.
    pub(in crate::host) async fn done(&mut self) -> Result<Carried, StorageError> {
        let Some(Ends { done, .. }) = &mut self.ends else { return pending().await };
        done.recv().await.unwrap_or_else(|| Err(StorageError::Write(ended())))
    }

    /// Ends when the piece under way is done, which uses the store, but no later than after `patience`. False if it did not end.
    pub(in crate::host) async fn close(self, patience: Duration) -> bool {
        let Some(Ends { todo, done, ended }) = self.ends else { return true };
        drop((todo, done));
        timeout(patience, ended).await.is_ok()
    }
}

/// Until nobody has anything to do any more, or something went wrong.
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
                        tracing::warn!("the pieces of a snapshot that peers sent are no snapshot together; it is fetched anew");
                    }
                    Carried::Fetched(piece.snapshot, None)
                }
            }),
            Load::Read(wanted) => {
                let bytes = wanted.read();
                if bytes.is_none() {
                    tracing::warn!(
                        "a peer asks for a part of this member's snapshot that is not there or cannot be read; look after this disk"
                    );
                }
                Ok(Carried::Read(wanted, bytes))
            }
        };
        let failed = carried.is_err();
        // Whoever does not listen any more has gone.
        drop(tell.send(carried));
        if failed {
            return;
        }
    }
}
