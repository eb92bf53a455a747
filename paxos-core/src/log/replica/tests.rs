//! Each command is executed once and answered in the same way again, also after a snapshot.

use super::*;
use crate::log::encode;
use crate::log::sessions::Session;
use crate::{Bytes, Change, Fold, Sections};
use std::collections::BTreeMap;

/// The reply in [`replies`] to a command whose session has expired.
const EXPIRED: u64 = u64::MAX;

/// The reply in [`replies`] to a command whose reply is not kept.
const NOT_KEPT: u64 = u64::MAX - 1;

type Sum = Fold<u64, u64, u64>;

fn sum() -> Sum {
    Fold::new(0, |sum, n| {
        *sum += n;
        *sum
    })
}

fn execute(replica: &mut Replica<Sum>, first: u64, entries: &[Entry<u64>], answering: Answering) {
    replica.execute(Decided { first: Slot(first), entries, answering, members: None });
}

const fn client(node: u16) -> ClientId {
    ClientId { node: NodeId(node), session: 0, nonce: 0 }
}

fn command(node: u16, seq: u64, n: u64) -> Entry<u64> {
    Entry::new(client(node), seq, n)
}

fn replica(session: usize) -> Replica<Sum> {
    Replica::new(sum(), &Limits { session, ..Limits::default() })
}

fn all() -> Answering {
    Answering::everyone()
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
    execute(&mut replica, 0, &[command(9, 0, 5), command(9, 1, 1), command(9, 0, 5)], all());
    assert_eq!((replica.machine().state, replies(&mut replica)), (6, vec![(0, 5), (1, 6), (0, 5)]));
}

#[test]
fn slots_given_again_are_passed_over() {
    let mut replica = replica(8);
    execute(&mut replica, 0, &[command(9, 0, 5)], all());
    execute(&mut replica, 0, &[command(9, 0, 5), Entry::Noop, command(8, 0, 2)], all());
    assert_eq!((replica.machine().state, replica.next()), (7, Slot(3)));
}

#[test]
fn who_asks_again_is_answered_now_or_when_executed() {
    let mut replica = replica(8);
    let silent = Answering { everyone_else: false, ..all() };
    execute(&mut replica, 0, &[command(9, 0, 5)], silent);
    assert_eq!(replies(&mut replica), []);
    let client = ClientId { node: NodeId(9), session: 0, nonce: 0 };
    replica.recall(CommandId { client, seq: 0 });
    replica.recall(CommandId { client, seq: 1 });
    assert_eq!(replies(&mut replica), [(0, 5)]);
    execute(&mut replica, 1, &[command(9, 1, 1), command(9, 2, 1)], silent);
    assert_eq!(replies(&mut replica), [(1, 6)]);
}

#[test]
fn commands_older_than_the_window_are_neither_executed_nor_answered() {
    let mut replica = replica(4);
    execute(&mut replica, 0, &[command(9, 10, 1), command(9, 6, 1), command(9, 7, 1)], all());
    assert_eq!((replica.machine().state, replies(&mut replica)), (2, vec![(10, 1), (7, 2)]));
    execute(&mut replica, 3, &[command(9, CommandId::LAST_SEQ, 1), command(9, 10, 1)], all());
    assert_eq!(replica.machine().state, 3);
    // No process gives a command this number.
    execute(&mut replica, 5, &[command(9, u64::MAX, 1)], all());
    assert_eq!(replica.machine().state, 3);
}

#[test]
fn a_command_of_an_expired_session_is_not_executed_and_its_client_is_told() {
    let mut replica = Replica::new(sum(), &Limits { idle: 1, ..Limits::default() });
    let commands = [command(9, 0, 5), command(8, 0, 1), command(8, 1, 1), command(9, 0, 5), command(9, 1, 7)];
    execute(&mut replica, 0, &commands, all());
    let told = [(0, 5), (0, 6), (1, 7), (0, EXPIRED), (1, EXPIRED)];
    assert_eq!((replica.machine().state, replies(&mut replica)), (7, told.to_vec()));
    let client = ClientId { node: NodeId(9), session: 0, nonce: 0 };
    replica.recall(CommandId { client, seq: 0 });
    assert_eq!(replies(&mut replica), [(0, EXPIRED)]);
    execute(&mut replica, 5, &[Entry::new(client.renewed(0), 2, 3)], all());
    assert_eq!((replica.machine().state, replies(&mut replica)), (10, vec![(2, 10)]));
}

#[test]
fn a_snapshot_carries_state_sessions_and_what_is_owed() {
    let mut first = replica(4);
    execute(&mut first, 0, &[command(9, 10, 1), command(8, 0, 4), Entry::Noop], all());
    let snapshot = first.snapshot().expect("it can be written down");
    let mut other = replica(4);
    let client = ClientId { node: NodeId(8), session: 0, nonce: 0 };
    other.recall(CommandId { client, seq: 0 });
    other.install(&snapshot).expect("it can be read");
    assert_eq!((other.machine().state, other.next(), other.installed()), (5, Slot(3), Slot(3)));
    assert_eq!(replies(&mut other), [(0, 5)]);
    // Commands that were executed before, or are too old to be known, have no effect. Both write the same from now on.
    replies(&mut first);
    for replica in [&mut first, &mut other] {
        execute(replica, 3, &[command(9, 10, 1), command(9, 6, 1), command(9, 9, 2)], all());
        assert_eq!((replica.machine().state, replies(replica)), (7, vec![(10, 1), (9, 7)]));
    }
    assert_eq!(first.snapshot(), other.snapshot());
    assert!(other.install(&snapshot).is_ok() && other.next() == Slot(6), "an older state is no news");
}

#[test]
fn a_reply_that_is_not_kept_is_told_once_and_its_command_is_not_executed_again() {
    // A sum below 128 takes one byte, a larger one two.
    let mut replica = Replica::new(sum(), &Limits { session: 8, reply_bytes: 2, ..Limits::default() });
    let commands = [command(9, 0, 5), command(9, 1, 1), command(9, 2, 1), command(9, 3, 200)];
    execute(&mut replica, 0, &commands, all());
    assert_eq!(replies(&mut replica), [(0, 5), (1, 6), (2, 7), (3, 207)]);
    // The last reply fills the space. It makes no difference whether a command is chosen again or asked for again.
    let client = ClientId { node: NodeId(9), session: 0, nonce: 0 };
    (0..4).for_each(|seq| replica.recall(CommandId { client, seq }));
    execute(&mut replica, 4, &commands, all());
    let told = [(0, NOT_KEPT), (1, NOT_KEPT), (2, NOT_KEPT), (3, 207)];
    assert_eq!((replica.machine().state, replies(&mut replica)), (207, [told, told].concat()));
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
    let of = |table: Vec<Session<u64>>| Bytes::from(encode(&(table, BTreeMap::<NodeId, ClientId>::new())));
    for sessions in [Bytes::empty(), of(vec![session(3)]), of(vec![session(1), session(1)]), of(Vec::new())] {
        let mut replica = replica(4);
        let snapshot = Snapshot::new(&Sections { sessions, ..sections.clone() });
        let error = replica.install(&snapshot).expect_err("there is no state in it");
        assert_eq!(replica.failure(), Some(&error));
        execute(&mut replica, 0, &[command(9, 0, 5)], all());
        assert_eq!((replica.machine().state, replica.next()), (0, Slot(0)));
    }
}

/// Bytes that change when they are read again.
struct Rotting(Bytes, core::sync::atomic::AtomicBool);

impl crate::Contents for Rotting {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> std::io::Result<usize> {
        let length = self.0.read_at(offset, into)?;
        let last = offset + length as u64 == self.0.len() as u64;
        if last && length > 0 && self.1.load(core::sync::atomic::Ordering::Relaxed) {
            into[length - 1] ^= 1;
        }
        Ok(length)
    }
}

#[test]
fn a_state_that_the_disk_has_changed_since_it_was_opened_is_not_taken_over() {
    let mut first = replica(4);
    execute(&mut first, 0, &[command(9, 0, 5)], all());
    let bytes = first.snapshot().and_then(|snapshot| snapshot.read_all().ok()).expect("in memory");
    let rotting = std::sync::Arc::new(Rotting(bytes, false.into()));
    let snapshot = Snapshot::open(rotting.clone()).expect("whole");
    replica(4).install(&snapshot).expect("whole");
    rotting.1.store(true, core::sync::atomic::Ordering::Relaxed);
    let mut other = replica(4);
    assert!(other.install(&snapshot).is_err() && other.failure().is_some());
}

#[test]
fn while_a_state_is_taken_over_elsewhere_nothing_is_executed_and_no_other_one_is_taken_over() {
    let (mut first, mut other) = (replica(4), replica(4));
    execute(&mut first, 0, &[command(9, 0, 5), command(9, 1, 1)], all());
    let snapshot = first.snapshot().expect("it can be written down");
    execute(&mut first, 2, &[command(9, 2, 1)], all());
    let newer = first.snapshot().expect("it can be written down");
    let takeover = other.take_over(&snapshot).expect("it is newer");
    assert!(other.is_away() && other.take_over(&newer).is_none());
    execute(&mut other, 0, &[command(9, 0, 100)], all());
    assert_eq!((other.next(), replies(&mut other), other.snapshot()), (Slot(0), Vec::new(), None));
    other.taken_over(takeover.run()).expect("it can be read");
    assert_eq!((other.machine().state, other.next(), other.is_away()), (6, Slot(2), false));
    execute(&mut other, 2, &[command(9, 2, 1)], all());
    assert_eq!(other.snapshot(), Some(newer));
}

/// Three servers, which others can join, and their epochs.
fn members() -> Epochs {
    let mut config = Config::collapsed(3).expect("lawful");
    config.limits.alpha = 4;
    config.epochs().expect("they can change")
}

fn change(seq: u64, change: Change) -> Entry<u64> {
    Entry::Change(CommandId { client: client(9), seq }, Box::new(change.into()))
}

/// Executes these entries from the replica's next slot on. Returns what clients are told.
fn told(
    replica: &mut Replica<Sum>,
    members: &mut Epochs,
    entries: &[Entry<u64>],
) -> Vec<(u64, Outcome<u64>)> {
    let first = replica.next();
    replica.execute(Decided { first, entries, answering: all(), members: Some(members) });
    replica.answers().map(|answer| (answer.id.seq, answer.outcome)).collect()
}

const fn made(from: u64) -> Outcome<u64> {
    Outcome::Changed(Ok(Slot(from)))
}

#[test]
fn a_change_of_members_is_made_once_and_answered_as_before_though_it_was_undone() {
    let (mut replica, mut members) = (replica(8), members());
    let (add, undo) = (Change::add(NodeId(3)), Change::remove(NodeId(3)));
    let entries = [change(0, add), change(1, undo), change(0, add), command(9, 2, 7), change(3, add)];
    let all = told(&mut replica, &mut members, &entries);
    let refused = Outcome::Changed(Err(Unchangeable::Retired));
    let told = [(0, made(4)), (1, made(5)), (0, made(4)), (2, Outcome::Executed(7)), (3, refused)];
    assert_eq!(all, told.to_vec());
    assert_eq!((members.last().from, members.last().members.acceptors), (Slot(5), NodeSet::first(3)));
    replica.recall(CommandId { client: client(9), seq: 0 });
    let again: Vec<_> = replica.answers().map(|answer| (answer.slot, answer.outcome)).collect();
    assert_eq!(again, [(Slot(0), made(4))]);
}

#[test]
fn a_change_of_members_of_an_expired_session_is_not_made_and_its_client_is_told() {
    let mut replica = Replica::new(sum(), &Limits { idle: 1, ..Limits::default() });
    let mut members = members();
    let late = change(1, Change::add(NodeId(3)));
    let entries = [command(9, 0, 5), command(8, 0, 1), command(8, 1, 1), late];
    let expired = Outcome::SessionExpired { latest: 0 };
    assert_eq!(told(&mut replica, &mut members, &entries).last(), Some(&(1, expired)));
    assert_eq!((members.next_slot(), members.last().from), (Slot(4), Slot(0)));
}

#[test]
fn a_snapshot_carries_what_came_of_changes_of_members() {
    let (mut first, mut firsts) = (replica(8), members());
    told(&mut first, &mut firsts, &[change(0, Change::add(NodeId(3))), change(1, Change::remove(NodeId(3)))]);
    let (mut other, mut others) = (replica(8), members());
    other.install(&first.snapshot().expect("it can be written down")).expect("it can be read");
    others.take_over(other.next(), Some(&firsts.table()));
    let more = [change(0, Change::add(NodeId(3))), change(2, Change::add(NodeId(4)))];
    for (replica, members) in [(&mut first, &mut firsts), (&mut other, &mut others)] {
        assert_eq!(told(replica, members, &more), [(0, made(4)), (2, made(7))]);
    }
    assert_eq!((firsts, first.snapshot()), (others, other.snapshot()));
}

#[test]
#[should_panic(expected = "the members are known up to s1, and s0 is executed next")]
fn members_and_state_that_are_not_of_one_slot_are_not_taken_for_each_other() {
    let mut members = members();
    members.advance(Slot(1));
    told(&mut replica(8), &mut members, &[Entry::Noop]);
}
