//! The key-value store: operations, answers, and the state in a snapshot.

use crate::golden::{Golden, KV};
use paxos_bench::kv::{
    Command, Expiry, Fault, Only, Op, Ops, Raw, Renewal, Replies, Reply, Stamp, Store, Unit, When, Word,
};
use paxos_core::{Bytes, NodeId, NodeSet, Slot, StateMachine};

fn raw(text: &'static str) -> Raw<'static> {
    Raw(text.as_bytes())
}

fn conditions() -> [Only<'static>; 5] {
    [Only::Always, Only::Absent, Only::Present, Only::Equal(raw("old")), Only::Differs(raw("old"))]
}

fn expiries() -> [Expiry; 4] {
    [Expiry::Never, Expiry::Kept, Expiry::After(300), Expiry::At(1_700_000_000_000)]
}

fn operations() -> Vec<Op<'static>> {
    let key = raw("key");
    let renewal = Renewal { expiring: Some(true), later: Some(false) };
    vec![
        Op::Nothing,
        Op::Echo(Some(raw("text"))),
        Op::Echo(None),
        Op::Get(key),
        Op::GetMany(vec![key, raw("other")]),
        Op::Exists(vec![key, raw("other")]),
        Op::Length(key),
        Op::Ttl(key, Unit::Millis),
        Op::Type(key),
        Op::Keys(raw("k*")),
        Op::Scan { cursor: 300, pattern: Some(raw("k*")), count: 10 },
        Op::Size,
        Op::Versions(vec![key, raw("other")]),
        Op::Set {
            key,
            value: raw("new"),
            expiry: Expiry::After(300),
            only: Only::Equal(raw("old")),
            get: true,
        },
        Op::SetMany(vec![(key, raw("new")), (raw("other"), raw("value"))]),
        Op::Delete(vec![key, raw("other")]),
        Op::Add(key, -300),
        Op::Append(key, raw("more")),
        Op::Expire(key, -1),
        Op::Persist(key),
        Op::Clear,
        Op::Exec { watched: vec![(key, 300)], ops: raw("\u{0}") },
        Op::Clock(1_700_000_000_000),
        Op::Refuse { text: raw("ERR no"), unless_absent: Some(key) },
        Op::Range(key, 1, -2),
        Op::Deadline(key, Unit::Seconds),
        Op::Random(300),
        Op::Encoding(key),
        Op::Time,
        Op::SetAbsent(vec![(key, raw("new"))]),
        Op::Take(key),
        Op::Renew(key, Expiry::At(1_700_000_000_000)),
        Op::Overwrite { key, offset: 300, part: raw("part") },
        Op::AddFloat(key, raw("1.5")),
        Op::ExpireIf(key, When::In(300), renewal),
        Op::Rename { from: key, to: raw("other"), only_absent: true },
        Op::Copy { from: key, to: raw("other"), replace: true },
        Op::DeleteIf(key, Only::Differs(raw("old"))),
    ]
}

fn words() -> [Word; 4] {
    [Word::String, Word::None, Word::Queued, Word::Reset]
}

fn answers() -> Vec<Reply> {
    vec![
        Reply::Ok,
        Reply::Pong,
        Reply::Nil,
        Reply::NilArray,
        Reply::Int(-300),
        Reply::Word(Word::Queued),
        Reply::Bulk(Bytes::from(b"value".to_vec())),
        Reply::Array(vec![Reply::Ok, Reply::Int(300)]),
        Reply::Map(vec![(Reply::text("name"), Reply::Int(300))]),
        Reply::Error(Fault::TooMuch),
        Reply::Refused("ERR no".into()),
    ]
}

fn stamp(clock: u64) -> Stamp {
    let members = NodeSet::first(3);
    Stamp { clock, moves: 0, wall: clock + 5_000, member: NodeId(2), members }
}

#[test]
fn operations_and_answers_are_written_as_before() {
    let mut file = Golden::open("kv", &[KV]);
    file.each(operations());
    file.each(conditions());
    file.each(expiries());
    file.each([When::In(-300), When::At(1_700_000_000_000)]);
    file.each([Unit::Seconds, Unit::Millis]);
    file.each(answers());
    file.each(words());
    file.each([
        Fault::NotInteger,
        Fault::Overflow,
        Fault::ExpireTime,
        Fault::TooLong,
        Fault::TooMuch,
        Fault::Unreadable,
        Fault::NotFloat,
        Fault::NotFinite,
        Fault::NoKey,
        Fault::NoTime,
        Fault::Crowded,
    ]);
    file.one("Stamp", &stamp(1_700_000_000_000));
    let mut ops = Ops::default();
    ops.push(&Op::Get(raw("key")));
    ops.push(&Op::Append(raw("key"), raw("more")));
    file.one("Command", &Command::new(&stamp(1_700_000_000_000), [ops.bytes()]));
    file.one("Replies", &Replies(answers().into()));
    file.check();
}

fn apply(store: &mut Store, slot: u64, clock: u64, ops: &[Op<'_>]) {
    let mut written = Ops::default();
    for op in ops {
        written.push(op);
    }
    store.apply(Slot(slot), &Command::new(&stamp(clock), [written.bytes()]));
}

pub(crate) fn written(store: &Store) -> Vec<u8> {
    let mut store = store.clone();
    // The store takes a snapshot only when its log has become long.
    let long = vec![0; 33 << 20];
    apply(&mut store, 3, 1_700_000_000_300, &[Op::Echo(Some(Raw(&long)))]);
    let mut bytes = Vec::new();
    store.capture().expect("its log is long")(&mut bytes).expect("memory");
    bytes
}

/// A store with keys with and without deadlines, removed keys, and a clock that is ahead.
pub(crate) fn store() -> Store {
    let mut store = Store::default();
    let set = |key, value, expiry| Op::Set { key, value, expiry, only: Only::Always, get: false };
    let all = [
        set(raw("stays"), raw("value"), Expiry::Never),
        set(raw("goes"), raw("later"), Expiry::After(60_000)),
        set(raw("gone"), raw("x"), Expiry::Never),
        Op::Delete(vec![raw("gone")]),
    ];
    apply(&mut store, 1, 1_700_000_000_000, &all);
    apply(&mut store, 2, 1_700_000_000_300, &[Op::Append(raw("stays"), raw("!"))]);
    store
}

#[test]
fn the_state_is_written_as_before() {
    let mut file = Golden::open("kv-state", &[KV]);
    let store = store();
    let bytes = written(&store);
    file.bytes("a store", &bytes, "two keys, of which one expires; one was removed; one wall clock is ahead");
    let mut read = Store::default();
    read.restore_from(&mut &bytes[..]).expect("it was written by this version");
    assert!(written(&read) == bytes && read == store, "{} keys", read.len());
    file.check();
}
