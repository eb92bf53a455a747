//! The memory that all clients of a server together may hold.

use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::Arc;

/// Less than this is not worth counting.
pub(in crate::server) const SMALL: usize = 64 << 10;

/// Counts the bytes of unfinished requests, of transactions, and of answers that are not sent.
#[derive(Debug)]
pub(in crate::server) struct Account {
    held: AtomicUsize,
    most: usize,
}

impl Account {
    /// An account that allows `most` bytes.
    pub(in crate::server) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { held: AtomicUsize::new(0), most })
    }

    /// A holder that holds nothing yet.
    pub(in crate::server) fn holder(self: &Arc<Self>) -> Charge {
        Charge { account: Arc::clone(self), bytes: 0 }
    }
}

/// The bytes that one holder is charged for, until this is dropped.
#[derive(Debug)]
pub(in crate::server) struct Charge {
    account: Arc<Account>,
    bytes: usize,
}

impl Charge {
    /// Changes the number of bytes, and returns whether all holders together may hold that. Less than before they may.
    pub(in crate::server) fn set(&mut self, now: usize) -> bool {
        let (before, Account { held, most }) = (self.bytes, &*self.account);
        self.bytes = now;
        if now <= before {
            if now < before {
                held.fetch_sub(before - now, Relaxed);
            }
            return true;
        }
        let more = now - before;
        held.fetch_add(more, Relaxed) + more <= *most
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holders_share_a_limit_and_give_back_what_they_held() {
        let account = Account::new(100);
        let (mut one, mut other) = (account.holder(), account.holder());
        assert!(one.set(60));
        assert!(!other.set(60), "together they hold too much");
        assert!(other.set(50), "less than before is always allowed");
        drop(one);
        assert!(other.set(100));
    }
}
