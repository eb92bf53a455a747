//! The operations that change the store.

mod deadline;
mod pieces;
mod rename;

use super::command::Reader;
use super::{Budget, Expiry, Fault, MAX_VALUE, Only, Op, Raw, Reply, Store, When, integer};
use paxos_core::Bytes;

/// Whether the operation gives an absolute expiry time.
fn names_a_time(op: &Op<'_>) -> bool {
    matches!(
        op,
        Op::Set { expiry: Expiry::At(_), .. } | Op::Renew(_, Expiry::At(_)) | Op::ExpireIf(_, When::At(_), _)
    )
}

impl Store {
    /// Executes one operation of a command.
    pub(super) fn execute(&mut self, op: &Op<'_>, budget: &mut Budget) -> Reply {
        // Before its first move the store's time starts at 0, so an absolute time means nothing.
        if self.clock_moves() == 0 && names_a_time(op) {
            return Reply::Error(Fault::NoTime);
        }
        match op {
            Op::Set { key, value, expiry, only, get } => {
                self.set(key.0, value.0, (*expiry, *only), *get, budget)
            }
            Op::SetMany(pairs) => {
                if pairs.iter().any(|(_, value)| value.0.len() > MAX_VALUE) {
                    return Reply::Error(Fault::TooLong);
                }
                for (key, value) in pairs {
                    self.put(key.0, value.0.into(), None);
                }
                Reply::Ok
            }
            Op::Delete(keys) => Reply::number(keys.iter().filter(|key| self.remove(key.0)).count()),
            Op::Add(key, by) => self.add(key.0, *by).unwrap_or_else(Reply::Error),
            Op::Append(key, more) => self.append(key.0, more.0, budget).unwrap_or_else(Reply::Error),
            Op::Expire(key, millis) => self.expire(key.0, *millis),
            Op::Persist(key) => {
                let lasts = self.find(key.0).is_some_and(|entry| entry.expires.is_some());
                Reply::Int(i64::from(lasts && self.set_deadline(key.0, None)))
            }
            Op::Clear => {
                self.clear();
                Reply::Ok
            }
            Op::Exec { watched, ops } => self.exec(watched, ops.0, budget),
            Op::Clock(to) => {
                let before = self.time;
                self.set_time(*to);
                Reply::Int(i64::try_from(before).unwrap_or(i64::MAX))
            }
            Op::SetAbsent(pairs) => self.set_absent(pairs),
            Op::Take(key) => self.take(key.0, budget),
            Op::Renew(key, expiry) => self.renew(key.0, *expiry, budget),
            Op::Overwrite { key, offset, part } => {
                self.overwrite(key.0, (*offset, part.0), budget).unwrap_or_else(Reply::Error)
            }
            Op::AddFloat(key, by) => self.add_float(key.0, by.0, budget).unwrap_or_else(Reply::Error),
            Op::ExpireIf(key, when, only) => self.expire_if(key.0, *when, *only),
            Op::Rename { from, to, only_absent } => self.rename(from.0, to.0, *only_absent),
            Op::Copy { from, to, replace } => self.copy(from.0, to.0, *replace),
            Op::DeleteIf(key, only) => {
                let meets = self.find(key.0).is_some_and(|entry| only.allows(Some(&entry.value)));
                Reply::Int(i64::from(meets && self.remove(key.0)))
            }
            Op::Nothing
            | Op::Echo(_)
            | Op::Get(_)
            | Op::GetMany(_)
            | Op::Exists(_)
            | Op::Length(_)
            | Op::Ttl(..)
            | Op::Type(_)
            | Op::Keys(_)
            | Op::Scan { .. }
            | Op::Size
            | Op::Versions(_)
            | Op::Refuse { .. }
            | Op::Range(..)
            | Op::Deadline(..)
            | Op::Random(_)
            | Op::Encoding(_)
            | Op::Time => self.see_now(op, budget),
        }
    }

    fn set(
        &mut self,
        key: &[u8],
        value: &[u8],
        (expiry, only): (Expiry, Only<'_>),
        get: bool,
        budget: &mut Budget,
    ) -> Reply {
        if value.len() > MAX_VALUE {
            return Reply::Error(Fault::TooLong);
        }
        let held = self.find(key);
        let wanted = only.allows(held.map(|entry| &entry.value[..]));
        let before = match held {
            Some(entry) if get => budget.bulk(&entry.value),
            _ => Reply::Nil,
        };
        let expires = match expiry {
            Expiry::Never => Some(None),
            Expiry::Kept => Some(held.and_then(|entry| entry.expires)),
            Expiry::After(millis) => self.deadline(millis).map(Some),
            Expiry::At(at) => Some(Some(at)),
        };
        // Nothing has changed yet: if the old value cannot be answered, it is not overwritten.
        if let Reply::Error(_) = before {
            return before;
        }
        let Some(expires) = expires else { return Reply::Error(Fault::ExpireTime) };
        match expires {
            _ if !wanted => {}
            // The value is set and expires at once.
            Some(at) if at <= self.time => _ = self.remove(key),
            _ => self.put(key, value.into(), expires),
        }
        if wanted && !get { Reply::Ok } else { before }
    }

    fn add(&mut self, key: &[u8], by: i64) -> Result<Reply, Fault> {
        let held = self.find(key);
        let expires = held.and_then(|entry| entry.expires);
        let number = held.map_or(Some(0), |entry| integer(&entry.value)).ok_or(Fault::NotInteger)?;
        let sum = number.checked_add(by).ok_or(Fault::Overflow)?;
        self.put(key, sum.to_string().into_bytes().into(), expires);
        Ok(Reply::Int(sum))
    }

    fn append(&mut self, key: &[u8], more: &[u8], budget: &mut Budget) -> Result<Reply, Fault> {
        let held = self.find(key);
        let expires = held.and_then(|entry| entry.expires);
        let before: &[u8] = held.map_or(&[], |entry| &entry.value);
        let length = before.len() + more.len();
        if length > MAX_VALUE {
            return Err(Fault::TooLong);
        }
        budget.work(before.len() as u64)?;
        let value: Bytes = [before, more].concat().into();
        self.put(key, value, expires);
        Ok(Reply::number(length))
    }

    fn expire(&mut self, key: &[u8], millis: i64) -> Reply {
        if self.find(key).is_none() {
            return Reply::Int(0);
        }
        match u64::try_from(millis) {
            Ok(millis @ 1..) => match self.deadline(millis) {
                Some(at) => _ = self.set_deadline(key, Some(at)),
                None => return Reply::Error(Fault::ExpireTime),
            },
            Ok(0) | Err(_) => _ = self.remove(key),
        }
        Reply::Int(1)
    }

    /// The deadline this many milliseconds from now, if it fits the signed number that clients read.
    pub(super) fn deadline(&self, millis: u64) -> Option<u64> {
        self.time.checked_add(millis).filter(|at| *at > self.time && i64::try_from(*at).is_ok())
    }

    fn exec(&mut self, watched: &[(Raw<'_>, u64)], ops: &[u8], budget: &mut Budget) -> Reply {
        if watched.iter().any(|(key, version)| self.version_of(key.0) != *version) {
            return Reply::NilArray;
        }
        let copies =
            |op: Option<Op<'_>>| matches!(op, Some(Op::Append(..) | Op::Overwrite { .. } | Op::AddFloat(..)));
        if !budget.has_room() && Reader(ops).any(copies) {
            return Reply::Error(Fault::Crowded);
        }
        let mut replies = Vec::new();
        for op in Reader(ops) {
            let reply = match op {
                // Transactions do not nest.
                Some(Op::Exec { .. }) | None => Reply::Error(Fault::Unreadable),
                Some(op) => self.execute(&op, budget),
            };
            replies.push(reply);
        }
        Reply::Array(replies)
    }
}
