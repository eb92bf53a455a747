//! Execution: a state machine behind client sessions, so that a command takes effect once however often it was
//! sent or chosen.

use crate::sessions::{Found, Sessions};
use crate::{
    Answer, Bytes, ClientId, Command, CommandId, Config, Entry, Learning, Limits, NodeId, NodeSet, Outcome,
    Reply, RestoreError, Sections, Slot, Snapshot, Value,
};
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

    /// How many bytes it takes up to keep `reply`, which `command` was answered, for a client that asks again because its answer got
    /// lost; none: it is not kept. Replicas keep replies within [`Limits::reply_bytes`]; of any other command a client is told that it
    /// was executed, and no more. So a command that only reads needs none: its client may as well ask anew.
    ///
    /// The same on every replica. By default, the length of the reply as snapshots have it.
    fn remembered(&self, command: &Self::Command, reply: &Self::Reply) -> Option<u64> {
        let _ = command;
        postcard::experimental::serialized_size(reply).ok().map(|size| size as u64)
    }

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

impl<R: Clone> Found<'_, R> {
    /// What to tell the client, if it is to be told anything; `now` is the slot executed last.
    fn answer(&self, id: CommandId, now: Slot) -> Option<Reply<R>> {
        match self {
            Self::Reply(slot, reply) => {
                Some(Reply { id, slot: *slot, outcome: Outcome::Executed((*reply).clone()) })
            }
            Self::NotKept(slot) => Some(Reply { id, slot: *slot, outcome: Outcome::NotKept }),
            Self::Expired(latest) => {
                Some(Reply { id, slot: now, outcome: Outcome::SessionExpired { latest: *latest } })
            }
            Self::New | Self::Forgotten => None,
        }
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

    pub(crate) fn covers(self, client: ClientId) -> bool {
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
    /// A machine in its first state. Of the limits, those of sessions count, and they must be the same everywhere.
    pub fn new(machine: S, limits: &Limits) -> Self {
        Self {
            machine,
            sessions: Sessions::new(limits),
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
        let sessions = Bytes::from(self.sessions.encode());
        Some(Snapshot::new(&Sections { next: self.next, machine, sessions, membership: Bytes::empty() }))
    }

    /// [`Replica::snapshot`], if `every` slots were executed since the last one; 0: never.
    pub(crate) fn snapshot_each(&mut self, every: u64) -> Option<Snapshot> {
        if every == 0 || self.next.since(self.written) < every || self.failure.is_some() {
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
        let sessions = self.sessions.decode(&sections.sessions)?;
        self.machine.restore(&sections.machine)?;
        self.sessions = sessions;
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
        let known = self.next.since(first) as usize;
        for entry in entries.get(known..).unwrap_or_default() {
            let slot = self.next;
            self.next = slot.plus(1);
            match entry {
                Entry::Command(command) => self.execute_once(slot, command, answering),
                Entry::Noop | Entry::Change(..) => {}
            }
        }
    }

    fn execute_once(&mut self, slot: Slot, command: &Command<S::Command>, answering: Answering) {
        let id = command.id;
        let owed = !self.owed.is_empty() && self.owed.remove(&id);
        let machine = &mut self.machine;
        let found = self.sessions.enter(slot, id, || {
            let reply = machine.apply(slot, &command.value);
            let size = machine.remembered(&command.value, &reply);
            (reply, size)
        });
        if (answering.covers(id.client) || owed)
            && let Some(answer) = found.answer(id, slot)
        {
            self.answers.push(answer);
        }
    }

    /// A client asks again: what was executed is answered from its session, the rest when it is executed.
    pub fn recall(&mut self, id: CommandId) {
        let found = self.sessions.find(id);
        match found {
            Found::Reply(..) | Found::NotKept(_) | Found::Expired(_) => {
                self.answers.extend(found.answer(id, self.next.minus(1)));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sessions::Session;
    use crate::snapshot::encode;
    use std::collections::BTreeMap;

    /// What [`replies`] tells of a command whose session has expired.
    const EXPIRED: u64 = u64::MAX;

    /// What [`replies`] tells of a command whose reply is not kept.
    const NOT_KEPT: u64 = u64::MAX - 1;

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
        Entry::new(ClientId { node: NodeId(client), session: 0, nonce: 0 }, seq, n)
    }

    fn replica(session: usize) -> Replica<Sum> {
        Replica::new(Sum(0), &Limits { session, ..Limits::default() })
    }

    fn all() -> Answering {
        Answering { me: NodeId(0), hear: NodeSet::EMPTY, everyone_else: true }
    }

    fn replies(replica: &mut Replica<Sum>) -> Vec<(u64, u64)> {
        let reply = |a: Reply<u64>| match a.outcome {
            Outcome::Executed(reply) => (a.id.seq, reply),
            Outcome::NotKept => (a.id.seq, NOT_KEPT),
            Outcome::Changed(_) | Outcome::SessionExpired { .. } => (a.id.seq, EXPIRED),
        };
        replica.answers().map(reply).collect()
    }

    #[test]
    fn a_command_chosen_twice_executes_once_and_is_answered_as_before() {
        let mut replica = replica(8);
        replica.execute(Slot(0), &[command(9, 0, 5), command(9, 1, 1), command(9, 0, 5)], all());
        assert_eq!((replica.machine().0, replies(&mut replica)), (6, vec![(0, 5), (1, 6), (0, 5)]));
    }

    #[test]
    fn slots_given_again_are_passed_over() {
        let mut replica = replica(8);
        replica.execute(Slot(0), &[command(9, 0, 5)], all());
        replica.execute(Slot(0), &[command(9, 0, 5), Entry::Noop, command(8, 0, 2)], all());
        assert_eq!((replica.machine().0, replica.next()), (7, Slot(3)));
    }

    #[test]
    fn who_asks_again_is_answered_now_or_when_executed() {
        let mut replica = replica(8);
        let silent = Answering { everyone_else: false, ..all() };
        replica.execute(Slot(0), &[command(9, 0, 5)], silent);
        assert_eq!(replies(&mut replica), []);
        let client = ClientId { node: NodeId(9), session: 0, nonce: 0 };
        replica.recall(CommandId { client, seq: 0 });
        replica.recall(CommandId { client, seq: 1 });
        assert_eq!(replies(&mut replica), [(0, 5)]);
        replica.execute(Slot(1), &[command(9, 1, 1), command(9, 2, 1)], silent);
        assert_eq!(replies(&mut replica), [(1, 6)]);
    }

    #[test]
    fn commands_older_than_the_window_are_neither_executed_nor_answered() {
        let mut replica = replica(4);
        replica.execute(Slot(0), &[command(9, 10, 1), command(9, 6, 1), command(9, 7, 1)], all());
        assert_eq!((replica.machine().0, replies(&mut replica)), (2, vec![(10, 1), (7, 2)]));
        replica.execute(Slot(3), &[command(9, CommandId::LAST_SEQ, 1), command(9, 10, 1)], all());
        assert_eq!(replica.machine().0, 3);
        // No process gives a command such a number.
        replica.execute(Slot(5), &[command(9, u64::MAX, 1)], all());
        assert_eq!(replica.machine().0, 3);
    }

    #[test]
    fn a_command_of_an_expired_session_is_not_executed_and_its_client_is_told() {
        let mut replica = Replica::new(Sum(0), &Limits { idle: 1, ..Limits::default() });
        let commands =
            [command(9, 0, 5), command(8, 0, 1), command(8, 1, 1), command(9, 0, 5), command(9, 1, 7)];
        replica.execute(Slot(0), &commands, all());
        let told = [(0, 5), (0, 6), (1, 7), (0, EXPIRED), (1, EXPIRED)];
        assert_eq!((replica.machine().0, replies(&mut replica)), (7, told.to_vec()));
        let client = ClientId { node: NodeId(9), session: 0, nonce: 0 };
        replica.recall(CommandId { client, seq: 0 });
        assert_eq!(replies(&mut replica), [(0, EXPIRED)]);
        replica.execute(Slot(5), &[Entry::new(client.renewed(0), 2, 3)], all());
        assert_eq!((replica.machine().0, replies(&mut replica)), (10, vec![(2, 10)]));
    }

    #[test]
    fn a_snapshot_carries_state_sessions_and_what_is_owed() {
        let mut first = replica(4);
        first.execute(Slot(0), &[command(9, 10, 1), command(8, 0, 4), Entry::Noop], all());
        let snapshot = first.snapshot().expect("it can be written down");
        let mut other = replica(4);
        let client = ClientId { node: NodeId(8), session: 0, nonce: 0 };
        other.recall(CommandId { client, seq: 0 });
        other.install(&snapshot).expect("it can be read");
        assert_eq!((other.machine().0, other.next(), other.installed()), (5, Slot(3), Slot(3)));
        assert_eq!(replies(&mut other), [(0, 5)]);
        // What was executed before, or is too old to be known, has no effect; and both write the same from now on.
        replies(&mut first);
        for replica in [&mut first, &mut other] {
            replica.execute(Slot(3), &[command(9, 10, 1), command(9, 6, 1), command(9, 9, 2)], all());
            assert_eq!((replica.machine().0, replies(replica)), (7, vec![(10, 1), (9, 7)]));
        }
        assert_eq!(first.snapshot(), other.snapshot());
        assert!(other.install(&snapshot).is_ok() && other.next() == Slot(6), "an older state is no news");
    }

    #[test]
    fn a_reply_that_is_not_kept_is_told_once_and_its_command_is_not_executed_again() {
        // A sum below 128 takes up one byte, others two.
        let mut replica = Replica::new(Sum(0), &Limits { session: 8, reply_bytes: 2, ..Limits::default() });
        let commands = [command(9, 0, 5), command(9, 1, 1), command(9, 2, 1), command(9, 3, 200)];
        replica.execute(Slot(0), &commands, all());
        assert_eq!(replies(&mut replica), [(0, 5), (1, 6), (2, 7), (3, 207)]);
        // The last fills all the room. Whether it is chosen or asked for again makes no difference.
        let client = ClientId { node: NodeId(9), session: 0, nonce: 0 };
        (0..4).for_each(|seq| replica.recall(CommandId { client, seq }));
        replica.execute(Slot(4), &commands, all());
        let told = [(0, NOT_KEPT), (1, NOT_KEPT), (2, NOT_KEPT), (3, 207)];
        assert_eq!((replica.machine().0, replies(&mut replica)), (207, [told, told].concat()));
    }

    #[test]
    fn a_replica_that_cannot_read_a_snapshot_does_not_go_on() {
        let empty = Bytes::empty();
        let sections =
            Sections { next: Slot(2), machine: empty.clone(), sessions: empty.clone(), membership: empty };
        let session = |end| {
            let mut session = Session::<u64>::new(ClientId::default(), Slot(0));
            (session.end, session.ring) = (end, vec![None; 2]);
            session
        };
        let of =
            |table: Vec<Session<u64>>| Bytes::from(encode(&(table, BTreeMap::<NodeId, ClientId>::new())));
        for sessions in
            [Bytes::empty(), of(vec![session(3)]), of(vec![session(1), session(1)]), of(Vec::new())]
        {
            let mut replica = replica(4);
            let snapshot = Snapshot::new(&Sections { sessions, ..sections.clone() });
            let error = replica.install(&snapshot).expect_err("there is no state in it");
            assert_eq!(replica.failure(), Some(&error));
            replica.execute(Slot(0), &[command(9, 0, 5)], all());
            assert_eq!((replica.machine().0, replica.next()), (0, Slot(0)));
        }
    }
}
