//! Operations that rename or copy keys. The deadline moves with the key.

use crate::kv::{Fault, Raw, Reply, Store};

impl Store {
    /// Sets keys if all of them are absent, and returns whether they were.
    pub(super) fn set_absent(&mut self, pairs: &[(Raw<'_>, Raw<'_>)]) -> Reply {
        if pairs.iter().any(|(_, value)| value.0.len() > crate::kv::MAX_VALUE) {
            return Reply::Error(Fault::TooLong);
        }
        let absent = pairs.iter().all(|(key, _)| self.find(key.0).is_none());
        if absent {
            for (key, value) in pairs {
                self.put(key.0, value.0.into(), None);
            }
        }
        Reply::Int(absent.into())
    }

    pub(super) fn rename(&mut self, from: &[u8], to: &[u8], only_absent: bool) -> Reply {
        let Some(held) = self.find(from) else { return Reply::Error(Fault::NoKey) };
        let (value, expires) = (held.value.clone(), held.expires);
        let done = |done: bool| if only_absent { Reply::Int(done.into()) } else { Reply::Ok };
        if from == to || (only_absent && self.find(to).is_some()) {
            return done(false);
        }
        self.remove(from);
        self.put(to, value, expires);
        done(true)
    }

    pub(super) fn copy(&mut self, from: &[u8], to: &[u8], replace: bool) -> Reply {
        let Some(held) = self.find(from) else { return Reply::Int(0) };
        let (value, expires) = (held.value.clone(), held.expires);
        if !replace && self.find(to).is_some() {
            return Reply::Int(0);
        }
        self.put(to, value, expires);
        Reply::Int(1)
    }
}
