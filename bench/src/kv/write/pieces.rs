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
    pub(super) fn overwrite(&mut self, key: &[u8], offset: u64, part: &[u8]) -> Reply {
        let held = self.find(key);
        let before: &[u8] = held.map_or(&[], |entry| &entry.value);
        if part.is_empty() {
            return Reply::number(before.len());
        }
        let expires = held.and_then(|entry| entry.expires);
        let start = usize::try_from(offset).unwrap_or(usize::MAX);
        let end = start.saturating_add(part.len());
        if end > MAX_VALUE {
            return Reply::Error(Fault::TooLong);
        }
        let mut value = before.to_vec();
        value.resize(before.len().max(end), 0);
        value[start..end].copy_from_slice(part);
        let length = value.len();
        self.put(key, value.into(), expires);
        Reply::number(length)
    }

    /// Adds to a decimal number and returns the sum as text.
    pub(super) fn add_float(&mut self, key: &[u8], by: &[u8]) -> Result<Reply, Fault> {
        let held = self.find(key);
        let expires = held.and_then(|entry| entry.expires);
        let number = held.map_or(Some(Float::ZERO), |entry| Float::parse(&entry.value));
        let (number, by) = number.zip(Float::parse(by)).ok_or(Fault::NotFloat)?;
        let sum = number.plus(by).and_then(Float::text).ok_or(Fault::NotFinite)?;
        self.put(key, sum.as_bytes().into(), expires);
        Ok(Reply::text(sum))
    }
}
