//! Moves pieces of snapshots between node and disk, beside the host: keeps those that arrive, reads those that peers
//! want.

use super::beside::{has_ended, spawn};
use super::harmless;
use crate::storage::{Intake, Kept, Storage, StorageError};
use core::future::pending;
use core::time::Duration;
use paxos_core::{Bytes, Protocol, Ready, Snapshot, SnapshotId, SnapshotPiece, WantedPiece};
use std::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};

/// A snapshot that the store cannot keep, because its disk is full for example, or that is damaged at a peer, is fetched
/// again after this time. The network would carry it in vain if that was done at once.
const AGAIN: Duration = Duration::from_secs(60);

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
    done: mpsc::UnboundedReceiver<Done>,
    ended: oneshot::Receiver<()>,
    /// The number of pieces that are being read for peers: at most one for each.
    reading: usize,
    /// The snapshot that was not kept, and when the node learns that.
    failed: Option<(Instant, SnapshotId)>,
}

/// The result of a job.
enum Done {
    Carried(Carried),
    /// The store has not kept this snapshot, and probably will not keep it if it comes again now.
    Failed(SnapshotId),
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
            // Sending fails only if the receiver has been dropped.
            let _ = end.send(());
        };
        spawn("paxos-pieces", work)?;
        Ok(Self { ends: Some(Ends { todo, done, ended, reading: 0, failed: None }) })
    }

    /// Whether the node should hand out pieces.
    pub(in crate::host) fn works(&self) -> bool {
        self.ends.is_some()
    }

    /// Takes from a node the pieces that are to be kept and read. While some are being read, the others stay with the
    /// node, which drops those that their peers have ceased to wait for: the disk may hang for long.
    pub(in crate::host) fn take<P: Protocol>(&mut self, ready: &mut Ready<'_, P>) {
        let Some(ends) = &mut self.ends else { return };
        if ends.reading == 0 {
            for wanted in ready.wanted() {
                ends.reading += 1;
                ends.begin(Load::Read(wanted));
            }
        }
        if let Some(piece) = ready.piece() {
            self.keep(piece);
        }
    }

    /// Keeps a piece. The node hands out the next one when it learns the result.
    pub(super) fn keep(&self, piece: SnapshotPiece) {
        if let Some(ends) = &self.ends {
            ends.begin(Load::Keep(piece));
        }
    }

    /// Returns the next finished job; never returns if there is none. The future may be dropped without losing
    /// anything.
    pub(in crate::host) async fn done(&mut self) -> Result<Carried, StorageError> {
        let Some(Ends { done, failed, reading, .. }) = &mut self.ends else { return pending().await };
        loop {
            tokio::select! {
                done = done.recv() => match done {
                    Some(Done::Carried(carried)) => {
                        if let Carried::Read(..) = carried {
                            *reading -= 1;
                        }
                        return Ok(carried);
                    }
                    Some(Done::Failed(snapshot)) => *failed = Some((Instant::now() + AGAIN, snapshot)),
                    None => return Err(StorageError::Panicked),
                },
                snapshot = reach(*failed) => {
                    *failed = None;
                    return Ok(Carried::Fetched(snapshot, None));
                }
            }
        }
    }

    /// Waits for the piece under way, which uses the store, but no longer than `patience`. Returns false if it did not
    /// end.
    ///
    /// # Errors
    /// If its thread panicked.
    pub(in crate::host) async fn close(self, patience: Duration) -> Result<bool, StorageError> {
        let Some(Ends { todo, done, ended, .. }) = self.ends else { return Ok(true) };
        drop((todo, done));
        has_ended(ended, patience).await
    }
}

impl Ends {
    fn begin(&self, load: Load) {
        // If the thread has ended, `done` returns its error instead.
        drop(self.todo.send(load));
    }
}

/// Waits until it is time to tell the node that this snapshot was not kept.
async fn reach(failed: Option<(Instant, SnapshotId)>) -> SnapshotId {
    let Some((at, snapshot)) = failed else { return pending().await };
    sleep_until(at).await;
    snapshot
}

/// Handles pieces until the porter is closed.
fn carry(mut intake: Intake, loads: &Receiver<Load>, tell: &mpsc::UnboundedSender<Done>) {
    for load in loads {
        if tell.is_closed() {
            return;
        }
        let done = match load {
            Load::Keep(piece) => {
                let kept = intake(&piece);
                // A store that is being closed fails, and that is nobody's fault.
                if tell.is_closed() {
                    return;
                }
                judge(kept, piece)
            }
            Load::Read(wanted) => Done::Carried(read(wanted)),
        };
        // Sending fails only if the receiver has been dropped.
        drop(tell.send(done));
    }
}

/// Decides how a fetch goes on after a piece.
fn judge(kept: Result<Kept, StorageError>, piece: SnapshotPiece) -> Done {
    let (id, peer) = (piece.snapshot, piece.from);
    let (slots, bytes) = (id.next.index(), id.length);
    match kept {
        Ok(Kept::More) => Done::Carried(Carried::Kept(piece)),
        Ok(Kept::Whole(snapshot)) => Done::Carried(Carried::Fetched(id, Some(snapshot))),
        Ok(Kept::Useless) if piece.is_last() => {
            tracing::warn!(
                slots, bytes, %peer,
                "the pieces of a snapshot do not form it, and its last piece came from this peer: check the disk of that \
                 member; the snapshot is fetched again in {AGAIN:?}"
            );
            Done::Failed(id)
        }
        Ok(Kept::Useless) => Done::Carried(Carried::Fetched(id, None)),
        // This is harmless: the process only stays behind the others, and what it has promised is on disk.
        Err(error) => {
            tracing::error!(
                slots, bytes, %peer,
                error = %harmless(&error),
                "cannot keep the snapshot of a peer, so this member stays behind: free or repair the disk; it is fetched again \
                 in {AGAIN:?}"
            );
            Done::Failed(id)
        }
    }
}

fn read(wanted: WantedPiece) -> Carried {
    let bytes = wanted.read();
    if bytes.is_none() {
        tracing::warn!(
            "a peer asks for a part of this member's snapshot that is missing or cannot be read; check this disk"
        );
    }
    Carried::Read(wanted, bytes)
}
