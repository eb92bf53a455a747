//! The sessions of clients: their replies, and which sessions have expired. All of this follows from the log, so it is
//! the same on every replica at the same slot.

mod session;

pub(crate) use session::Session;

use crate::log::{decode, encode};
use crate::{ClientId, CommandId, Limits, NodeId, Slot, SnapshotError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

/// The replies to the last `window` commands of each client, as far as they are kept: the last replies of each session
/// that take at most `bytes` bytes. So all of them together take at most `most` times as much.
///
/// A process has one session at a time, and the numbers of its sessions only grow: a newer session ends the one
/// before. A session also ends when none of its commands was chosen for `idle` slots, or when there are more than
/// `most` sessions and it was silent the longest. An expired session stays expired, however late one of its commands
/// arrives: whether the command was executed before is forgotten, so it must not be executed now.
#[derive(Clone, Debug)]
pub(crate) struct Sessions<R> {
    pub(crate) window: usize,
    pub(crate) idle: u64,
    pub(crate) most: usize,
    pub(crate) bytes: u64,
    /// The live sessions, at most one for each process. The order does not matter.
    pub(crate) table: Vec<Session<R>>,
    /// The last session of each process that has no live session.
    pub(crate) expired: BTreeMap<NodeId, ClientId>,
    /// The index in the table of the session of each process.
    places: BTreeMap<NodeId, usize>,
    /// Every live session, by a slot not above the last one in which it was heard. An entry is updated only when its
    /// turn comes, so a command of a live session changes no tree.
    by_age: BTreeMap<Slot, NodeId>,
    /// No session expires up to this slot.
    due: Slot,
    /// The index of the session of the last command.
    last: usize,
    /// The reply to the last command, if it is not kept.
    passing: Option<R>,
}

/// The known state of a command.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found<'a, R> {
    /// It was not executed.
    New,
    /// It was executed in this slot, with this result.
    Reply(Slot, &'a R),
    /// It was executed in this slot. The result was sent then, and is not kept.
    NotKept(Slot),
    /// It is too old to be remembered: its client has the answer.
    Forgotten,
    /// Its session has ended. It may have been executed before, and will not be executed from now on. Holds the number
    /// of the last session of its process.
    Expired(u64),
}

impl<R> Sessions<R> {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self::of(limits, Vec::new(), BTreeMap::new())
    }

    /// Creates sessions from the live and the expired ones; everything else follows from these.
    pub(crate) fn of(
        limits: &Limits,
        mut table: Vec<Session<R>>,
        expired: BTreeMap<NodeId, ClientId>,
    ) -> Self {
        table.iter_mut().for_each(Session::weigh);
        let places = table.iter().enumerate().map(|(at, session)| (session.client.node, at)).collect();
        let by_age: BTreeMap<_, _> = table.iter().map(|s| (s.heard, s.client.node)).collect();
        // A slot that is too early does no harm: the sweep computes the right one.
        let due = by_age.first_key_value().map_or(Slot::MAX, |(heard, _)| *heard);
        let (window, idle, most) = (limits.session.max(1), limits.idle, limits.sessions.max(1));
        let bytes = limits.reply_bytes as u64;
        Self { window, idle, most, bytes, table, expired, places, by_age, due, last: 0, passing: None }
    }

    /// Encodes the sessions for a snapshot. The bytes are the same on every replica at the same slot.
    pub(crate) fn encode(&self) -> Vec<u8>
    where
        R: Serialize,
    {
        let mut table: Vec<&Session<R>> = self.table.iter().collect();
        table.sort_unstable_by_key(|session| session.client);
        encode(&(table, &self.expired))
    }

    /// Decodes what [`Sessions::encode`] wrote, with the limits of `self`.
    ///
    /// # Errors
    /// An error if the bytes are invalid.
    pub(crate) fn decode(&self, bytes: &[u8]) -> Result<Self, SnapshotError>
    where
        R: DeserializeOwned,
    {
        let (table, expired): (Vec<Session<R>>, BTreeMap<NodeId, ClientId>) = decode(bytes)?;
        let in_order = table.windows(2).all(|pair| pair[0].client.node < pair[1].client.node);
        if !in_order || !table.iter().all(Session::is_sound) {
            return Err(SnapshotError::Damaged);
        }
        let Self { window: session, idle, most: sessions, bytes, .. } = *self;
        let limits = Limits { session, idle, sessions, reply_bytes: bytes as usize, ..Limits::default() };
        Ok(Self::of(&limits, table, expired))
    }

    /// Enters a command that is chosen in `slot`, and runs `execute` if it is new. Returns the result, now or from
    /// before. `execute` also returns the bytes that keeping its reply takes, if it is to be kept.
    pub(crate) fn enter(
        &mut self,
        slot: Slot,
        id: CommandId,
        execute: impl FnOnce() -> (R, Option<u64>),
    ) -> Found<'_, R> {
        self.passing = None;
        // No process gives a command such an id.
        if !id.is_possible() {
            return Found::Forgotten;
        }
        if slot > self.due {
            self.sweep(slot);
        }
        let window = self.window as u64;
        // The borrow of the session lasts to the end, so the answer for an expired session is looked up before.
        if self.table.get(self.last).is_none_or(|session| session.client != id.client) {
            match self.admit(slot, id.client) {
                Some(at) => self.last = at,
                None => return Found::Expired(self.latest(id.client.node)),
            }
        }
        let session = &mut self.table[self.last];
        session.heard = slot;
        if session.is_next(id.seq, window) {
            session.advance(window);
        } else {
            if id.seq < session.base {
                return Found::Forgotten;
            }
            if id.seq >= session.end {
                session.extend(id.seq, window);
            }
            if session.has_executed(id.seq) {
                return session.found(id.seq);
            }
        }
        let (reply, size) = execute();
        if let Some(size) = size.filter(|size| *size <= self.bytes) {
            return session.keep(id.seq, slot, reply, size, self.bytes);
        }
        session.pass(id.seq, slot);
        Found::Reply(slot, self.passing.insert(reply))
    }

    /// Returns the known state of a command that its client asks for again.
    pub(crate) fn find(&self, id: CommandId) -> Found<'_, R> {
        let Some(session) = self.places.get(&id.client.node).and_then(|at| self.table.get(*at)) else {
            let expired = self.has_expired(id.client);
            return if expired { Found::Expired(self.latest(id.client.node)) } else { Found::New };
        };
        if id.client != session.client {
            return if id.client < session.client {
                Found::Expired(session.client.session)
            } else {
                Found::New
            };
        }
        if id.seq < session.base {
            return Found::Forgotten;
        }
        if id.seq >= session.end {
            return Found::New;
        }
        session.found(id.seq)
    }

    fn has_expired(&self, client: ClientId) -> bool {
        self.expired.get(&client.node).is_some_and(|last| client <= *last)
    }

    /// The number of the last session of `node`, live or expired.
    fn latest(&self, node: NodeId) -> u64 {
        let live = self.places.get(&node).and_then(|at| self.table.get(*at)).map(|session| session.client);
        live.or_else(|| self.expired.get(&node).copied()).map_or(0, |client| client.session)
    }

    /// Returns the index of a session other than the last one, and creates the session if needed.
    fn admit(&mut self, slot: Slot, client: ClientId) -> Option<usize> {
        if let Some(at) = self.places.get(&client.node).copied() {
            let session = &mut self.table[at];
            // A command of an older session is from an earlier incarnation of the process, or the process has given it
            // up.
            if client < session.client {
                return None;
            }
            if client > session.client {
                *session = Session::new(client, slot);
            }
            return Some(at);
        }
        if self.has_expired(client) {
            return None;
        }
        if self.table.len() >= self.most
            && let Some((_, node)) = self.oldest()
        {
            self.expire(node);
        }
        self.expired.remove(&client.node);
        let at = self.table.len();
        self.table.push(Session::new(client, slot));
        self.places.insert(client.node, at);
        self.by_age.insert(slot, client.node);
        self.due = self.due.min(self.end_of(slot));
        Some(at)
    }

    /// The last slot in which a session last heard in `slot` is alive.
    fn end_of(&self, slot: Slot) -> Slot {
        slot.plus(self.idle)
    }

    /// Ends every session that has been silent for too long at `slot`.
    #[cold]
    fn sweep(&mut self, slot: Slot) {
        self.due = Slot::MAX;
        while let Some((heard, node)) = self.oldest() {
            self.due = self.end_of(heard);
            if self.due >= slot {
                return;
            }
            self.expire(node);
            self.due = Slot::MAX;
        }
    }

    /// Returns the session that was silent the longest, and its last slot.
    fn oldest(&mut self) -> Option<(Slot, NodeId)> {
        loop {
            let (noted, node) = self.by_age.first_key_value().map(|(slot, node)| (*slot, *node))?;
            let heard = self.table[*self.places.get(&node)?].heard;
            if heard == noted {
                return Some((heard, node));
            }
            // A slot holds one command, so no other session has the same slot.
            self.by_age.remove(&noted);
            self.by_age.insert(heard, node);
        }
    }

    /// Ends the session of `node`, and remembers it forever.
    fn expire(&mut self, node: NodeId) {
        let Some(at) = self.places.remove(&node) else { return };
        let session = self.table.swap_remove(at);
        self.by_age.remove(&session.heard);
        self.expired.insert(node, session.client);
        if let Some(moved) = self.table.get(at) {
            self.places.insert(moved.client.node, at);
        }
    }
}

#[cfg(test)]
mod tests;
