//! The memory that all clients of a server together may hold.

use crate::kv::Reply;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use paxos_core::Bytes;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// Less than this is not worth counting.
pub(in crate::server) const SMALL: usize = 64 << 10;

/// Values from this size on are counted once, however many answers share them.
const SHARED: usize = 16 << 10;

/// The bytes of answers beyond which a run reads no more before these are sent, so that a client that reads slowly leaves room for
/// others, however many commands it has sent at once.
const ENOUGH: usize = 64 << 20;

/// Counts the bytes of unfinished requests, of transactions, and of answers that are not sent.
#[derive(Debug)]
pub(in crate::server) struct Account {
    held: AtomicUsize,
    most: usize,
    /// How many answers share each of the large values, by address.
    shared: Mutex<BTreeMap<usize, usize>>,
    freed: Notify,
}

impl Account {
    /// An account that allows `most` bytes.
    pub(in crate::server) fn new(most: usize) -> Arc<Self> {
        let (held, shared, freed) = (AtomicUsize::new(0), Mutex::default(), Notify::new());
        Arc::new(Self { held, most, shared, freed })
    }

    /// A holder that holds nothing yet.
    pub(in crate::server) fn holder(self: &Arc<Self>) -> Charge {
        Charge { account: Arc::clone(self), bytes: 0 }
    }

    /// Ready when a holder has given something back since this call.
    pub(in crate::server) fn freed(&self) -> Notified<'_> {
        self.freed.notified()
    }

    /// Adds bytes, and returns whether all holders together may hold that.
    fn add(&self, bytes: usize) -> bool {
        self.held.fetch_add(bytes, Relaxed) + bytes <= self.most
    }

    fn give_back(&self, bytes: usize) {
        if bytes > 0 {
            self.held.fetch_sub(bytes, Relaxed);
            self.freed.notify_waiters();
        }
    }

    /// Takes back what was added in vain. That is nothing to wake those for who wait: it would be the one who takes it back.
    fn take_back(&self, bytes: usize) {
        self.held.fetch_sub(bytes, Relaxed);
    }

    fn shared(&self) -> MutexGuard<'_, BTreeMap<usize, usize>> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a value, unless another answer shares it. Returns the bytes that were counted, and whether there was room.
    fn share(&self, value: &Bytes) -> (usize, bool) {
        let mut shared = self.shared();
        let answers = shared.entry(address(value)).or_default();
        *answers += 1;
        if *answers > 1 { (0, true) } else { (value.len(), self.add(value.len())) }
    }

    /// Returns how many bytes are no longer held by any answer.
    fn unshare(&self, value: &Bytes) -> usize {
        let mut shared = self.shared();
        let Some(answers) = shared.get_mut(&address(value)) else { return 0 };
        *answers -= 1;
        if *answers > 0 {
            return 0;
        }
        shared.remove(&address(value));
        value.len()
    }
}

/// Identifies a value for as long as somebody holds it.
fn address(value: &Bytes) -> usize {
    value.as_ptr().addr()
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
        let before = core::mem::replace(&mut self.bytes, now);
        if now > before {
            return self.account.add(now - before);
        }
        self.account.give_back(before - now);
        true
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.set(0);
    }
}

/// The answers to one run of operations, which are charged until this is dropped.
///
/// A large value is charged once for all answers that share it. For the piece of it that is being sent, each run is
/// charged [`SMALL`] besides.
#[derive(Debug)]
pub(in crate::server) struct Kept {
    /// For everything that is not shared, if it is worth counting.
    own: Charge,
    bytes: usize,
    /// The large values. They are held here as well, so that no other value gets the address of one that is charged.
    shared: Vec<Bytes>,
    /// The bytes of those that no other answer shared before.
    values: usize,
}

impl Kept {
    pub(in crate::server) fn new(account: &Arc<Account>) -> Self {
        Self { own: account.holder(), bytes: 0, shared: Vec::new(), values: 0 }
    }

    /// Charges an answer if there is room for it, and returns whether there is.
    pub(in crate::server) fn admit(&mut self, reply: &Reply) -> bool {
        let (bytes, values, shared) = (self.bytes, self.values, self.shared.len());
        let fits = self.add(reply);
        if !fits {
            (self.bytes, self.values) = (bytes, values);
            let account = &self.own.account;
            let own = core::mem::replace(&mut self.own.bytes, worth(bytes));
            account.take_back(own - worth(bytes));
            self.shared.drain(shared..).for_each(|value| account.take_back(account.unshare(&value)));
        }
        fits
    }

    /// Whether it holds so much that the rest of its run is not to be read before this is sent.
    pub(in crate::server) fn is_enough(&self) -> bool {
        self.bytes + self.values >= ENOUGH
    }

    /// Charges an answer whether or not there is room for it, and returns whether there is.
    pub(in crate::server) fn add(&mut self, reply: &Reply) -> bool {
        let values_fit = self.weigh(reply);
        self.charge() && values_fit
    }

    fn charge(&mut self) -> bool {
        self.own.set(worth(self.bytes))
    }

    /// Counts the parts of an answer.
    fn weigh(&mut self, reply: &Reply) -> bool {
        match reply {
            Reply::Bulk(value) if value.len() >= SHARED => {
                if self.shared.is_empty() {
                    self.bytes += SMALL;
                }
                self.bytes += EACH;
                self.shared.push(value.clone());
                let (counted, fits) = self.own.account.share(value);
                self.values += counted;
                fits
            }
            Reply::Array(parts) => {
                self.bytes += EACH;
                let mut fits = true;
                for part in parts {
                    // What was executed is counted whole, also when there is no room.
                    fits &= self.weigh(part);
                }
                fits
            }
            Reply::Bulk(_)
            | Reply::Ok
            | Reply::Pong
            | Reply::Nil
            | Reply::NilArray
            | Reply::Int(_)
            | Reply::Word(_)
            | Reply::Map(_)
            | Reply::Error(_)
            | Reply::Refused(_) => {
                self.bytes += usize::try_from(reply.bytes()).unwrap_or(usize::MAX);
                true
            }
        }
    }
}

/// The bytes that are counted.
fn worth(bytes: usize) -> usize {
    if bytes > SMALL { bytes } else { 0 }
}

/// What an answer needs besides its bytes.
const EACH: usize = 32;

impl Drop for Kept {
    fn drop(&mut self) {
        let account = &self.own.account;
        account.give_back(self.shared.iter().map(|value| account.unshare(value)).sum());
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

    #[test]
    fn a_value_counts_once_however_many_answers_share_it() {
        let (account, large) = (Account::new(3 << 20), || Reply::Bulk(vec![0; 1 << 20].into()));
        let held = |account: &Account| account.held.load(Relaxed) >> 20;
        let value = large();
        let mut all: Vec<Kept> = (0..10).map(|_| Kept::new(&account)).collect();
        assert!(all.iter_mut().all(|kept| kept.admit(&value)));
        assert_eq!(held(&account), 1);
        assert!(all[0].admit(&large()));
        let both = Reply::Array(vec![large(), large()]);
        assert!(!all[0].admit(&both), "there is room for one");
        assert_eq!(held(&account), 2, "what is refused is not charged");
        assert!(!all[0].add(&both));
        assert_eq!(held(&account), 4, "what was executed is");
        drop(all);
        assert_eq!(account.held.load(Relaxed), 0);
    }

    #[test]
    fn many_connections_with_one_value_are_charged_for_the_pieces_that_they_send() {
        let (account, value) = (Account::new(1 << 20), Reply::Bulk(vec![0; SHARED].into()));
        let all: Vec<Kept> = (0..20)
            .map(|_| {
                let mut kept = Kept::new(&account);
                kept.admit(&value);
                kept
            })
            .collect();
        assert_eq!(all.iter().filter(|kept| !kept.shared.is_empty()).count(), 15);
    }
}
