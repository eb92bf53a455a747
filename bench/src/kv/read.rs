//! Read-only operations on the store.

use super::hash::{Name, Sought};
use super::reply::Word;
use super::store::Entry;
use super::{Budget, Fault, Op, Reply, Store, Unit, integer};
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

/// How a read treats keys that are due.
#[derive(Clone, Copy)]
struct View {
    /// The caller's clock.
    clock: u64,
    /// Whether keys that are due by that clock count as absent.
    hides_due: bool,
}

impl View {
    fn is_due(self, entry: &Entry) -> bool {
        entry.expires.is_some_and(|at| at <= self.clock)
    }
}

impl Store {
    /// Answers a read-only operation for a caller whose clock shows `clock`.
    pub fn read(&self, op: &Op<'_>, clock: u64, budget: &mut Budget) -> ReadResult {
        if !op.is_read() {
            return ReadResult::Change;
        }
        match self.see(op, View { clock: clock.max(self.time), hides_due: false }, budget) {
            Ok(reply) => ReadResult::Seen(reply),
            Err(Due) => ReadResult::Due,
        }
    }

    /// Like [`Store::read`] for a caller who accepts stale answers: keys that are due by its clock count as absent, so
    /// no answer needs the log.
    pub fn read_local(&self, op: &Op<'_>, clock: u64, budget: &mut Budget) -> ReadResult {
        if !op.is_read() {
            return ReadResult::Change;
        }
        let view = View { clock: clock.max(self.time), hides_due: true };
        self.see(op, view, budget).map_or(ReadResult::Due, ReadResult::Seen)
    }

    /// Answers a read-only operation inside a command, where no key is due.
    pub(super) fn see_now(&self, op: &Op<'_>, budget: &mut Budget) -> Reply {
        let view = View { clock: self.time, hides_due: false };
        self.see(op, view, budget).unwrap_or(Reply::Nil)
    }

    fn see(&self, op: &Op<'_>, view: View, budget: &mut Budget) -> Result<Reply, Due> {
        let clock = view.clock;
        let due = self.next_due().is_some_and(|at| at <= clock);
        let nothing_due = || if due && !view.hides_due { Err(Due) } else { Ok(()) };
        Ok(match op {
            Op::Nothing => Reply::Ok,
            Op::Echo(None) => Reply::Pong,
            Op::Echo(Some(text)) => budget.copy(text.0),
            Op::Get(key) => self.value(key.0, view, budget)?,
            Op::GetMany(keys) => {
                let values = keys.iter().map(|key| self.value(key.0, view, budget));
                Reply::Array(values.collect::<Result<_, _>>()?)
            }
            Op::Exists(keys) => {
                let mut count = 0;
                for key in keys {
                    count += usize::from(self.alive(key.0, view)?.is_some());
                }
                Reply::number(count)
            }
            Op::Length(key) => Reply::number(self.alive(key.0, view)?.map_or(0, |entry| entry.value.len())),
            Op::Ttl(key, unit) => Reply::Int(match self.alive(key.0, view)? {
                None => -2,
                Some(Entry { expires: None, .. }) => -1,
                Some(Entry { expires: Some(at), .. }) => in_unit(at.saturating_sub(clock), *unit),
            }),
            Op::Type(key) => Reply::Word(self.alive(key.0, view)?.map_or(Word::None, |_| Word::String)),
            Op::Keys(pattern) => {
                nothing_due()?;
                self.keys(pattern.0, view, budget).unwrap_or_else(Reply::Error)
            }
            Op::Scan { cursor, pattern, count } => {
                nothing_due()?;
                let page = self.scan((*cursor, *count), pattern.map(|p| p.0), view, budget);
                page.unwrap_or_else(Reply::Error)
            }
            Op::Size => {
                nothing_due()?;
                Reply::number(self.len() - self.due.iter().take_while(|(at, _)| *at <= clock).count())
            }
            Op::Versions(keys) => {
                let mut versions = Vec::with_capacity(keys.len());
                for key in keys {
                    self.alive(key.0, view)?;
                    versions.push(Reply::Int(self.version_of(key.0).cast_signed()));
                }
                Reply::Array(versions)
            }
            Op::Refuse { text, unless_absent } => match unless_absent {
                Some(key) if self.alive(key.0, view)?.is_none() => Reply::Nil,
                Some(_) | None => Reply::refused(String::from_utf8_lossy(text.0)),
            },
            Op::Range(key, start, end) => {
                let held = self.alive(key.0, view)?.map(|entry| &entry.value);
                let part = part(held.map_or(&[], |value| value), *start, *end);
                match held {
                    Some(whole) if whole.len() == part.len() => budget.bulk(whole),
                    Some(_) | None => budget.copy(part),
                }
            }
            Op::Deadline(key, unit) => Reply::Int(match self.alive(key.0, view)? {
                None => -2,
                Some(Entry { expires: None, .. }) => -1,
                Some(Entry { expires: Some(at), .. }) => in_unit(*at, *unit),
            }),
            Op::Random(from) => {
                nothing_due()?;
                let first = Name { hash: *from, key: Sought::new(&[]).to_name().key };
                let from = self.entries.range((Bound::Included(first), Bound::Unbounded));
                let found = from.chain(self.entries.iter()).find(|(_, entry)| !view.is_due(entry));
                found.map_or(Reply::Nil, |(name, _)| budget.bulk(&name.key))
            }
            Op::Encoding(key) => {
                self.alive(key.0, view)?.map_or(Reply::Nil, |entry| Reply::text(encoding(&entry.value)))
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

    fn alive(&self, key: &[u8], view: View) -> Result<Option<&Entry>, Due> {
        match self.find(key) {
            Some(entry) if view.is_due(entry) => {
                if view.hides_due {
                    Ok(None)
                } else {
                    Err(Due)
                }
            }
            entry => Ok(entry),
        }
    }

    fn value(&self, key: &[u8], view: View, budget: &mut Budget) -> Result<Reply, Due> {
        Ok(self.alive(key, view)?.map_or(Reply::Nil, |entry| budget.bulk(&entry.value)))
    }

    fn keys(&self, pattern: &[u8], view: View, budget: &mut Budget) -> Result<Reply, Fault> {
        let mut found = Vec::new();
        for (name, entry) in &self.entries {
            if budget.matches(Some(pattern), &name.key)? && !view.is_due(entry) {
                found.push(budget.listed(&name.key)?);
            }
        }
        Ok(Reply::Array(found))
    }

    /// Lists keys in the order of their hashes, starting at a hash. Keys with the same hash are returned together, so a
    /// cursor never falls between them: a key that stays present is returned exactly once, whichever member answers.
    fn scan(
        &self,
        (cursor, count): (u64, u64),
        pattern: Option<&[u8]>,
        view: View,
        budget: &mut Budget,
    ) -> Result<Reply, Fault> {
        let first = Name { hash: cursor, key: Sought::new(&[]).to_name().key };
        let mut found = Vec::new();
        let mut last = None;
        let mut next = 0;
        let from = self.entries.range((Bound::Included(first), Bound::Unbounded));
        for (looked, (name, entry)) in (0..).zip(from) {
            if looked >= count.clamp(1, MOST_SCANNED) && last != Some(name.hash) {
                next = name.hash;
                break;
            }
            last = Some(name.hash);
            if budget.matches(pattern, &name.key)? && !view.is_due(entry) {
                found.push(budget.listed(&name.key)?);
            }
        }
        Ok(Reply::Array(vec![Reply::text(next.to_string()), Reply::Array(found)]))
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

fn in_unit(millis: u64, unit: Unit) -> i64 {
    let n = match unit {
        Unit::Seconds => millis.saturating_add(500) / 1000,
        Unit::Millis => millis,
    };
    i64::try_from(n).unwrap_or(i64::MAX)
}
