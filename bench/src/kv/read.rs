//! Read-only operations on the store.

use super::hash::{Name, Sought};
use super::reply::Word;
use super::store::Entry;
use super::{Budget, Op, Reply, Store, Unit, integer, matches};
use std::ops::Bound;

/// The most keys that one scan looks at.
const MOST_SCANNED: u64 = 65_536;

/// The result of a read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ReadResult {
    /// The read succeeded.
    Seen(Reply),
    /// A key is due by the caller's clock, but not yet by the store's time. The caller must ask again through the log,
    /// which advances the store's time on every replica.
    Due,
    /// The operation is not read-only.
    Change,
}

/// A key is due by the caller's clock, but not by the store's time.
struct Due;

impl Store {
    /// Answers a read-only operation for a caller whose clock shows `clock`.
    pub fn read(&self, op: &Op<'_>, clock: u64, budget: &mut Budget) -> ReadResult {
        if !op.is_read() {
            return ReadResult::Change;
        }
        match self.see(op, clock.max(self.time), budget) {
            Ok(reply) => ReadResult::Seen(reply),
            Err(Due) => ReadResult::Due,
        }
    }

    /// Answers a read-only operation inside a command, where no key is due.
    pub(super) fn see_now(&self, op: &Op<'_>, budget: &mut Budget) -> Reply {
        self.see(op, self.time, budget).unwrap_or(Reply::Nil)
    }

    fn see(&self, op: &Op<'_>, clock: u64, budget: &mut Budget) -> Result<Reply, Due> {
        let nothing_due = || if self.next_due().is_some_and(|at| at <= clock) { Err(Due) } else { Ok(()) };
        Ok(match op {
            Op::Nothing => Reply::Ok,
            Op::Echo(None) => Reply::Pong,
            Op::Echo(Some(text)) => budget.bulk(&text.0.into()),
            Op::Get(key) => self.value(key.0, clock, budget)?,
            Op::GetMany(keys) => {
                let values = keys.iter().map(|key| self.value(key.0, clock, budget));
                Reply::Array(values.collect::<Result<_, _>>()?)
            }
            Op::Exists(keys) => {
                let mut count = 0;
                for key in keys {
                    count += usize::from(self.alive(key.0, clock)?.is_some());
                }
                Reply::number(count)
            }
            Op::Length(key) => Reply::number(self.alive(key.0, clock)?.map_or(0, |entry| entry.value.len())),
            Op::Ttl(key, unit) => Reply::Int(match self.alive(key.0, clock)? {
                None => -2,
                Some(Entry { expires: None, .. }) => -1,
                Some(Entry { expires: Some(at), .. }) => in_unit(at.saturating_sub(clock), *unit),
            }),
            Op::Type(key) => Reply::Word(self.alive(key.0, clock)?.map_or(Word::None, |_| Word::String)),
            Op::Keys(pattern) => {
                nothing_due()?;
                let keys = self.entries.keys().filter(|name| matches(pattern.0, &name.key));
                list(keys, budget)
            }
            Op::Scan { cursor, pattern, count } => {
                nothing_due()?;
                self.scan(*cursor, pattern.map(|p| p.0), *count, budget)
            }
            Op::Size => {
                nothing_due()?;
                Reply::number(self.len())
            }
            Op::Versions(keys) => {
                let mut versions = Vec::with_capacity(keys.len());
                for key in keys {
                    self.alive(key.0, clock)?;
                    versions.push(Reply::Int(self.version_of(key.0).cast_signed()));
                }
                Reply::Array(versions)
            }
            Op::Refuse { text, unless_absent } => match unless_absent {
                Some(key) if self.alive(key.0, clock)?.is_none() => Reply::Nil,
                Some(_) | None => Reply::refused(String::from_utf8_lossy(text.0)),
            },
            Op::Range(key, start, end) => {
                let value = self.alive(key.0, clock)?.map_or(&[][..], |entry| &entry.value);
                let part = part(value, *start, *end);
                budget.admit(part.len(), || Reply::Bulk(part.into()))
            }
            Op::Deadline(key, unit) => Reply::Int(match self.alive(key.0, clock)? {
                None => -2,
                Some(Entry { expires: None, .. }) => -1,
                Some(Entry { expires: Some(at), .. }) => in_unit(*at, *unit),
            }),
            Op::Random(from) => {
                nothing_due()?;
                let first = Name { hash: *from, key: Sought::new(&[]).to_name().key };
                let next = self.entries.range((Bound::Included(first), Bound::Unbounded)).next();
                let found = next.or_else(|| self.entries.iter().next());
                found.map_or(Reply::Nil, |(name, _)| budget.bulk(&name.key))
            }
            Op::Encoding(key) => {
                self.alive(key.0, clock)?.map_or(Reply::Nil, |entry| Reply::text(encoding(&entry.value)))
            }
            Op::Time => {
                let parts = [clock / 1000, clock % 1000 * 1000];
                Reply::Array(parts.map(|part| Reply::text(part.to_string())).into())
            }
            // The callers pass only read-only operations.
            Op::Set { .. }
            | Op::SetMany(_)
            | Op::Delete(_)
            | Op::Add(..)
            | Op::Append(..)
            | Op::Expire(..)
            | Op::Persist(_)
            | Op::Clear
            | Op::Exec { .. }
            | Op::Clock(_)
            | Op::SetAbsent(_)
            | Op::Take(_)
            | Op::Renew(..)
            | Op::Overwrite { .. }
            | Op::AddFloat(..)
            | Op::ExpireIf(..)
            | Op::Rename { .. }
            | Op::Copy { .. }
            | Op::DeleteIf(..) => Reply::Nil,
        })
    }

    fn alive(&self, key: &[u8], clock: u64) -> Result<Option<&Entry>, Due> {
        let entry = self.find(key);
        if entry.and_then(|entry| entry.expires).is_some_and(|at| at <= clock) { Err(Due) } else { Ok(entry) }
    }

    fn value(&self, key: &[u8], clock: u64, budget: &mut Budget) -> Result<Reply, Due> {
        Ok(self.alive(key, clock)?.map_or(Reply::Nil, |entry| budget.bulk(&entry.value)))
    }

    /// Lists keys in the order of their hashes, starting at a hash. Keys with the same hash are returned together, so a
    /// cursor never falls between them: a key that stays present is returned exactly once, whichever member answers.
    fn scan(&self, cursor: u64, pattern: Option<&[u8]>, count: u64, budget: &mut Budget) -> Reply {
        let first = Name { hash: cursor, key: Sought::new(&[]).to_name().key };
        let mut found = Vec::new();
        let mut last = None;
        let mut next = 0;
        for (looked, name) in
            (0..).zip(self.entries.range((Bound::Included(first), Bound::Unbounded)).map(|(name, _)| name))
        {
            if looked >= count.clamp(1, MOST_SCANNED) && last != Some(name.hash) {
                next = name.hash;
                break;
            }
            last = Some(name.hash);
            if pattern.is_none_or(|pattern| matches(pattern, &name.key)) {
                found.push(name);
            }
        }
        Reply::Array(vec![Reply::text(next.to_string()), list(found.into_iter(), budget)])
    }
}

/// The bytes from `start` to `end`, both inclusive. Negative positions count from the end of the value.
fn part(value: &[u8], start: i64, end: i64) -> &[u8] {
    let length = i64::try_from(value.len()).unwrap_or(i64::MAX);
    let from_front = |at: i64| if at < 0 { at.saturating_add(length) } else { at };
    if start < 0 && end < 0 && start > end {
        return &[];
    }
    // As in Redis, an end before the value means its first byte.
    let (start, end) = (from_front(start).max(0), from_front(end).max(0).min(length - 1));
    match (usize::try_from(start), usize::try_from(end)) {
        (Ok(start), Ok(end)) => value.get(start..=end).unwrap_or_default(),
        _ => &[],
    }
}

/// The encoding that Redis reports for a value that was set in one piece.
fn encoding(value: &[u8]) -> &'static str {
    /// The longest value that Redis stores next to its header.
    const EMBEDDED: usize = 44;
    match value.len() {
        _ if integer(value).is_some() => "int",
        ..=EMBEDDED => "embstr",
        _ => "raw",
    }
}

fn list<'a>(keys: impl Iterator<Item = &'a Name>, budget: &mut Budget) -> Reply {
    let mut found = Vec::new();
    for name in keys {
        let key = budget.bulk(&name.key);
        if let Reply::Error(_) = key {
            return key;
        }
        found.push(key);
    }
    Reply::Array(found)
}

fn in_unit(millis: u64, unit: Unit) -> i64 {
    let n = match unit {
        Unit::Seconds => millis.saturating_add(500) / 1000,
        Unit::Millis => millis,
    };
    i64::try_from(n).unwrap_or(i64::MAX)
}
