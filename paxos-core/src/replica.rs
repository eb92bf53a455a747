//! Execution: a state machine behind client sessions, so that a command takes effect once however often it was
//! sent or chosen.

use crate::snapshot::{decode, encode};
use crate::{
    Answer, Bytes, ClientId, Command, CommandId, Config, Entry, Learning, NodeId, NodeSet, Reply,
    RestoreError, Sections, Slot, Snapshot, SnapshotError, Value,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What the log is for. It must be deterministic: the same commands in the same order give the same replies and
/// the same state on every replica.
pub trait StateMachine {
    /// What clients ask for.
    type Command: Value;
    /// What they get.
    type Reply: Answer;
    /// Executes one command, which was chosen in `slot`.
    fn apply(&mut self, slot: Slot, command: &Self::Command) -> Self::Reply;

    /// The state as bytes, the same on every replica in the same state; none if it cannot be written down, and
    /// then no process ever forgets its log. It is asked for between two commands, so it should not take long.
    fn snapshot(&self) -> Option<Vec<u8>> {
        None
    }

    /// Takes over the state that [`StateMachine::snapshot`] wrote, whatever the own state was.
    ///
    /// # Errors
    /// If the bytes cannot be understood, or machines of this kind never wrote any. The process stops then.
    fn restore(&mut self, _state: &[u8]) -> Result<(), RestoreError> {
        Err(RestoreError::Unsupported)
    }
}

/// Which clients a process answers. Set by the node with each batch it delivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Answering {
    me: NodeId,
    /// Processes that hear of what is chosen at once, so that their own clients need no reply message.
    hear: NodeSet,
    everyone_else: bool,
}

impl Answering {
    pub(crate) fn new(me: NodeId, config: &Config) -> Self {
        let told = config.learning == Learning::Everyone || config.announce == crate::Announce::AtOnce;
        let hear = if told { config.all_learners() } else { NodeSet::EMPTY };
        Self { me, hear, everyone_else: false }
    }

    /// Its own clients, and all others if so.
    pub(crate) fn including(self, everyone_else: bool) -> Self {
        Self { everyone_else, ..self }
    }

    fn covers(self, client: ClientId) -> bool {
        client.node == self.me || (self.everyone_else && !self.hear.contains(client.node))
    }
}

/// A state machine with the sessions of its clients.
#[derive(Clone, Debug)]
pub struct Replica<S: StateMachine> {
    machine: S,
    sessions: Sessions<S::Reply>,
    next: Slot,
    owed: BTreeSet<CommandId>,
    answers: Vec<Reply<S::Reply>>,
    /// Where a snapshot was last asked for or taken over.
    written: Slot,
    /// The state came from a snapshot, which stands for every slot below.
    installed: Slot,
    failure: Option<RestoreError>,
}

impl<S: StateMachine> Replica<S> {
    /// A machine in its first state; `window` is [`crate::Limits::session`].
    pub fn new(machine: S, window: usize) -> Self {
        let sessions = Sessions { window: window.max(1), table: Vec::new(), last: 0 };
        Self {
            machine,
            sessions,
            next: Slot(0),
            owed: BTreeSet::new(),
            answers: Vec::new(),
            written: Slot(0),
            installed: Slot(0),
            failure: None,
        }
    }

    /// The state.
    pub fn machine(&self) -> &S {
        &self.machine
    }

    /// The first slot not executed.
    pub fn next(&self) -> Slot {
        self.next
    }

    /// What was executed so far, written down with the sessions of its clients; none if the machine cannot be.
    pub fn snapshot(&self) -> Option<Snapshot> {
        let machine = Bytes::from(self.machine.snapshot()?);
        let sessions = Bytes::from(encode(&self.sessions));
        Some(Snapshot::new(&Sections { next: self.next, machine, sessions, membership: Bytes::empty() }))
    }

    /// [`Replica::snapshot`], if `every` slots were executed since the last one; 0: never.
    pub(crate) fn snapshot_each(&mut self, every: u64) -> Option<Snapshot> {
        if every == 0 || self.next.0 - self.written.0 < every || self.failure.is_some() {
            return None;
        }
        self.written = self.next;
        self.snapshot()
    }

    /// Takes over the state that another replica, or a former life of this one, wrote down. A state that is no newer
    /// than the own one is left alone.
    ///
    /// # Errors
    /// If the machine or its sessions cannot be read; the replica must not go on then, and does not.
    pub fn install(&mut self, snapshot: &Snapshot) -> Result<(), RestoreError> {
        if snapshot.next() <= self.next {
            return Ok(());
        }
        let taken = self.take_over(snapshot);
        self.failure = taken.clone().err();
        taken
    }

    fn take_over(&mut self, snapshot: &Snapshot) -> Result<(), RestoreError> {
        let sections = snapshot.sections()?;
        let sessions: Sessions<S::Reply> = decode(&sections.sessions)?;
        if !sessions.is_sound() {
            return Err(SnapshotError::Damaged.into());
        }
        self.machine.restore(&sections.machine)?;
        self.sessions = Sessions { window: self.sessions.window, ..sessions };
        self.next = snapshot.next();
        (self.written, self.installed) = (self.next, self.next);
        // Who waits for an answer to what happened meanwhile gets it now.
        for id in std::mem::take(&mut self.owed) {
            self.recall(id);
        }
        Ok(())
    }

    /// Every slot below is executed only inasmuch as a snapshot that was taken over stands for it.
    pub fn installed(&self) -> Slot {
        self.installed
    }

    /// Why it does not go on: a snapshot that it had to take over could not be read.
    pub fn failure(&self) -> Option<&RestoreError> {
        self.failure.as_ref()
    }

    /// Executes the values chosen from slot `first` on; slots executed before are passed over. After a
    /// [`Replica::failure`], it does nothing.
    ///
    /// # Panics
    /// If a slot is missing between the last call and this one.
    pub fn execute(&mut self, first: Slot, entries: &[Entry<S::Command>], answering: Answering) {
        if self.failure.is_some() {
            return;
        }
        assert!(first <= self.next, "executed up to {}, then given {first}", self.next);
        let known = (self.next.0 - first.0) as usize;
        for entry in entries.get(known..).unwrap_or_default() {
            let slot = self.next;
            self.next = slot.plus(1);
            if let Entry::Command(command) = entry {
                self.execute_once(slot, command, answering);
            }
        }
    }

    fn execute_once(&mut self, slot: Slot, command: &Command<S::Command>, answering: Answering) {
        let id = command.id;
        let owed = !self.owed.is_empty() && self.owed.remove(&id);
        let machine = &mut self.machine;
        let known = self.sessions.enter(id, || (slot, machine.apply(slot, &command.value)));
        if (answering.covers(id.client) || owed)
            && let Some((slot, reply)) = known
        {
            self.answers.push(Reply { id, slot: *slot, reply: reply.clone() });
        }
    }

    /// A client asks again: what was executed is answered from its session, the rest when it is executed.
    pub fn recall(&mut self, id: CommandId) {
        match self.sessions.find(id) {
            Found::Reply(slot, reply) => {
                let reply = Reply { id, slot, reply: reply.clone() };
                self.answers.push(reply);
            }
            Found::New => {
                // Clients have at most a window of commands open; beyond that nobody waits for the oldest.
                if self.owed.len() >= 16 * self.sessions.window {
                    self.owed.pop_first();
                }
                self.owed.insert(id);
            }
            Found::Forgotten => {}
        }
    }

    /// Whether there are answers to be fetched.
    pub fn has_answers(&self) -> bool {
        !self.answers.is_empty()
    }

    /// The answers since the last call, for [`crate::Node::answer`].
    pub fn answers(&mut self) -> std::vec::Drain<'_, Reply<S::Reply>> {
        self.answers.drain(..)
    }
}

/// What each client was answered, for its last `window` commands.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Sessions<R> {
    window: usize,
    table: Vec<Session<R>>,
    #[serde(skip)]
    last: usize,
}

/// The replies to the commands `base..end`, each in the place of its number modulo the ring's size, which is a
/// power of two and grows as needed. Lower numbers were answered, or their client would not have been allowed to
/// send the newest. Places outside the range are empty.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Session<R> {
    client: ClientId,
    base: u64,
    end: u64,
    ring: Vec<Option<(Slot, R)>>,
}

enum Found<'a, R> {
    New,
    Reply(Slot, &'a R),
    Forgotten,
}

impl<R> Sessions<R> {
    /// Runs `execute` if the command is new; its reply, then and now, or none if that is forgotten.
    fn enter(&mut self, id: CommandId, execute: impl FnOnce() -> (Slot, R)) -> Option<&(Slot, R)> {
        let window = self.window as u64;
        let session = self.session(id.client);
        if id.seq < session.base {
            return None;
        }
        if id.seq >= session.end {
            session.extend(id.seq, window);
        }
        let at = session.place(id.seq);
        Some(session.ring[at].get_or_insert_with(execute))
    }

    /// Whether what was read can be what was written.
    fn is_sound(&self) -> bool {
        let in_order = self.table.windows(2).all(|pair| pair[0].client < pair[1].client);
        let fits = |s: &Session<R>| {
            let places = s.ring.len();
            s.base <= s.end
                && s.end - s.base <= places as u64
                && (places.is_power_of_two() || (places == 0 && s.end == 0))
        };
        in_order && self.table.iter().all(fits)
    }

    fn find(&self, id: CommandId) -> Found<'_, R> {
        let Ok(at) = self.table.binary_search_by_key(&id.client, |s| s.client) else { return Found::New };
        let session = &self.table[at];
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

    fn session(&mut self, client: ClientId) -> &mut Session<R> {
        if self.table.get(self.last).is_none_or(|s| s.client != client) {
            self.last = self.table.binary_search_by_key(&client, |s| s.client).unwrap_or_else(|at| {
                self.table.insert(at, Session { client, base: 0, end: 0, ring: Vec::new() });
                at
            });
        }
        &mut self.table[self.last]
    }
}

impl<R> Session<R> {
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

#[cfg(test)]
mod tests {
    use super::*;

    struct Sum(u64);
    impl StateMachine for Sum {
        type Command = u64;
        type Reply = u64;
        fn apply(&mut self, _slot: Slot, n: &u64) -> u64 {
            self.0 += n;
            self.0
        }
        fn snapshot(&self) -> Option<Vec<u8>> {
            Some(self.0.to_le_bytes().to_vec())
        }
        fn restore(&mut self, state: &[u8]) -> Result<(), RestoreError> {
            let state = state.try_into().map_err(|_| RestoreError::Machine("not eight bytes".into()))?;
            self.0 = u64::from_le_bytes(state);
            Ok(())
        }
    }

    fn command(client: u16, seq: u64, n: u64) -> Entry<u64> {
        Entry::new(ClientId { node: NodeId(client), session: 0 }, seq, n)
    }

    fn all() -> Answering {
        Answering { me: NodeId(0), hear: NodeSet::EMPTY, everyone_else: true }
    }

    fn replies(replica: &mut Replica<Sum>) -> Vec<(u64, u64)> {
        replica.answers().map(|a| (a.id.seq, a.reply)).collect()
    }

    #[test]
    fn a_command_chosen_twice_executes_once_and_is_answered_as_before() {
        let mut replica = Replica::new(Sum(0), 8);
        replica.execute(Slot(0), &[command(9, 0, 5), command(9, 1, 1), command(9, 0, 5)], all());
        assert_eq!((replica.machine().0, replies(&mut replica)), (6, vec![(0, 5), (1, 6), (0, 5)]));
    }

    #[test]
    fn slots_given_again_are_passed_over() {
        let mut replica = Replica::new(Sum(0), 8);
        replica.execute(Slot(0), &[command(9, 0, 5)], all());
        replica.execute(Slot(0), &[command(9, 0, 5), Entry::Noop, command(8, 0, 2)], all());
        assert_eq!((replica.machine().0, replica.next()), (7, Slot(3)));
    }

    #[test]
    fn who_asks_again_is_answered_now_or_when_executed() {
        let mut replica = Replica::new(Sum(0), 8);
        let silent = Answering { everyone_else: false, ..all() };
        replica.execute(Slot(0), &[command(9, 0, 5)], silent);
        assert_eq!(replies(&mut replica), []);
        let client = ClientId { node: NodeId(9), session: 0 };
        replica.recall(CommandId { client, seq: 0 });
        replica.recall(CommandId { client, seq: 1 });
        assert_eq!(replies(&mut replica), [(0, 5)]);
        replica.execute(Slot(1), &[command(9, 1, 1), command(9, 2, 1)], silent);
        assert_eq!(replies(&mut replica), [(1, 6)]);
    }

    #[test]
    fn commands_older_than_the_window_are_neither_executed_nor_answered() {
        let mut replica = Replica::new(Sum(0), 4);
        replica.execute(Slot(0), &[command(9, 10, 1), command(9, 6, 1), command(9, 7, 1)], all());
        assert_eq!((replica.machine().0, replies(&mut replica)), (2, vec![(10, 1), (7, 2)]));
        replica.execute(Slot(3), &[command(9, u64::MAX, 1), command(9, 10, 1)], all());
        assert_eq!(replica.machine().0, 3);
    }

    #[test]
    fn a_snapshot_carries_state_sessions_and_what_is_owed() {
        let mut replica = Replica::new(Sum(0), 4);
        replica.execute(Slot(0), &[command(9, 10, 1), command(8, 0, 4), Entry::Noop], all());
        let snapshot = replica.snapshot().expect("it can be written down");
        let mut other = Replica::new(Sum(0), 4);
        let client = ClientId { node: NodeId(8), session: 0 };
        other.recall(CommandId { client, seq: 0 });
        other.install(&snapshot).expect("it can be read");
        assert_eq!((other.machine().0, other.next(), other.installed()), (5, Slot(3), Slot(3)));
        assert_eq!(replies(&mut other), [(0, 5)]);
        // What was executed before, or is too old to be known, has no effect; and both write the same from now on.
        replies(&mut replica);
        for replica in [&mut replica, &mut other] {
            replica.execute(Slot(3), &[command(9, 10, 1), command(9, 6, 1), command(9, 9, 2)], all());
            assert_eq!((replica.machine().0, replies(replica)), (7, vec![(10, 1), (9, 7)]));
        }
        assert_eq!(replica.snapshot(), other.snapshot());
        assert!(other.install(&snapshot).is_ok() && other.next() == Slot(6), "an older state is no news");
    }

    #[test]
    fn a_replica_that_cannot_read_a_snapshot_does_not_go_on() {
        let empty = Bytes::empty();
        let sections =
            Sections { next: Slot(2), machine: empty.clone(), sessions: empty.clone(), membership: empty };
        let unsound = Sessions {
            window: 4,
            table: vec![Session { client: ClientId::default(), base: 0, end: 3, ring: vec![None; 2] }],
            last: 0,
        };
        let of: fn(Sessions<u64>) -> Bytes = |sessions| Bytes::from(encode(&sessions));
        let sound = Sessions { window: 4, table: Vec::new(), last: 0 };
        for sessions in [Bytes::empty(), of(unsound), of(sound)] {
            let mut replica = Replica::new(Sum(0), 4);
            let snapshot = Snapshot::new(&Sections { sessions, ..sections.clone() });
            let error = replica.install(&snapshot).expect_err("there is no state in it");
            assert_eq!(replica.failure(), Some(&error));
            replica.execute(Slot(0), &[command(9, 0, 5)], all());
            assert_eq!((replica.machine().0, replica.next()), (0, Slot(0)));
        }
    }
}
