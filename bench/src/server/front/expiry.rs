//! Parses the options of commands that set a deadline or a condition.

use super::operation::{NOT_INTEGER, SYNTAX};
use super::table::Verb;
use crate::kv::{Expiry, Only, Op, Raw, Renewal, When, integer};

/// The longest time to live, in milliseconds. A longer one could exceed every time that clients can be told.
///
/// Redis refuses a time to live that exceeds the range when added to its clock. Requests are parsed without the store's
/// time, so this leaves room for any clock up to the year 4200.
pub(super) const FAR: i64 = i64::MAX - (1 << 46);

/// Parses a positive time and returns it in milliseconds; `unit` is the milliseconds in a unit.
pub(super) fn positive(time: &[u8], unit: i64, most: i64, name: &str) -> Result<u64, String> {
    let time = integer(time).ok_or(NOT_INTEGER)?;
    let millis = time.checked_mul(unit).filter(|millis| (1..=most).contains(millis));
    millis.and_then(|millis| u64::try_from(millis).ok()).ok_or_else(|| invalid(name))
}

fn invalid(name: &str) -> String {
    format!("ERR invalid expire time in '{name}' command")
}

/// The options of SET and GETEX, parsed before the numbers in them.
#[derive(Default)]
struct Options<'a> {
    only: Option<Only<'a>>,
    get: bool,
    /// `KEEPTTL` or `PERSIST`.
    word: Option<Expiry>,
    /// The option that gives the unit, and the time.
    time: Option<(Vec<u8>, &'a [u8])>,
}

impl<'a> Options<'a> {
    /// As in Redis, an option may be repeated, and the last one counts.
    fn read(words: &[&'a [u8]], of_set: bool) -> Result<Self, &'static str> {
        let mut read = Self::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let upper = word.to_ascii_uppercase();
            let only = match upper.as_slice() {
                b"NX" => Some(Only::Absent),
                b"XX" => Some(Only::Present),
                b"IFEQ" => Some(Only::Equal(Raw(words.next().ok_or(SYNTAX)?))),
                b"IFNE" => Some(Only::Differs(Raw(words.next().ok_or(SYNTAX)?))),
                _ => None,
            };
            let fits = match upper.as_slice() {
                b"GET" => {
                    read.get = true;
                    of_set
                }
                b"KEEPTTL" | b"PERSIST" => {
                    let kept = upper.as_slice() == b"KEEPTTL";
                    read.word = Some(if kept { Expiry::Kept } else { Expiry::Never });
                    kept == of_set && read.time.is_none()
                }
                b"EX" | b"PX" | b"EXAT" | b"PXAT" => {
                    let time = words.next().ok_or(SYNTAX)?;
                    let before = read.time.replace((upper.clone(), time));
                    read.word.is_none() && before.is_none_or(|(unit, _)| unit == upper)
                }
                _ => match only {
                    Some(only) => of_set && read.only.replace(only).is_none_or(|before| before == only),
                    None => false,
                },
            };
            if !fits {
                return Err(SYNTAX);
            }
        }
        Ok(read)
    }

    fn expiry(&self, name: &str) -> Result<Option<Expiry>, String> {
        let Some((option, time)) = &self.time else { return Ok(self.word) };
        let unit = if option.starts_with(b"EX") { 1000 } else { 1 };
        Ok(Some(if option.ends_with(b"AT") {
            Expiry::At(positive(time, unit, i64::MAX, name)?)
        } else {
            Expiry::After(positive(time, unit, FAR, name)?)
        }))
    }
}

/// `SET`.
pub(super) fn set<'a>(words: &[&'a [u8]]) -> Result<Op<'a>, String> {
    let [key, value, options @ ..] = words else { return Err(SYNTAX.into()) };
    let options = Options::read(options, true)?;
    let expiry = options.expiry("set")?.unwrap_or(Expiry::Never);
    let only = options.only.unwrap_or(Only::Always);
    Ok(Op::Set { key: Raw(key), value: Raw(value), expiry, only, get: options.get })
}

/// `GETEX`. An invalid time is reported only if the key is present.
pub(super) fn get_and_renew<'a>(words: &[&'a [u8]]) -> Result<Op<'a>, &'static str> {
    let [key, options @ ..] = words else { return Err(SYNTAX) };
    let key = Raw(key);
    Ok(match Options::read(options, false)?.expiry("getex") {
        Ok(None) => Op::Get(key),
        Ok(Some(expiry)) => Op::Renew(key, expiry),
        Err(text) => {
            let invalid = "ERR invalid expire time in 'getex' command";
            let text = if text == NOT_INTEGER { NOT_INTEGER } else { invalid };
            Op::Refuse { text: Raw(text.as_bytes()), unless_absent: Some(key) }
        }
    })
}

/// `EXPIRE`, `PEXPIRE`, `EXPIREAT` and `PEXPIREAT`.
pub(super) fn expire<'a>(verb: Verb, words: &[&'a [u8]]) -> Result<Op<'a>, String> {
    let [key, time, options @ ..] = words else { return Err(SYNTAX.into()) };
    let only = renewal(options)?;
    let time = integer(time).ok_or(NOT_INTEGER)?;
    let (name, unit, from_now) = if verb == Verb::ExpireAt {
        ("expireat", 1000, false)
    } else if verb == Verb::PExpireAt {
        ("pexpireat", 1, false)
    } else if verb == Verb::PExpire {
        ("pexpire", 1, true)
    } else {
        ("expire", 1000, true)
    };
    let most = if from_now { FAR } else { i64::MAX };
    let millis = time.checked_mul(unit).filter(|millis| *millis <= most).ok_or_else(|| invalid(name))?;
    let key = Raw(key);
    Ok(match from_now {
        true if only == Renewal::default() => Op::Expire(key, millis),
        true => Op::ExpireIf(key, When::In(millis), only),
        false => Op::ExpireIf(key, When::At(millis), only),
    })
}

fn renewal(options: &[&[u8]]) -> Result<Renewal, String> {
    let (mut nx, mut xx, mut gt, mut lt) = (false, false, false, false);
    for option in options {
        let flag = match option.to_ascii_uppercase().as_slice() {
            b"NX" => &mut nx,
            b"XX" => &mut xx,
            b"GT" => &mut gt,
            b"LT" => &mut lt,
            _ => return Err(format!("ERR Unsupported option {}", String::from_utf8_lossy(option))),
        };
        *flag = true;
    }
    if nx && (xx || gt || lt) {
        return Err("ERR NX and XX, GT or LT options at the same time are not compatible".into());
    }
    if gt && lt {
        return Err("ERR GT and LT options at the same time are not compatible".into());
    }
    let expiring = if nx { Some(false) } else { xx.then_some(true) };
    let later = if lt { Some(false) } else { gt.then_some(true) };
    Ok(Renewal { expiring, later })
}

/// `DELEX`.
pub(super) fn delete_if<'a>(words: &[&'a [u8]]) -> Result<Op<'a>, &'static str> {
    match words {
        [key] => Ok(Op::Delete(vec![Raw(key)])),
        [key, how, value] if how.eq_ignore_ascii_case(b"ifeq") => {
            Ok(Op::DeleteIf(Raw(key), Only::Equal(Raw(value))))
        }
        [key, how, value] if how.eq_ignore_ascii_case(b"ifne") => {
            Ok(Op::DeleteIf(Raw(key), Only::Differs(Raw(value))))
        }
        _ => Err(SYNTAX),
    }
}
