//! From the words of a request to an operation of the store.

use super::table::Verb;
use crate::kv::{Expiry, Only, Op, Raw, Unit, integer, natural};

const SYNTAX: &str = "ERR syntax error";
const NOT_INTEGER: &str = "ERR value is not an integer or out of range";

/// The operation that a request asks for; the words are those behind its name, and as many as the command may have.
///
/// # Errors
/// What Redis would say.
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
        Verb::Expire => {
            let millis = number()?.checked_mul(1000).ok_or("ERR invalid expire time in 'expire' command")?;
            Op::Expire(first(), millis)
        }
        Verb::FlushAll => match words {
            [] => Op::Clear,
            [how] if how.eq_ignore_ascii_case(b"sync") || how.eq_ignore_ascii_case(b"async") => Op::Clear,
            _ => return Err(SYNTAX.into()),
        },
        Verb::Get => Op::Get(first()),
        Verb::Incr => Op::Add(first(), 1),
        Verb::IncrBy => Op::Add(first(), number()?),
        Verb::Keys => Op::Keys(first()),
        Verb::MGet => Op::GetMany(all()),
        Verb::MSet => {
            let pairs = words.chunks_exact(2);
            if !pairs.remainder().is_empty() {
                return Err("ERR wrong number of arguments for 'mset' command".into());
            }
            Op::SetMany(pairs.filter_map(|pair| Some((Raw(pair.first()?), Raw(pair.get(1)?)))).collect())
        }
        Verb::PExpire => Op::Expire(first(), number()?),
        Verb::Persist => Op::Persist(first()),
        Verb::Ping => match words {
            [] => Op::Echo(None),
            [text] => Op::Echo(Some(Raw(text))),
            _ => return Err("ERR wrong number of arguments for 'ping' command".into()),
        },
        Verb::PTtl => Op::Ttl(first(), Unit::Millis),
        Verb::Scan => scan(words)?,
        Verb::Select => match integer(first().0) {
            Some(0) => Op::Nothing,
            Some(_) => return Err("ERR DB index is out of range".into()),
            None => return Err(NOT_INTEGER.into()),
        },
        Verb::Set => set(words)?,
        Verb::StrLen => Op::Length(first()),
        Verb::Ttl => Op::Ttl(first(), Unit::Seconds),
        Verb::Type => Op::Type(first()),
    })
}

fn set<'a>(words: &[&'a [u8]]) -> Result<Op<'a>, &'static str> {
    let [key, value, options @ ..] = words else { return Err(SYNTAX) };
    let (mut expiry, mut only, mut get) = (None, None, false);
    let mut options = options.iter();
    while let Some(option) = options.next() {
        let new = match option.to_ascii_uppercase().as_slice() {
            b"NX" => only.replace(Only::Absent).is_none(),
            b"XX" => only.replace(Only::Present).is_none(),
            b"GET" => !std::mem::replace(&mut get, true),
            b"KEEPTTL" => expiry.replace(Expiry::Kept).is_none(),
            unit @ (b"EX" | b"PX") => {
                let time = options.next().ok_or(SYNTAX)?;
                let millis = if unit == b"EX" { 1000 } else { 1 };
                let time = integer(time).ok_or(NOT_INTEGER)?;
                let time = u64::try_from(time).ok().filter(|time| *time > 0);
                let after = time.and_then(|time| time.checked_mul(millis));
                let after = after.ok_or("ERR invalid expire time in 'set' command")?;
                expiry.replace(Expiry::After(after)).is_none()
            }
            _ => false,
        };
        if !new {
            return Err(SYNTAX);
        }
    }
    let expiry = expiry.unwrap_or(Expiry::Never);
    Ok(Op::Set { key: Raw(key), value: Raw(value), expiry, only: only.unwrap_or(Only::Always), get })
}

fn scan<'a>(words: &[&'a [u8]]) -> Result<Op<'a>, &'static str> {
    let [cursor, options @ ..] = words else { return Err(SYNTAX) };
    let cursor = natural(cursor).ok_or("ERR invalid cursor")?;
    let (mut pattern, mut count) = (None, 10);
    for pair in options.chunks(2) {
        let [option, value] = pair else { return Err(SYNTAX) };
        match option.to_ascii_uppercase().as_slice() {
            b"MATCH" => pattern = Some(Raw(value)),
            b"COUNT" => {
                count = natural(value).ok_or(NOT_INTEGER)?;
                if count == 0 {
                    return Err(SYNTAX);
                }
            }
            // There is one type.
            b"TYPE" if value.eq_ignore_ascii_case(b"string") => {}
            _ => return Err(SYNTAX),
        }
    }
    Ok(Op::Scan { cursor, pattern, count })
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
        assert_eq!(parsed("set k v px 5"), with(Expiry::After(5), Only::Always, false));
        for wrong in ["nx xx", "ex 1 px 1", "ex", "keepttl ex 1", "get get", "nonsense"] {
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
    }
}
