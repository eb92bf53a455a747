//! Operations that take a value, overwrite part of it, or add to it as a decimal number.

use crate::kv::{Budget, Fault, Float, MAX_VALUE, Reply, Store};

impl Store {
    /// Removes a key and returns its value.
    pub(super) fn take(&mut self, key: &[u8], budget: &mut Budget) -> Reply {
        let Some(held) = self.find(key) else { return Reply::Nil };
        let value = budget.bulk(&held.value);
        // If the value cannot be answered, the key stays.
        if !matches!(value, Reply::Error(_)) {
            self.remove(key);
        }
        value
    }

    /// Overwrites part of a value. Zeros fill any gap between its end and the part.
    pub(super) fn overwrite(
        &mut self,
        key: &[u8],
        (offset, part): (u64, &[u8]),
        budget: &mut Budget,
    ) -> Result<Reply, Fault> {
        let held = self.find(key);
        let before: &[u8] = held.map_or(&[], |entry| &entry.value);
        if part.is_empty() {
            return Ok(Reply::number(before.len()));
        }
        let expires = held.and_then(|entry| entry.expires);
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let end = start.saturating_add(part.len());
        if end > MAX_VALUE {
            return Err(Fault::TooLong);
        }
        budget.work(before.len().max(end) as u64)?;
        let mut value = before.to_vec();
        value.resize(before.len().max(end), 0);
        value[start..end].copy_from_slice(part);
        let length = value.len();
        self.put(key, value.into(), expires);
        Ok(Reply::number(length))
    }

    /// Adds to a decimal number and returns the sum as text.
    pub(super) fn add_float(&mut self, key: &[u8], by: &[u8], budget: &mut Budget) -> Result<Reply, Fault> {
        let held = self.find(key);
        budget.work(effort(by) + held.map_or(0, |entry| effort(&entry.value)))?;
        let expires = held.and_then(|entry| entry.expires);
        let number = held.map_or(Some(Float::ZERO), |entry| Float::parse(&entry.value));
        let (number, by) = number.zip(Float::parse(by)).ok_or(Fault::NotFloat)?;
        let sum = number.plus(by).and_then(Float::text).ok_or(Fault::NotFinite)?;
        self.put(key, sum.as_bytes().into(), expires);
        Ok(Reply::text(sum))
    }
}

/// The work of reading a number and printing a sum with it, in bytes that could be copied meanwhile. The digits of a
/// number with a large exponent come one by one.
fn effort(text: &[u8]) -> u64 {
    const SHORT: usize = 64;
    let exponent = text.iter().rev().take(SHORT).position(|byte| byte.eq_ignore_ascii_case(&b'e'));
    if text.len() > SHORT || exponent.is_some_and(|digits| digits > 2) { 4 << 20 } else { 0 }
}
