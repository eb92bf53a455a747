//! Translates the words of a request into an operation of the store.

use super::expiry::{FAR, delete_if, expire, get_and_renew, positive, set};
use super::table::Verb;
use crate::kv::{Expiry, Float, Only, Op, Raw, Unit, integer, natural};
use std::hash::{BuildHasher, RandomState};

pub(super) const SYNTAX: &str = "ERR syntax error";
pub(super) const NOT_INTEGER: &str = "ERR value is not an integer or out of range";

/// Returns the operation of a request. `words` follow the command's name, and their number fits the command.
///
/// # Errors
/// The error that Redis would return.
pub(super) fn operation<'a>(verb: Verb, words: &[&'a [u8]]) -> Result<Op<'a>, String> {
    let first = || Raw(words.first().copied().unwrap_or_default());
    let second = || Raw(words.get(1).copied().unwrap_or_default());
    let all = || words.iter().map(|word| Raw(word)).collect();
    let number = || integer(second().0).ok_or(NOT_INTEGER);
    Ok(match verb {
        Verb::Append => Op::Append(first(), second()),
        Verb::DbSize => Op::Size,
        Verb::Decr => Op::Add(first(), -1),
        Verb::DecrBy => Op::Add(first(), number()?.checked_neg().ok_or("ERR decrement would overflow")?),
        Verb::Del => Op::Delete(all()),
        Verb::Echo => Op::Echo(Some(first())),
        Verb::Exists => Op::Exists(all()),
        Verb::DelEx => delete_if(words)?,
        Verb::Copy => copy(words)?,
        Verb::Expire | Verb::ExpireAt | Verb::PExpire | Verb::PExpireAt => expire(verb, words)?,
        Verb::ExpireTime => Op::Deadline(first(), Unit::Seconds),
        Verb::FlushAll => match words {
            [] => Op::Clear,
            [how] if how.eq_ignore_ascii_case(b"sync") || how.eq_ignore_ascii_case(b"async") => Op::Clear,
            _ => return Err(SYNTAX.into()),
        },
        Verb::Get => Op::Get(first()),
        Verb::GetDel => Op::Take(first()),
        Verb::GetEx => get_and_renew(words)?,
        Verb::GetRange => {
            let end = words.get(2).and_then(|end| integer(end)).ok_or(NOT_INTEGER)?;
            Op::Range(first(), number()?, end)
        }
        Verb::GetSet => put(first(), second(), Expiry::Never, true),
        Verb::Incr => Op::Add(first(), 1),
        Verb::IncrBy => Op::Add(first(), number()?),
        Verb::IncrByFloat => match Float::parse(second().0) {
            Some(_) => Op::AddFloat(first(), second()),
            None => return Err("ERR value is not a valid float".into()),
        },
        Verb::Keys => Op::Keys(first()),
        Verb::MGet => Op::GetMany(all()),
        Verb::MSet => Op::SetMany(pairs("mset", words)?),
        Verb::MSetNx => Op::SetAbsent(pairs("msetnx", words)?),
        Verb::Object => object(words)?,
        Verb::PExpireTime => Op::Deadline(first(), Unit::Millis),
        Verb::Persist => Op::Persist(first()),
        Verb::Ping => match words {
            [] => Op::Echo(None),
            [text] => Op::Echo(Some(Raw(text))),
            _ => return Err("ERR wrong number of arguments for 'ping' command".into()),
        },
        Verb::PTtl => Op::Ttl(first(), Unit::Millis),
        Verb::PSetEx | Verb::SetEx => {
            let (name, unit) = if verb == Verb::SetEx { ("setex", 1000) } else { ("psetex", 1) };
            let after = positive(second().0, unit, FAR, name)?;
            let value = Raw(words.get(2).copied().unwrap_or_default());
            put(first(), value, Expiry::After(after), false)
        }
        Verb::RandomKey => Op::Random(RandomState::new().hash_one(()) >> 1),
        Verb::Rename | Verb::RenameNx => {
            Op::Rename { from: first(), to: second(), only_absent: verb == Verb::RenameNx }
        }
        Verb::Scan => scan(words)?,
        Verb::Select => {
            database(first().0)?;
            Op::Nothing
        }
        Verb::Set => set(words)?,
        Verb::SetNx => Op::SetAbsent(vec![(first(), second())]),
        Verb::SetRange => {
            let offset = u64::try_from(number()?).map_err(|_| "ERR offset is out of range")?;
            Op::Overwrite { key: first(), offset, part: Raw(words.get(2).copied().unwrap_or_default()) }
        }
        Verb::StrLen => Op::Length(first()),
        Verb::Time => Op::Time,
        Verb::Ttl => Op::Ttl(first(), Unit::Seconds),
        Verb::Type => Op::Type(first()),
    })
}

fn put<'a>(key: Raw<'a>, value: Raw<'a>, expiry: Expiry, get: bool) -> Op<'a> {
    Op::Set { key, value, expiry, only: Only::Always, get }
}

/// Pairs keys with values.
fn pairs<'a>(name: &str, words: &[&'a [u8]]) -> Result<Vec<(Raw<'a>, Raw<'a>)>, String> {
    let pairs = words.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return Err(format!("ERR wrong number of arguments for '{name}' command"));
    }
    Ok(pairs.filter_map(|pair| Some((Raw(pair.first()?), Raw(pair.get(1)?)))).collect())
}

/// Accepts only database 0, the only one.
fn database(word: &[u8]) -> Result<(), &'static str> {
    match integer(word).map(i32::try_from) {
        Some(Ok(0)) => Ok(()),
        Some(Ok(_)) => Err("ERR DB index is out of range"),
        Some(Err(_)) => Err("ERR value is out of range, value must between -2147483648 and 2147483647"),
        None => Err(NOT_INTEGER),
    }
}

fn copy<'a>(words: &[&'a [u8]]) -> Result<Op<'a>, &'static str> {
    let [from, to, options @ ..] = words else { return Err(SYNTAX) };
    let mut replace = false;
    let mut options = options.iter();
    while let Some(option) = options.next() {
        match option.to_ascii_uppercase().as_slice() {
            b"REPLACE" => replace = true,
            b"DB" => database(options.next().ok_or(SYNTAX)?)?,
            _ => return Err(SYNTAX),
        }
    }
    if from == to {
        return Err("ERR source and destination objects are the same");
    }
    Ok(Op::Copy { from: Raw(from), to: Raw(to), replace })
}

fn object<'a>(words: &[&'a [u8]]) -> Result<Op<'a>, String> {
    match words {
        [verb, key] if verb.eq_ignore_ascii_case(b"encoding") => Ok(Op::Encoding(Raw(key))),
        [verb, ..] if verb.eq_ignore_ascii_case(b"encoding") => {
            Err("ERR wrong number of arguments for 'object|encoding' command".into())
        }
        [verb, ..] => Err(format!("ERR '{}' of 'object' is unsupported: use ENCODING", verb.escape_ascii())),
        [] => Err(SYNTAX.into()),
    }
}

fn scan<'a>(words: &[&'a [u8]]) -> Result<Op<'a>, &'static str> {
    let [cursor, options @ ..] = words else { return Err(SYNTAX) };
    let cursor = natural(cursor).ok_or("ERR invalid cursor")?;
    let (mut pattern, mut count, mut nothing) = (None, 10, false);
    for pair in options.chunks(2) {
        let [option, value] = pair else { return Err(SYNTAX) };
        match option.to_ascii_uppercase().as_slice() {
            b"MATCH" => pattern = Some(Raw(value)),
            b"COUNT" => {
                let given = integer(value).ok_or(NOT_INTEGER)?;
                count = u64::try_from(given).ok().filter(|count| *count > 0).ok_or(SYNTAX)?;
            }
            b"TYPE" => nothing = !value.eq_ignore_ascii_case(b"string"),
            _ => return Err(SYNTAX),
        }
    }
    // Strings are the only type, so a scan for another one ends at once: no key comes after the last cursor.
    Ok(if nothing {
        Op::Scan { cursor: u64::MAX, pattern: None, count: 1 }
    } else {
        Op::Scan { cursor, pattern, count }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<String, String> {
        let words: Vec<&[u8]> = text.split(' ').map(str::as_bytes).collect();
        let spec = super::super::table::find(words[0]).expect("a command");
        let super::super::table::Group::Store(verb) = spec.group else { panic!("a command about keys") };
        operation(verb, &words[1..]).map(|op| format!("{op:?}"))
    }

    #[test]
    fn options_of_set_are_told_apart_and_do_not_contradict() {
        let with = |expiry, only, get| {
            Ok(format!("{:?}", Op::Set { key: Raw(b"k"), value: Raw(b"v"), expiry, only, get }))
        };
        assert_eq!(parsed("set k v"), with(Expiry::Never, Only::Always, false));
        assert_eq!(parsed("set k v nx ex 2 get"), with(Expiry::After(2000), Only::Absent, true));
        assert_eq!(parsed("set k v XX KEEPTTL"), with(Expiry::Kept, Only::Present, false));
        assert_eq!(parsed("set k v get get"), with(Expiry::Never, Only::Always, true));
        assert_eq!(parsed("set k v exat 5"), with(Expiry::At(5000), Only::Always, false));
        assert_eq!(parsed("set k v ifeq w"), with(Expiry::Never, Only::Equal(Raw(b"w")), false));
        assert_eq!(parsed("set k v px 5"), with(Expiry::After(5), Only::Always, false));
        for wrong in ["nx xx", "ex 1 px 1", "ex", "keepttl ex 1", "ex x nonsense", "nx ifeq v", "nonsense"] {
            assert_eq!(parsed(&format!("set k v {wrong}")), Err(SYNTAX.into()), "{wrong}");
        }
        let time = Err("ERR invalid expire time in 'set' command".to_owned());
        assert_eq!([parsed("set k v ex 0"), parsed("set k v px -1")], [time.clone(), time.clone()]);
        assert_eq!(parsed("set k v ex 9223372036854775807"), time);
        assert_eq!(parsed("set k v ex soon"), Err(NOT_INTEGER.into()));
    }

    #[test]
    fn numbers_that_are_none_are_refused() {
        assert_eq!(parsed("incrby k 1.5"), Err(NOT_INTEGER.into()));
        assert!(parsed("decrby k -9223372036854775808").is_err());
        assert!(parsed("expire k 9223372036854775807").is_err());
        assert!(parsed("select 1").is_err() && parsed("scan x").is_err() && parsed("mset a b c").is_err());
        assert_eq!(
            [parsed("scan 0 count -1"), parsed("scan 0 count 0")],
            [Err(SYNTAX.into()), Err(SYNTAX.into())]
        );
        assert_eq!(parsed("scan 0 count x"), Err(NOT_INTEGER.into()));
    }
}
