//! Changes of a key's deadline.

use crate::kv::{Budget, Expiry, Fault, Renewal, Reply, Store, When};

impl Store {
    /// Changes a key's deadline and returns its value.
    pub(super) fn renew(&mut self, key: &[u8], expiry: Expiry, budget: &mut Budget) -> Reply {
        let Some(held) = self.find(key) else { return Reply::Nil };
        let before = held.expires;
        let expires = match expiry {
            Expiry::Never => None,
            Expiry::Kept => before,
            Expiry::At(at) => Some(at),
            Expiry::After(millis) => match self.deadline(millis) {
                Some(at) => Some(at),
                None => return Reply::Error(Fault::ExpireTime),
            },
        };
        let value = budget.bulk(&held.value);
        // Nothing has changed yet: if the value cannot be answered, the key keeps its deadline.
        if let Reply::Error(_) = value {
            return value;
        }
        match expires {
            Some(at) if at <= self.time => _ = self.remove(key),
            expires if expires != before => _ = self.set_deadline(key, expires),
            _ => {}
        }
        value
    }

    /// Changes a key's deadline if the present one meets the condition.
    pub(super) fn expire_if(&mut self, key: &[u8], when: When, only: Renewal) -> Reply {
        let Some(held) = self.find(key) else { return Reply::Int(0) };
        let at = match when {
            When::At(at) => i128::from(at),
            When::In(millis) => i128::from(self.time) + i128::from(millis),
        };
        if at > i128::from(i64::MAX) {
            return Reply::Error(Fault::ExpireTime);
        }
        let before = held.expires.map(i128::from);
        let allowed = only.expiring.is_none_or(|expiring| expiring == before.is_some())
            && match (only.later, before) {
                (None, _) | (Some(false), None) => true,
                (Some(true), None) => false,
                (Some(true), Some(before)) => at > before,
                (Some(false), Some(before)) => at < before,
            };
        if !allowed {
            return Reply::Int(0);
        }
        match u64::try_from(at) {
            Ok(at) if at > self.time => _ = self.set_deadline(key, Some(at)),
            _ => _ = self.remove(key),
        }
        Reply::Int(1)
    }
}
