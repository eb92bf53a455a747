//! The store as clients see it, operation by operation.

mod snapshots;
mod time;
mod work;

use super::*;
use paxos_core::{Slot, StateMachine};
use proptest::prelude::*;

/// Returns the store as a snapshot holds it.
fn written(store: &Store) -> Vec<u8> {
    let mut bytes = Vec::new();
    store.write_to(&mut bytes).expect("memory");
    bytes
}

/// A store with the actions of a client.
#[derive(Default)]
struct Client {
    store: Store,
    slot: u64,
    clock: u64,
}

impl Client {
    fn all(&mut self, ops: &[Op<'_>]) -> Vec<Reply> {
        let mut written = Ops::default();
        for op in ops {
            written.push(op);
        }
        let command = Command::new(&Stamp { clock: self.clock, ..Stamp::default() }, [written.bytes()]);
        self.slot += 1;
        self.store.apply(Slot(self.slot), &command).0.to_vec()
    }

    fn one(&mut self, op: &Op<'_>) -> Reply {
        self.all(std::slice::from_ref(op)).remove(0)
    }

    fn read(&self, op: &Op<'_>) -> ReadResult {
        self.store.read(op, self.clock, &mut Budget::default())
    }

    fn set(&mut self, key: &str, value: &str) -> Reply {
        self.one(&set(key, value))
    }

    fn get(&mut self, key: &str) -> Reply {
        self.one(&Op::Get(raw(key)))
    }

    fn version(&self, key: &str) -> u64 {
        match self.read(&Op::Versions(vec![raw(key)])) {
            ReadResult::Seen(Reply::Array(versions)) => {
                let [Reply::Int(version)] = versions.as_slice() else { panic!("one version") };
                version.cast_unsigned()
            }
            ReadResult::Seen(_) | ReadResult::Due | ReadResult::Change => panic!("versions"),
        }
    }

    fn exec(&mut self, watched: &[(&str, u64)], ops: &[Op<'_>]) -> Reply {
        let mut written = Ops::default();
        for op in ops {
            written.push(op);
        }
        let watched = watched.iter().map(|(key, version)| (raw(key), *version)).collect();
        self.one(&Op::Exec { watched, ops: Raw(written.bytes()) })
    }
}

fn raw(text: &str) -> Raw<'_> {
    Raw(text.as_bytes())
}

fn set<'a>(key: &'a str, value: &'a str) -> Op<'a> {
    with(key, value, Expiry::Never, Only::Always, false)
}

fn with<'a>(key: &'a str, value: &'a str, expiry: Expiry, only: Only<'a>, get: bool) -> Op<'a> {
    Op::Set { key: raw(key), value: raw(value), expiry, only, get }
}

fn bulk(text: &str) -> Reply {
    Reply::text(text)
}

#[test]
fn a_value_is_what_was_set_last_whatever_bytes_it_holds() {
    let mut client = Client::default();
    let value = Raw(&[0, 13, 10, 255]);
    let op = Op::Set { key: Raw(b"\0"), value, expiry: Expiry::Never, only: Only::Always, get: false };
    assert_eq!(client.one(&op), Reply::Ok);
    assert_eq!(client.one(&Op::Get(Raw(b"\0"))), Reply::Bulk(value.0.into()));
    assert_eq!(client.get("other"), Reply::Nil);
    assert_eq!(client.one(&Op::Length(Raw(b"\0"))), Reply::Int(4));
}

#[test]
fn nx_and_xx_ask_whether_the_key_is_there_and_get_tells_what_was() {
    let mut client = Client::default();
    let only = |only, get| with("k", "v", Expiry::Never, only, get);
    assert_eq!(client.one(&only(Only::Present, false)), Reply::Nil);
    assert_eq!(client.one(&only(Only::Absent, false)), Reply::Ok);
    assert_eq!(client.one(&with("k", "w", Expiry::Never, Only::Absent, false)), Reply::Nil);
    assert_eq!(client.one(&with("k", "w", Expiry::Never, Only::Present, true)), bulk("v"));
    assert_eq!(client.one(&with("k", "x", Expiry::Never, Only::Absent, true)), bulk("w"));
    assert_eq!(client.get("k"), bulk("w"));
}

#[test]
fn sums_are_numbers_of_64_bits_or_errors_that_change_nothing() {
    let mut client = Client::default();
    assert_eq!(client.one(&Op::Add(raw("n"), 5)), Reply::Int(5));
    assert_eq!(client.one(&Op::Add(raw("n"), -7)), Reply::Int(-2));
    client.set("n", "9223372036854775807");
    assert_eq!(client.one(&Op::Add(raw("n"), 1)), Reply::Error(Fault::Overflow));
    for text in ["", "x", "+1", "01", "1 ", "-0", "9223372036854775808"] {
        client.set("n", text);
        assert_eq!(client.one(&Op::Add(raw("n"), 1)), Reply::Error(Fault::NotInteger), "{text:?}");
        assert_eq!(client.get("n"), bulk(text));
    }
    client.set("n", "-9223372036854775808");
    assert_eq!(client.one(&Op::Add(raw("n"), 0)), Reply::Int(i64::MIN));
}

#[test]
fn appending_makes_values_longer_up_to_the_limit() {
    let mut client = Client::default();
    assert_eq!(client.one(&Op::Append(raw("k"), raw("ab"))), Reply::Int(2));
    assert_eq!(client.one(&Op::Append(raw("k"), raw("c"))), Reply::Int(3));
    let long = "x".repeat(MAX_VALUE - 2);
    assert_eq!(client.one(&Op::Append(raw("k"), raw(&long))), Reply::Error(Fault::TooLong));
    assert_eq!(client.get("k"), bulk("abc"));
}

#[test]
fn a_key_expires_by_the_time_of_the_log_alone() {
    let mut client = Client { clock: 1000, ..Client::default() };
    client.one(&with("k", "v", Expiry::After(500), Only::Always, false));
    assert_eq!(client.one(&Op::Ttl(raw("k"), Unit::Millis)), Reply::Int(500));
    // A proposer whose clock is behind does not turn the time back.
    client.clock = 900;
    assert_eq!(client.one(&Op::Ttl(raw("k"), Unit::Millis)), Reply::Int(500));
    client.clock = 1499;
    assert_eq!(client.get("k"), bulk("v"));
    client.clock = 1500;
    assert_eq!(client.all(&[]), [], "a command without operations moves the time on");
    assert_eq!((client.store.len(), client.store.time()), (0, 1500));
}

#[test]
fn who_sees_a_key_that_is_due_by_his_clock_is_sent_through_the_log() {
    let mut client = Client { clock: 1000, ..Client::default() };
    client.one(&with("k", "v", Expiry::After(500), Only::Always, false));
    client.set("other", "w");
    client.clock = 1500;
    let key = || vec![raw("k")];
    let touch = [Op::Get(raw("k")), Op::Exists(key()), Op::Size, Op::Keys(raw("*")), Op::Versions(key())];
    for op in touch {
        assert_eq!(client.read(&op), ReadResult::Due, "{op:?}");
    }
    assert_eq!(client.read(&Op::Get(raw("other"))), ReadResult::Seen(bulk("w")));
    assert_eq!(client.get("k"), Reply::Nil, "through the log it is decided");
    assert_eq!(client.read(&Op::Size), ReadResult::Seen(Reply::Int(1)));
}

#[test]
fn a_new_value_stays_unless_the_deadline_is_kept() {
    let mut client = Client::default();
    let mut ttl = |op: &Op<'_>| {
        client.one(&with("k", "1", Expiry::After(500), Only::Always, false));
        client.one(op);
        client.one(&Op::Ttl(raw("k"), Unit::Millis))
    };
    assert_eq!(ttl(&set("k", "2")), Reply::Int(-1));
    assert_eq!(ttl(&with("k", "2", Expiry::Kept, Only::Always, false)), Reply::Int(500));
    assert_eq!(ttl(&Op::Add(raw("k"), 1)), Reply::Int(500));
    assert_eq!(ttl(&Op::Append(raw("k"), raw("x"))), Reply::Int(500));
    assert_eq!(ttl(&Op::Persist(raw("k"))), Reply::Int(-1));
    assert_eq!(ttl(&Op::Expire(raw("k"), 700)), Reply::Int(700));
    assert_eq!(ttl(&Op::Expire(raw("k"), -1)), Reply::Int(-2));
    assert_eq!(ttl(&Op::SetMany(vec![(raw("k"), raw("2"))])), Reply::Int(-1));
    client.one(&with("k", "1", Expiry::After(1501), Only::Always, false));
    assert_eq!(client.one(&Op::Ttl(raw("k"), Unit::Seconds)), Reply::Int(2));
    assert_eq!(client.one(&Op::Expire(raw("k"), i64::MAX)), Reply::Int(1));
    client.clock = 1;
    assert_eq!(client.one(&Op::Expire(raw("k"), i64::MAX)), Reply::Error(Fault::ExpireTime));
}

#[test]
fn a_transaction_happens_in_whole_unless_what_it_watches_has_changed() {
    let mut client = Client::default();
    client.set("k", "1");
    let seen = client.version("k");
    let ops = [Op::Add(raw("k"), 1), Op::Get(raw("k")), Op::Add(raw("t"), 1)];
    let done = Reply::Array(vec![Reply::Int(2), bulk("2"), Reply::Int(1)]);
    assert_eq!(client.exec(&[("k", seen)], &ops), done);
    assert_eq!(client.exec(&[("k", seen)], &ops), Reply::NilArray);
    assert_eq!(client.get("t"), bulk("1"));
}

#[test]
fn a_watched_key_that_was_there_meanwhile_has_changed() {
    let mut client = Client::default();
    for end in [Op::Delete(vec![raw("k")]), Op::Clear, Op::Expire(raw("k"), 0)] {
        let seen = client.version("k");
        client.set("k", "1");
        client.one(&end);
        assert_eq!(client.exec(&[("k", seen)], &[]), Reply::NilArray, "{end:?}");
        let seen = client.version("k");
        assert_eq!(client.exec(&[("k", seen)], &[]), Reply::Array(Vec::new()));
    }
}

#[test]
fn a_key_that_is_watched_and_expires_has_changed() {
    let mut client = Client::default();
    client.one(&with("k", "v", Expiry::After(5), Only::Always, false));
    let seen = client.version("k");
    client.clock = 5;
    assert_eq!(client.exec(&[("k", seen)], &[]), Reply::NilArray);
}

#[test]
fn an_error_within_a_transaction_does_not_end_it() {
    let mut client = Client::default();
    client.set("k", "x");
    let done = client.exec(&[], &[Op::Add(raw("k"), 1), set("k", "y")]);
    assert_eq!(done, Reply::Array(vec![Reply::Error(Fault::NotInteger), Reply::Ok]));
}

#[test]
fn a_scan_tells_every_key_once_while_others_come_and_go() {
    let mut client = Client::default();
    let keys: Vec<String> = (0..500).map(|n| format!("key:{n}")).collect();
    for key in &keys {
        client.set(key, "v");
    }
    let mut found = Vec::new();
    let mut cursor = 0;
    for round in 0.. {
        client.set(&format!("new:{round}"), "v");
        client.one(&Op::Delete(vec![raw(&format!("new:{}", round / 2))]));
        let op = Op::Scan { cursor, pattern: Some(raw("key:*")), count: 7 };
        let ReadResult::Seen(Reply::Array(parts)) = client.read(&op) else { panic!("a scan") };
        let [Reply::Bulk(next), Reply::Array(page)] = &parts[..] else { panic!("a cursor and keys") };
        found.extend(page.iter().cloned());
        cursor = natural(next).expect("a number");
        if cursor == 0 {
            break;
        }
    }
    let mut expected: Vec<Reply> = keys.iter().map(|key| bulk(key)).collect();
    let name = |reply: &Reply| {
        let Reply::Bulk(key) = reply else { panic!("a key, not {reply:?}") };
        key.to_vec()
    };
    found.sort_by_key(name);
    expected.sort_by_key(name);
    assert_eq!(found, expected);
}

#[test]
fn answers_beyond_the_budget_are_refused_and_change_nothing() {
    let mut client = Client::default();
    let long = "x".repeat(MAX_VALUE);
    client.set("k", &long);
    let replies = client.all(&[
        Op::GetMany(vec![raw("k"); 3]),
        with("k", "v", Expiry::Never, Only::Always, true),
        Op::Length(raw("k")),
    ]);
    let [Reply::Array(values), Reply::Error(Fault::TooMuch), Reply::Int(length)] = &replies[..] else {
        // Three values of 16 MiB fit into 64 MiB. A fourth does not, because answers have an overhead.
        panic!("not {} answers", replies.len())
    };
    assert!(values.iter().all(|value| matches!(value, Reply::Bulk(_))));
    assert_eq!(usize::try_from(*length), Ok(MAX_VALUE));
}

#[test]
fn patterns_match_as_redis_has_it() {
    let cases = [
        ("*", "", true),
        ("h?llo", "hello", true),
        ("h?llo", "hllo", false),
        ("h*llo", "heeeello", true),
        ("h[ae]llo", "hallo", true),
        ("h[ae]llo", "hillo", false),
        ("h[^e]llo", "hello", false),
        ("h[a-c]llo", "hbllo", true),
        ("a\\*b", "a*b", true),
        ("a\\*b", "axb", false),
        ("a*b*c", "a__b__c", true),
        ("a*b*c", "a__b__", false),
        ("[", "x", false),
        ("", "", true),
        ("", "x", false),
        ("**", "x", true),
        ("a*", "a", true),
        ("a*", "ab", true),
        ("*a", "ba", true),
        ("[^a-c]*", "dab", true),
        ("*[^a-c]", "ab", false),
    ];
    for (pattern, text, expected) in cases {
        let found = Budget::default().matches(Some(pattern.as_bytes()), text.as_bytes());
        assert_eq!(found, Ok(expected), "{pattern} {text}");
    }
}

proptest! {
    #[test]
    fn bytes_that_are_no_command_are_answered_alike_everywhere(bytes: Vec<u8>, clock: u64) {
        let command = Command::new(&Stamp { clock, ..Stamp::default() }, [&bytes[..]]);
        let (mut one, mut other) = (Store::default(), Store::default());
        prop_assert_eq!(one.apply(Slot(0), &command), other.apply(Slot(0), &command));
        prop_assert_eq!(one, other);
    }

    #[test]
    fn whatever_happens_bytes_and_deadlines_are_counted_right(
        steps in prop::collection::vec((0_u8..8, 0_u8..4, 0_u8..20), 0..60),
    ) {
        let mut client = Client::default();
        for (kind, key, n) in steps {
            let (key, value) = (format!("k{key}"), "v".repeat(usize::from(n)));
            client.clock += u64::from(n);
            client.one(&match kind {
                0 => set(&key, &value),
                1 | 2 => with(&key, &value, Expiry::After(u64::from(n)), Only::Always, false),
                3 => Op::Delete(vec![raw(&key)]),
                4 => Op::Expire(raw(&key), i64::from(n)),
                5 => Op::Persist(raw(&key)),
                6 => Op::Append(raw(&key), raw(&value)),
                _ => with(&key, &value, Expiry::Kept, Only::Present, false),
            });
            let bytes = written(&client.store);
            let mut read = Store::default();
            read.restore_from(&mut &bytes[..]).expect("it can be read");
            prop_assert_eq!(&read, &client.store);
            prop_assert!(client.store.next_due().is_none_or(|at| at > client.store.time()));
        }
    }

    #[test]
    fn numbers_are_read_as_they_are_printed(n: i64, text: String) {
        prop_assert_eq!(integer(n.to_string().as_bytes()), Some(n));
        if let Some(n) = integer(text.as_bytes()) {
            prop_assert_eq!(n.to_string(), text);
        }
    }
}
