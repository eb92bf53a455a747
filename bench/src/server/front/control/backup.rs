//! `PAXOS BACKUP`: the store as of one moment, sent piece by piece.

use super::super::Front;
use super::super::session::Session;
use crate::kv::Reply;
use crate::server::backup::Source;
use core::time::Duration;
use paxos_core::Consistency;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use tokio::time::{Instant, sleep_until, timeout};

/// A backup that is not continued for this long is dropped, because the overwritten values that it holds take memory.
const IDLE: Duration = Duration::from_secs(60);

/// A backup is given up after this long in any case.
const LONGEST: Duration = Duration::from_secs(3600);

/// The backup of one connection.
pub(in super::super) struct Begun(Arc<Mutex<Held>>);

struct Held {
    /// `None` once the backup is finished or dropped.
    source: Option<(Source, OwnedSemaphorePermit)>,
    until: Instant,
    /// The latest value of `until`.
    end: Instant,
}

impl fmt::Debug for Begun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Begun").finish_non_exhaustive()
    }
}

impl Begun {
    fn new(source: Source, place: OwnedSemaphorePermit) -> Self {
        let now = Instant::now();
        let held = Held { source: Some((source, place)), until: now + IDLE, end: now + LONGEST };
        let held = Arc::new(Mutex::new(held));
        let watched = Arc::downgrade(&held);
        tokio::spawn(async move {
            while let Some(held) = watched.upgrade() {
                let until = {
                    let mut held = held.lock().unwrap_or_else(PoisonError::into_inner);
                    if held.until <= Instant::now() {
                        held.source = None;
                    }
                    if held.source.is_none() {
                        return;
                    }
                    held.until
                };
                drop(held);
                sleep_until(until).await;
            }
        });
        Self(held)
    }

    /// Returns the next piece, or `None` after the last.
    fn next_piece(&self) -> Result<Option<Vec<u8>>, &'static str> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.until = held.end.min(Instant::now() + IDLE);
        let given_up = "ERR the backup was given up, after a minute without PAXOS BACKUP NEXT or after an hour; begin again";
        let (source, _) = held.source.as_mut().ok_or(given_up)?;
        let piece = source.next_piece();
        if piece.is_none() {
            held.source = None;
        }
        Ok(piece)
    }
}

/// Begins a backup and answers with its first bytes.
pub(super) async fn begin(local: bool, session: &mut Session, front: &Front) -> Result<Reply, String> {
    session.backup = None;
    let place = Arc::clone(&front.backups).try_acquire_owned();
    let place =
        place.map_err(|_| "TRYAGAIN not done: this member has reached its limit of backups; wait for one")?;
    let consistency = if local { Consistency::Local } else { Consistency::Confirmed };
    let (sender, copy) = oneshot::channel();
    let query = Box::new(move |store: &crate::kv::Store| _ = sender.send(store.clone()));
    let captured = timeout(front.settings.patience, front.member.query(consistency, query)).await;
    let no_quorum = "CLUSTERDOWN not done: no quorum of members answers; try again, or take what this member has with \
                     PAXOS BACKUP LOCAL";
    captured.map_err(|_| no_quorum)?.map_err(|error| format!("CLUSTERDOWN not done: {error}"))?;
    let store = copy.await.map_err(|_| "CLUSTERDOWN not done: this member stops")?;
    session.backup = Some(Begun::new(Source::new(store, front.member.id(), front.settings.variant), place));
    next(session)
}

/// Returns the next bytes, or nil after the last.
pub(super) fn next(session: &mut Session) -> Result<Reply, String> {
    let begun = session.backup.as_ref().ok_or("ERR no backup was begun on this connection: PAXOS BACKUP")?;
    let piece = begun.next_piece()?;
    if piece.is_none() {
        session.backup = None;
    }
    Ok(piece.map_or(Reply::Nil, |bytes| Reply::Bulk(bytes.into())))
}
