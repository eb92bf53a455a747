//! The sessions of clients: what each was answered, and which have expired. All of it follows from the log, so
//! that every replica has the same at the same slot.

use crate::snapshot::{decode, encode};
use crate::{Bytes, ClientId, CommandId, Limits, NodeId, Slot, SnapshotError};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
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
    /// The last session of each process that has none in the table.
    pub(crate) expired: BTreeMap<NodeId, ClientId>,
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
#[derive(Clone, Debug, Serialize, Deserialize)]
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
    /// Its session has ended. It may have been executed before, and will not be from now on. The number of the last
    /// session of its process.
    Expired(u64),
}

impl<R> Sessions<R> {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self::of(limits, Vec::new(), BTreeMap::new())
    }

    /// The sessions of which these are live and these have expired: everything else follows.
    pub(crate) fn of(limits: &Limits, table: Vec<Session<R>>, expired: BTreeMap<NodeId, ClientId>) -> Self {
        let places = table.iter().enumerate().map(|(at, session)| (session.client.node, at)).collect();
        let by_age: BTreeMap<_, _> = table.iter().map(|s| (s.heard, s.client.node)).collect();
        // Too early is as good: the sweep finds out when it is due.
        let due = by_age.first_key_value().map_or(Slot::MAX, |(heard, _)| *heard);
        let (window, idle, most) = (limits.session.max(1), limits.idle, limits.sessions.max(1));
        Self { window, idle, most, table, expired, places, by_age, due, last: 0 }
    }

    /// As bytes, for a snapshot: the same on every replica at the same slot.
    pub(crate) fn encode(&self) -> Vec<u8>
    where
        R: Serialize,
    {
        let mut table: Vec<&Session<R>> = self.table.iter().collect();
        table.sort_unstable_by_key(|session| session.client);
        encode(&(table, &self.expired))
    }

    /// What [`Sessions::encode`] wrote, within the limits of these.
    ///
    /// # Errors
    /// If that cannot be.
    pub(crate) fn decode(&self, bytes: &Bytes) -> Result<Self, SnapshotError>
    where
        R: DeserializeOwned,
    {
        let (table, expired): (Vec<Session<R>>, BTreeMap<NodeId, ClientId>) = decode(bytes)?;
        let in_order = table.windows(2).all(|pair| pair[0].client.node < pair[1].client.node);
        if !in_order || !table.iter().all(Session::is_sound) {
            return Err(SnapshotError::Damaged);
        }
        let limits =
            Limits { session: self.window, idle: self.idle, sessions: self.most, ..Limits::default() };
        Ok(Self::of(&limits, table, expired))
    }

    /// A command is chosen in `slot`: runs `execute` if it is new; its reply, then and now.
    pub(crate) fn enter(&mut self, slot: Slot, id: CommandId, execute: impl FnOnce() -> R) -> Found<'_, R> {
        // No process gives such a name to a command.
        if !id.is_possible() {
            return Found::Forgotten;
        }
        if slot > self.due {
            self.sweep(slot);
        }
        let window = self.window as u64;
        // The borrow of a session that is found goes on, so what is told of one that is not is looked up before.
        if self.table.get(self.last).is_none_or(|session| session.client != id.client) {
            match self.admit(slot, id.client) {
                Some(at) => self.last = at,
                None => return Found::Expired(self.latest(id.client.node)),
            }
        }
        let session = &mut self.table[self.last];
        session.heard = slot;
        if session.is_next(id.seq, window) {
            return session.push(slot, execute(), window);
        }
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
        match &session.ring[session.place(id.seq)] {
            Some((slot, reply)) => Found::Reply(*slot, reply),
            None => Found::New,
        }
    }

    fn has_expired(&self, client: ClientId) -> bool {
        self.expired.get(&client.node).is_some_and(|last| client <= *last)
    }

    /// The number of the last session of `node`, live or expired.
    fn latest(&self, node: NodeId) -> u64 {
        let live = self.places.get(&node).and_then(|at| self.table.get(*at)).map(|session| session.client);
        live.or_else(|| self.expired.get(&node).copied()).map_or(0, |client| client.session)
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
        slot.plus(self.idle)
    }

    /// Ends every session that was silent for too long when `slot` came.
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
        self.expired.insert(node, session.client);
        if let Some(moved) = self.table.get(at) {
            self.places.insert(moved.client.node, at);
        }
    }
}

impl<R> Session<R> {
    /// Whether what was read can be what was written.
    fn is_sound(&self) -> bool {
        let places = self.ring.len();
        self.base <= self.end
            && self.end - self.base <= places as u64
            && (places.is_power_of_two() || (places == 0 && self.end == 0))
    }

    fn new(client: ClientId, heard: Slot) -> Self {
        Self { client, heard, base: 0, end: 0, ring: Vec::new() }
    }

    fn place(&self, seq: u64) -> usize {
        seq as usize & (self.ring.len() - 1)
    }

    /// Whether `seq` is the next number, and the ring has a place for its reply.
    #[inline]
    fn is_next(&self, seq: u64, window: u64) -> bool {
        let held = self.end - self.base;
        seq == self.end && held <= window && (held == window || held < self.ring.len() as u64)
    }

    /// The reply to the next command. The oldest is forgotten if it is a window behind, and that is mostly its place.
    #[inline]
    fn push(&mut self, slot: Slot, reply: R, window: u64) -> Found<'_, R> {
        let seq = self.end;
        if seq - self.base == window {
            if self.ring.len() as u64 != window {
                let at = self.place(self.base);
                self.ring[at] = None;
            }
            self.base += 1;
        }
        self.end = seq.saturating_add(1);
        let at = self.place(seq);
        let (slot, reply) = self.ring[at].insert((slot, reply));
        Found::Reply(*slot, reply)
    }

    /// Makes room for the reply to `seq`, the highest number so far, and forgets those a window behind it.
    #[cold]
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Jitter;

    fn limits(idle: u64, sessions: usize) -> Limits {
        Limits { session: 4, idle, sessions, ..Limits::default() }
    }

    fn id(node: u16, session: u64, seq: u64) -> CommandId {
        CommandId { client: ClientId { node: NodeId(node), session, nonce: 0 }, seq }
    }

    /// Executes by naming the slot.
    fn enter(sessions: &mut Sessions<u64>, slot: u64, id: CommandId) -> Found<'_, u64> {
        sessions.enter(Slot(slot), id, || slot)
    }

    const fn done(slot: u64) -> Found<'static, u64> {
        const REPLIES: [u64; 64] = {
            let mut all = [0; 64];
            let mut at = 0;
            while at < 64 {
                all[at] = at as u64;
                at += 1;
            }
            all
        };
        Found::Reply(Slot(slot), &REPLIES[slot as usize])
    }

    #[test]
    fn a_session_lives_as_long_as_a_command_of_it_is_chosen_in_every_idle_slots() {
        let mut sessions = Sessions::new(&limits(10, 9));
        assert_eq!(enter(&mut sessions, 0, id(1, 0, 0)), done(0));
        assert_eq!(enter(&mut sessions, 10, id(1, 0, 1)), done(10));
        // A command that was chosen before counts as well.
        assert_eq!(enter(&mut sessions, 20, id(1, 0, 1)), done(10));
        assert_eq!(enter(&mut sessions, 30, id(1, 0, 2)), done(30));
        assert_eq!(enter(&mut sessions, 41, id(1, 0, 3)), Found::Expired(0));
        assert_eq!(sessions.find(id(1, 0, 2)), Found::Expired(0));
    }

    #[test]
    fn an_expired_session_is_never_taken_for_a_new_one_and_costs_a_number() {
        let mut sessions = Sessions::new(&limits(2, 9));
        for node in 0..5 {
            assert_eq!(enter(&mut sessions, u64::from(node), id(node, 7, 0)), done(node.into()));
        }
        assert_eq!((sessions.table.len(), sessions.by_age.len(), sessions.places.len()), (3, 3, 3));
        for slot in 10..20 {
            assert!(matches!(enter(&mut sessions, slot, id(1, slot % 8, 0)), Found::Expired(_)));
        }
        assert_eq!((sessions.table.len(), sessions.expired.len()), (0, 5));
        assert_eq!(enter(&mut sessions, 20, id(1, 8, 0)), done(20));
        assert_eq!((sessions.table.len(), sessions.expired.len()), (1, 4));
    }

    #[test]
    fn a_newer_session_ends_the_ones_before() {
        let mut sessions = Sessions::new(&limits(99, 9));
        assert_eq!(enter(&mut sessions, 0, id(1, 3, 0)), done(0));
        assert_eq!(sessions.find(id(1, 4, 0)), Found::New);
        assert_eq!(enter(&mut sessions, 1, id(1, 4, 0)), done(1));
        assert!(matches!(enter(&mut sessions, 2, id(1, 3, 1)), Found::Expired(_)));
        assert!(matches!(sessions.find(id(1, 3, 0)), Found::Expired(_)));
        assert_eq!(sessions.table.len(), 1);
    }

    #[test]
    fn of_too_many_sessions_the_one_silent_for_longest_expires() {
        let mut sessions = Sessions::new(&limits(99, 2));
        assert_eq!(enter(&mut sessions, 0, id(1, 0, 0)), done(0));
        assert_eq!(enter(&mut sessions, 1, id(2, 0, 0)), done(1));
        assert_eq!(enter(&mut sessions, 2, id(1, 0, 1)), done(2));
        assert_eq!(enter(&mut sessions, 3, id(3, 0, 0)), done(3));
        assert!(matches!(enter(&mut sessions, 4, id(2, 0, 1)), Found::Expired(_)));
        assert_eq!(enter(&mut sessions, 5, id(1, 0, 0)), done(0));
        assert_eq!(sessions.table.len(), 2);
    }

    /// The rules as they stand in the documentation, by looking through the whole log each time.
    fn by_the_book(log: &[CommandId], idle: u64, most: usize) -> (Vec<bool>, BTreeMap<NodeId, (u64, u64)>) {
        let (mut live, mut ended) = (BTreeMap::<NodeId, (u64, u64)>::new(), BTreeMap::<NodeId, u64>::new());
        let mut taken = Vec::new();
        for (slot, id) in (0..).zip(log) {
            let ClientId { node, session, .. } = id.client;
            let silent: Vec<_> =
                live.iter().filter(|(_, (_, heard))| slot - heard > idle).map(|(n, _)| *n).collect();
            for node in silent {
                ended.extend(live.remove(&node).map(|(session, _)| (node, session)));
            }
            let newest = live.get(&node).map(|(session, _)| *session);
            let ok = match newest {
                Some(newest) => session >= newest,
                None => ended.get(&node).is_none_or(|ended| session > *ended),
            };
            if ok {
                if newest.is_none() && live.len() == most {
                    let oldest =
                        live.iter().min_by_key(|(_, (_, heard))| *heard).map(|(n, _)| *n).expect("some");
                    ended.extend(live.remove(&oldest).map(|(session, _)| (oldest, session)));
                }
                live.insert(node, (session, slot));
            }
            taken.push(ok);
        }
        (taken, live)
    }

    #[test]
    fn whatever_the_log_says_sessions_end_by_the_book_and_survive_being_rebuilt() {
        for seed in 0..300 {
            let mut chance = Jitter::new(seed, NodeId(0));
            let mut below = |n: u64| chance.draw() % n;
            let (idle, most) = (1 + below(12), 1 + below(4) as usize);
            let log: Vec<_> =
                (0..200).map(|_| id(below(6) as u16, below(20) / 10 + below(50) / 40, below(9))).collect();
            let (taken, live) = by_the_book(&log, idle, most);
            let limits = limits(idle, most);
            let mut sessions = Sessions::new(&limits);
            for ((slot, id), ok) in (0..).zip(&log).zip(taken) {
                if below(20) == 0 {
                    sessions = Sessions::of(&limits, sessions.table, sessions.expired);
                }
                let expired = matches!(enter(&mut sessions, slot, *id), Found::Expired(_));
                assert_eq!(expired, !ok, "seed {seed}: {id} in slot {slot}");
                assert!(sessions.table.len() <= most);
            }
            let left = sessions.table.iter().map(|s| (s.client.node, (s.client.session, s.heard.index())));
            assert_eq!(left.collect::<BTreeMap<_, _>>(), live, "seed {seed}");
        }
    }
}
