//! The sessions of clients: what each was answered, and which have expired. All of it follows from the log, so
//! that every replica has the same at the same slot.

use crate::{ClientId, CommandId, Limits, NodeId, Slot};
use std::collections::BTreeMap;

/// What each client was answered, for its last `window` commands.
///
/// A process has one session at a time, and the numbers of its sessions only ever go up: a newer one ends the one
/// before. A session also ends when no command of it was chosen for `idle` slots, and when it is the one that was
/// silent for longest of more than `most`. What has ended stays so, however late one of its commands turns up:
/// whether that was executed before is forgotten, so it must not be executed now.
#[derive(Clone, Debug)]
pub(crate) struct Sessions<R> {
    pub(crate) window: usize,
    pub(crate) idle: u64,
    pub(crate) most: usize,
    /// The live ones, at most one a process, in no order that matters.
    pub(crate) table: Vec<Session<R>>,
    /// The number of the last session of each process that has none in the table.
    pub(crate) expired: BTreeMap<NodeId, u32>,
    /// Where the session of each process is in the table.
    places: BTreeMap<NodeId, usize>,
    /// Every live session, by a slot not above the one in which it was last heard of. It is brought up to date
    /// when its turn comes, so that a command of a session that is alive touches no tree.
    by_age: BTreeMap<Slot, NodeId>,
    /// Nothing expires up to this slot.
    due: Slot,
    /// Where the last command's session is.
    last: usize,
}

/// The replies to the commands `base..end`, each in the place of its number modulo the ring's size, which is a
/// power of two and grows as needed. Lower numbers were answered, or their client would not have been allowed to
/// send the newest. Places outside the range are empty.
#[derive(Clone, Debug)]
pub(crate) struct Session<R> {
    pub(crate) client: ClientId,
    /// The last slot in which a command of it was chosen.
    pub(crate) heard: Slot,
    pub(crate) base: u64,
    pub(crate) end: u64,
    pub(crate) ring: Vec<Option<(Slot, R)>>,
}

/// What is known of a command.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found<'a, R> {
    /// Not executed.
    New,
    /// Executed in this slot, with this result.
    Reply(Slot, &'a R),
    /// Too old to be remembered: its client has its answer.
    Forgotten,
    /// Its session has ended. It may have been executed before, and will not be from now on.
    Expired,
}

impl<R> Sessions<R> {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self::of(limits, Vec::new(), BTreeMap::new())
    }

    /// The sessions of which these are live and these have expired: everything else follows.
    pub(crate) fn of(limits: &Limits, table: Vec<Session<R>>, expired: BTreeMap<NodeId, u32>) -> Self {
        let places = table.iter().enumerate().map(|(at, session)| (session.client.node, at)).collect();
        let by_age: BTreeMap<_, _> = table.iter().map(|s| (s.heard, s.client.node)).collect();
        // Too early is as good: the sweep finds out when it is due.
        let due = by_age.first_key_value().map_or(Slot(u64::MAX), |(heard, _)| *heard);
        let (window, idle, most) = (limits.session.max(1), limits.idle, limits.sessions.max(1));
        Self { window, idle, most, table, expired, places, by_age, due, last: 0 }
    }

    /// A command is chosen in `slot`: runs `execute` if it is new; its reply, then and now.
    pub(crate) fn enter(&mut self, slot: Slot, id: CommandId, execute: impl FnOnce() -> R) -> Found<'_, R> {
        if slot > self.due {
            self.sweep(slot);
        }
        let window = self.window as u64;
        let Some(session) = self.session(slot, id.client) else { return Found::Expired };
        session.heard = slot;
        if id.seq < session.base {
            return Found::Forgotten;
        }
        if id.seq >= session.end {
            session.extend(id.seq, window);
        }
        let at = session.place(id.seq);
        let (slot, reply) = session.ring[at].get_or_insert_with(|| (slot, execute()));
        Found::Reply(*slot, reply)
    }

    /// What is known of a command that its client asks for again.
    pub(crate) fn find(&self, id: CommandId) -> Found<'_, R> {
        let Some(session) = self.places.get(&id.client.node).and_then(|at| self.table.get(*at)) else {
            let expired = self.has_expired(id.client);
            return if expired { Found::Expired } else { Found::New };
        };
        if id.client != session.client {
            return if id.client < session.client { Found::Expired } else { Found::New };
        }
        if id.seq < session.base {
            return Found::Forgotten;
        }
        if id.seq >= session.end {
            return Found::New;
        }
        match &session.ring[session.place(id.seq)] {
            Some((slot, reply)) => Found::Reply(*slot, reply),
            None => Found::New,
        }
    }

    fn has_expired(&self, client: ClientId) -> bool {
        self.expired.get(&client.node).is_some_and(|last| client.session <= *last)
    }

    /// The session of a command that is chosen in `slot`; none if it has ended.
    fn session(&mut self, slot: Slot, client: ClientId) -> Option<&mut Session<R>> {
        if self.table.get(self.last).is_none_or(|session| session.client != client) {
            self.last = self.admit(slot, client)?;
        }
        Some(&mut self.table[self.last])
    }

    /// Finds the place of another session than the last, or makes one.
    fn admit(&mut self, slot: Slot, client: ClientId) -> Option<usize> {
        if let Some(at) = self.places.get(&client.node).copied() {
            let session = &mut self.table[at];
            // A command of an older session comes from a former life of the process, or was given up by it.
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

    /// The last slot in which a session that was heard of in `slot` is alive.
    fn end_of(&self, slot: Slot) -> Slot {
        Slot(slot.0.saturating_add(self.idle))
    }

    /// Ends every session that was silent for too long when `slot` came.
    #[cold]
    fn sweep(&mut self, slot: Slot) {
        self.due = Slot(u64::MAX);
        while let Some((heard, node)) = self.oldest() {
            self.due = self.end_of(heard);
            if self.due >= slot {
                return;
            }
            self.expire(node);
            self.due = Slot(u64::MAX);
        }
    }

    /// The session that was silent for longest, and since when.
    fn oldest(&mut self) -> Option<(Slot, NodeId)> {
        loop {
            let (noted, node) = self.by_age.first_key_value().map(|(slot, node)| (*slot, *node))?;
            let heard = self.table[*self.places.get(&node)?].heard;
            if heard == noted {
                return Some((heard, node));
            }
            // A slot holds one command, so no other session has the same one.
            self.by_age.remove(&noted);
            self.by_age.insert(heard, node);
        }
    }

    /// Ends the session of `node`, and remembers for ever that it was there.
    fn expire(&mut self, node: NodeId) {
        let Some(at) = self.places.remove(&node) else { return };
        let session = self.table.swap_remove(at);
        self.by_age.remove(&session.heard);
        self.expired.insert(node, session.client.session);
        if let Some(moved) = self.table.get(at) {
            self.places.insert(moved.client.node, at);
        }
    }
}

impl<R> Session<R> {
    fn new(client: ClientId, heard: Slot) -> Self {
        Self { client, heard, base: 0, end: 0, ring: Vec::new() }
    }

    fn place(&self, seq: u64) -> usize {
        seq as usize & (self.ring.len() - 1)
    }

    /// Makes room for the reply to `seq`, the highest number so far, and forgets those a window behind it.
    fn extend(&mut self, seq: u64, window: u64) {
        let base = seq.saturating_sub(window - 1).max(self.base);
        for forgotten in self.base..base.min(self.end) {
            let at = self.place(forgotten);
            self.ring[at] = None;
        }
        self.base = base;
        self.end = self.end.max(base);
        if seq - base >= self.ring.len() as u64 {
            self.grow(seq - base + 1);
        }
        self.end = seq.saturating_add(1);
    }

    /// Makes room for `n` replies.
    #[cold]
    fn grow(&mut self, n: u64) {
        let mut ring: Vec<Option<(Slot, R)>> = Vec::new();
        ring.resize_with((n as usize).next_power_of_two().max(8), || None);
        let mask = ring.len() - 1;
        for seq in self.base..self.end {
            let at = self.place(seq);
            ring[seq as usize & mask] = self.ring[at].take();
        }
        self.ring = ring;
    }
}
