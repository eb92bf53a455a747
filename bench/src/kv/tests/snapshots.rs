//! What a snapshot and the sessions of clients remember.

use super::*;

#[test]
fn a_restored_store_is_equal_and_goes_on_alike() {
    let mut client = Client { clock: 7, ..Client::default() };
    client.set("a", "1");
    client.one(&with("b", "2", Expiry::After(100), Only::Always, false));
    client.one(&Op::Delete(vec![raw("a")]));
    let bytes = written(&client.store);
    let mut other = Client { clock: 7, ..Client::default() };
    other.set("gone", "before");
    other.store.restore_from(&mut &bytes[..]).expect("it can be read");
    assert_eq!(other.store, client.store);
    other.clock = 107;
    client.clock = 107;
    assert_eq!((client.get("b"), other.get("b")), (Reply::Nil, Reply::Nil));
    assert_eq!(written(&other.store), written(&client.store));
    // Input that is empty, in another format, cut anywhere, or too long is refused.
    let read = |bytes: &[u8]| Store::default().restore_from(&mut &*bytes);
    assert!(read(&[9, 9]).is_err());
    for end in 0..bytes.len() {
        assert!(read(&bytes[..end]).is_err(), "cut at {end}");
    }
    assert!(read(&[&bytes[..], &[0]].concat()).is_err());
}

#[test]
fn a_snapshot_is_taken_when_the_log_is_a_quarter_of_the_store() {
    let mut client = Client::default();
    let is_captured = |client: &Client| client.store.capture().is_some();
    client.set("k", "v");
    assert!(!is_captured(&client));
    // A small store waits for 32 MiB of log.
    let long = "x".repeat(MAX_VALUE);
    client.set("0", &long);
    assert!(!is_captured(&client));
    for n in 1..12 {
        client.set(&n.to_string(), &long);
    }
    assert!(is_captured(&client) && !is_captured(&client));
    client.set("0", &long);
    client.set("0", &long);
    assert!(!is_captured(&client), "a sixth of the store has changed");
    client.set("0", &long);
    assert!(is_captured(&client));
}

#[test]
fn long_answers_and_those_to_reads_are_not_remembered() {
    let mut client = Client::default();
    let long = "x".repeat(MAX_VALUE);
    client.set("k", &long);
    let mut remembered = |ops: &[Op<'_>]| {
        let mut written = Ops::default();
        for op in ops {
            written.push(op);
        }
        let command = Command::new(&Stamp::default(), [written.bytes()]);
        let replies = client.store.apply(Slot(9), &command);
        client.store.remembered(&command, &replies)
    };
    let limit = paxos_core::Limits::default().reply_bytes as u64;
    assert_eq!(remembered(&[Op::Get(raw("k")), Op::Size]), None);
    assert!(remembered(&[set("n", "1"), Op::Add(raw("n"), 1)]).is_some_and(|bytes| bytes < 100));
    let exec = |ops: &[Op<'_>]| {
        let mut inner = Ops::default();
        for op in ops {
            inner.push(op);
        }
        inner
    };
    let inner = exec(&[Op::Get(raw("k"))]);
    let behind_a_write = [
        vec![set("n", "1"), Op::Get(raw("k"))],
        vec![set("n", "1"), Op::GetMany(vec![raw("k")])],
        vec![with("k", &long, Expiry::Never, Only::Always, true)],
        vec![Op::Exec { watched: Vec::new(), ops: Raw(inner.bytes()) }],
    ];
    for ops in behind_a_write {
        assert!(remembered(&ops).is_some_and(|bytes| bytes > limit), "{}", ops.len());
    }
}
