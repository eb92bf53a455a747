use super::*;
use crate::kv::{Command, Expiry, Only, Op, Ops, Raw, Stamp, Store};
use paxos_core::{NodeId, Slot, StateMachine};
use std::fs;
use std::path::Path;

/// A store with keys of all kinds: short and long, with and without a deadline, with bytes that look like the protocol.
fn store(keys: usize) -> Store {
    let mut ops = Ops::default();
    ops.push(&Op::Clock(1_000_000_000_000));
    for n in 0..keys {
        let key = format!("key{n}\r\n$3\r\n");
        let value = vec![b'*'; n * n % 5_000];
        let expiry = if n % 3 == 0 { Expiry::At(4_000_000_000_000 + n as u64) } else { Expiry::Never };
        let (key, value) = (Raw(key.as_bytes()), Raw(&value));
        ops.push(&Op::Set { key, value, expiry, only: Only::Always, get: false });
    }
    let mut store = Store::default();
    store.apply(Slot(0), &Command::new(&Stamp::default(), [ops.bytes()]));
    assert_eq!(store.len(), keys);
    store
}

fn bytes(store: &Store) -> Vec<u8> {
    let mut source = Source::new(store.clone(), NodeId(2), "multi");
    let mut bytes = Vec::new();
    while let Some(piece) = source.next_piece() {
        bytes.extend(piece);
    }
    bytes
}

/// Reads all of a backup; its keys with values and deadlines.
fn read(bytes: &[u8]) -> Result<Vec<Vec<Vec<u8>>>, BackupError> {
    let mut reader = Reader::new(Path::new("a.backup"), bytes)?;
    let mut keys = Vec::new();
    while let Some(words) = reader.next_key()? {
        keys.push(words);
    }
    Ok(keys)
}

#[test]
fn a_backup_has_each_key_once_with_its_value_and_its_deadline() {
    // Enough for several pieces.
    let store = store(2_000);
    let keys = read(&bytes(&store)).expect("complete");
    assert_eq!(keys.len(), store.len());
    for (words, item) in keys.iter().zip(store.items(None)) {
        assert_eq!((&words[1][..], &words[2][..]), (item.key, item.value));
        let deadline = words.get(4).map(|at| String::from_utf8_lossy(at).parse().expect("a number"));
        assert_eq!(deadline, item.expires);
    }
    assert!(read(&bytes(&Store::default())).expect("complete").is_empty());
}

#[test]
fn a_backup_that_was_changed_or_cut_anywhere_is_refused() {
    let whole = bytes(&store(12));
    assert!(read(&whole).is_ok());
    for at in 0..whole.len() {
        assert!(read(&whole[..at]).is_err(), "cut at {at}");
        let mut changed = whole.clone();
        changed[at] ^= 1;
        assert!(read(&changed).is_err(), "changed at {at}: {}", whole[at..].escape_ascii());
    }
    for more in [&b"x"[..], b"*1\r\n$4\r\nPING\r\n", &whole] {
        assert!(read(&[&whole, more].concat()).is_err(), "something follows");
    }
}

#[test]
fn a_file_of_other_commands_or_of_a_later_version_is_refused_and_says_why() {
    let error = |bytes: &[u8]| read(bytes).expect_err("no backup").to_string();
    assert!(error(b"").contains("it ends after 0 of 0 keys"), "{}", error(b""));
    for other in
        [&b"SET a b\r\n"[..], b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\nb\r\n", b"\x1f\x8b binary", b"\n"]
    {
        let said = error(other);
        assert!(said.contains("not a complete backup"), "{said}");
    }
    let whole = bytes(&store(1));
    let later =
        String::from_utf8(whole.clone()).expect("text").replace("paxos_backup\":1", "paxos_backup\":2");
    assert!(error(later.as_bytes()).contains("it has format 2, and this version reads 1"));
    let set = whole.windows(5).position(|part| part == b"3\r\nSE").expect("a key");
    let deleting = [&whole[..set], b"3\r\nDEL", &whole[set + 6..]].concat();
    assert!(error(&deleting).contains("another command follows after 0 keys"), "{}", error(&deleting));
}

/// Whoever may write to a directory need not be able to read it, and then cannot sync it.
#[cfg(unix)]
#[test]
fn a_backup_in_a_directory_that_cannot_be_read_is_a_backup() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().expect("a directory");
    let may = |mode| fs::set_permissions(dir.path(), fs::Permissions::from_mode(mode)).expect("it is ours");
    let (path, mut source) = (dir.path().join("a.backup"), Source::new(store(9), NodeId(2), "multi"));
    may(0o300);
    let written = write(&path, |_| Ok(source.next_piece()));
    may(0o700);
    assert_eq!(written.expect("complete").keys, 9);
    assert_eq!(Reader::check(&path, |_, _| {}).expect("complete").keys, 9);
}

#[test]
fn a_backup_that_breaks_off_leaves_no_file() {
    let dir = tempfile::tempdir().expect("a directory");
    let (path, mut pieces) = (dir.path().join("a.backup"), 0);
    let written = write(&path, |_| {
        pieces += 1;
        if pieces < 3 { Ok(Some(b"piece".to_vec())) } else { Err(BackupError::Stopped) }
    });
    assert!(matches!(written, Err(BackupError::Stopped)));
    assert_eq!(fs::read_dir(dir.path()).expect("a directory").count(), 0);
}
