//! The expiry of sessions, and the replies that they keep.

use super::*;
use crate::Jitter;

fn limits(idle: u64, sessions: usize) -> Limits {
    Limits { session: 4, idle, sessions, ..Limits::default() }
}

fn id(node: u16, session: u64, seq: u64) -> CommandId {
    CommandId { client: ClientId { node: NodeId(node), session, nonce: 0 }, seq }
}

/// Executes the command; its reply is the slot.
fn enter(sessions: &mut Sessions<u64>, slot: u64, id: CommandId) -> Found<'_, u64> {
    sessions.enter(Slot(slot), id, || (slot, Some(8)))
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

/// The rules of the documentation, applied by reading the whole log.
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
                let oldest = live.iter().min_by_key(|(_, (_, heard))| *heard).map(|(n, _)| *n).expect("some");
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

/// The known state of the commands `0..n` of a session: for an executed command, whether its reply is kept.
fn kept(sessions: &Sessions<u64>, n: u64) -> Vec<Option<bool>> {
    let known = |seq| match sessions.find(id(1, 0, seq)) {
        Found::Reply(..) => Some(true),
        Found::NotKept(_) => Some(false),
        Found::New | Found::Forgotten | Found::Expired(_) => None,
    };
    (0..n).map(known).collect()
}

#[test]
fn of_a_session_the_last_replies_are_kept_that_go_into_the_limit() {
    let limits = Limits { reply_bytes: 100, ..limits(99, 9) };
    let mut sessions = Sessions::new(&limits);
    let mut enter = |seq, size| {
        let found = sessions.enter(Slot(seq), id(1, 0, seq), || (seq, size));
        assert_eq!(found, done(seq), "who asks first is told");
        let restored = sessions.decode(&sessions.encode()).expect("it can be read");
        assert_eq!(kept(&restored, 6), kept(&sessions, 6));
        // Half of the time, the restored sessions continue.
        if seq % 2 == 1 {
            sessions = restored;
        }
        kept(&sessions, 6)
    };
    assert_eq!(enter(0, Some(40)), [Some(true), None, None, None, None, None]);
    assert_eq!(enter(1, None), [Some(true), Some(false), None, None, None, None]);
    assert_eq!(enter(2, Some(60)), [Some(true), Some(false), Some(true), None, None, None]);
    // A reply that never fits does not displace another.
    assert_eq!(enter(3, Some(101)), [Some(true), Some(false), Some(true), Some(false), None, None]);
    // The window is four commands long, and the space of a dropped reply is free again.
    assert_eq!(enter(4, Some(41)), [None, Some(false), Some(false), Some(false), Some(true), None]);
    assert_eq!(enter(5, Some(59)), [None, None, Some(false), Some(false), Some(true), Some(true)]);
}

#[test]
fn whatever_the_order_of_commands_the_bytes_that_are_kept_are_within_the_limit() {
    for seed in 0..300 {
        let mut chance = Jitter::new(seed, NodeId(0));
        let mut below = |n: u64| chance.draw() % n;
        let limits = Limits { reply_bytes: 30, ..limits(99, 2) };
        let mut sessions = Sessions::new(&limits);
        let mut sizes = BTreeMap::new();
        for slot in 0..100 {
            let id = id(below(2) as u16, 0, slot / 4 + below(6));
            let size = below(12);
            if let Found::Reply(at, _) = sessions.enter(Slot(slot), id, || (slot, Some(size)))
                && at == Slot(slot)
            {
                sizes.insert(slot, size);
            }
            if below(20) == 0 {
                sessions = sessions.decode(&sessions.encode()).expect("it can be read");
            }
            for session in &sessions.table {
                let replies = session.ring.iter().flatten().filter_map(|done| done.kept.as_ref());
                let bytes: u64 = replies
                    .map(|(size, slot)| {
                        assert_eq!(sizes[slot], *size);
                        size
                    })
                    .sum();
                assert!(bytes <= 30 && bytes == session.bytes, "seed {seed}: {bytes}");
            }
        }
    }
}
