//! One operation of a client: what it draws, sends and records.

use super::{Caller, Heard, Role, Shared};
use crate::linearize::{Deed, Operation};
use crate::server::resp::Value;
use paxos_transport::sim::Chance;
use std::sync::PoisonError;
use std::sync::atomic::Ordering::SeqCst;
use tokio::time::timeout;

/// Keys that all clients use: counters, lists and registers.
const KEYS: [&str; 7] = ["c:0", "c:1", "l:0", "l:1", "r:0", "r:1", "r:2"];

/// After this many answered writes the keys change, so that the search for an order stays short.
const GENERATION: u64 = 300;

/// After this many unknown outcomes the keys change, because each may double the length of that search.
const UNSURE: u64 = 10;

impl Shared {
    pub(super) fn now(&self) -> u64 {
        self.epoch.elapsed().as_nanos() as u64
    }

    pub(super) fn note(&self, client: u64, key: &str, deed: Deed, begun: u64, known: bool) {
        let ended = known.then(|| self.now());
        let operation = Operation { client, key: key.into(), deed, begun, ended };
        self.history.lock().unwrap_or_else(PoisonError::into_inner).push(operation);
    }

    /// A key that is written now.
    fn key(&self, chance: &mut Chance) -> String {
        let key = KEYS[chance.below(KEYS.len() as u64) as usize];
        let generation = self.changed.load(SeqCst) / GENERATION + self.unknown.load(SeqCst) / UNSURE;
        format!("{}{key}:{generation}", self.habits.prefix)
    }

    /// Performs one operation and records it. Returns whether the connection is still usable.
    pub(super) async fn turn(&self, caller: &mut Caller, chance: &mut Chance, value: String) -> bool {
        let key = &*self.key(chance);
        if caller.role == Role::Reader {
            return self.deed(caller, key, Deed::Get(None)).await;
        }
        let kind = key[self.habits.prefix.len()..].bytes().next();
        match (kind, chance.below(100)) {
            // A key that is written once. At the end it must have this value.
            (_, 0..10) => {
                let key = format!("{}w:{value}", self.habits.prefix);
                self.deed(caller, &key, Deed::Put(value)).await
            }
            (_, 10..40) => self.deed(caller, key, Deed::Get(None)).await,
            (Some(b'c'), _) => self.deed(caller, key, Deed::Incr(None)).await,
            (Some(b'l'), 40..95) => self.deed(caller, key, Deed::Append(value, None)).await,
            (Some(b'r'), 75..) => self.compare_and_set(caller, key, value).await,
            _ => self.deed(caller, key, Deed::Put(value)).await,
        }
    }

    async fn deed(&self, caller: &mut Caller, key: &str, mut deed: Deed) -> bool {
        let begun = self.now();
        let heard = match &deed {
            Deed::Get(_) => self.ask(caller, &[&["GET", key]]).await,
            Deed::Put(value) | Deed::Cas(_, value) => self.ask(caller, &[&["SET", key, value]]).await,
            Deed::Append(value, _) => self.ask(caller, &[&["APPEND", key, value]]).await,
            Deed::Delete(_) => self.ask(caller, &[&["DEL", key]]).await,
            Deed::Incr(_) => self.ask(caller, &[&["INCR", key]]).await,
        };
        if let Heard::Answer(value) = &heard {
            if !matches!(deed, Deed::Get(_)) {
                self.changed.fetch_add(1, SeqCst);
            }
            let number = if let Value::Int(n) = value { Some(*n) } else { None };
            match &mut deed {
                Deed::Get(seen) => *seen = value.text(),
                Deed::Append(_, length) => *length = number.map(|n| n as usize),
                Deed::Delete(had) => *had = number.map(|n| n > 0),
                Deed::Incr(seen) => *seen = number,
                Deed::Put(_) | Deed::Cas(..) => {}
            }
        }
        self.conclude(caller.name, key, deed, begun, &heard)
    }

    async fn compare_and_set(&self, caller: &mut Caller, key: &str, value: String) -> bool {
        let begun = self.now();
        let from = match self.ask(caller, &[&["WATCH", key], &["GET", key]]).await {
            Heard::Answer(value) => value.text(),
            Heard::Broken => return false,
            Heard::NotDone | Heard::Unknown => return true,
        };
        self.note(caller.name, key, Deed::Get(from.clone()), begun, true);
        let begun = self.now();
        let heard = self.ask(caller, &[&["MULTI"], &["SET", key, &value], &["EXEC"]]).await;
        // Another client was faster.
        if matches!(heard, Heard::Answer(Value::Nil)) {
            return true;
        }
        self.conclude(caller.name, key, Deed::Cas(from, value), begun, &heard)
    }

    fn conclude(&self, name: u64, key: &str, deed: Deed, begun: u64, heard: &Heard) -> bool {
        match heard {
            Heard::Answer(_) => self.note(name, key, deed, begun, true),
            Heard::Unknown | Heard::Broken if !matches!(deed, Deed::Get(_)) => {
                self.unknown.fetch_add(1, SeqCst);
                self.note(name, key, deed, begun, false);
            }
            Heard::Unknown | Heard::Broken | Heard::NotDone => {
                self.failed.fetch_add(1, SeqCst);
            }
        }
        !matches!(heard, Heard::Broken)
    }

    /// Sends several requests in turn. Returns the answer to the last one, if none is refused.
    async fn ask(&self, caller: &mut Caller, requests: &[&[&str]]) -> Heard {
        let (patience, client) = (self.patience(caller.role), &mut caller.client);
        for words in requests {
            let words: Vec<&[u8]> = words.iter().map(|word| word.as_bytes()).collect();
            client.push(&words);
        }
        let answers = timeout(patience, async {
            client.flush().await.ok()?;
            let mut heard = self.judge(client.read().await.ok()?);
            for _ in 1..requests.len() {
                let next = self.judge(client.read().await.ok()?);
                // A refusal affects the requests that follow it.
                if let Heard::Answer(_) = heard {
                    heard = next;
                }
            }
            Some(heard)
        });
        match answers.await {
            Ok(Some(heard)) => heard,
            Ok(None) | Err(_) => Heard::Broken,
        }
    }

    fn judge(&self, value: Value) -> Heard {
        let Some(text) = value.error() else {
            self.acknowledged.fetch_add(1, SeqCst);
            return Heard::Answer(value);
        };
        if text.starts_with("UNKNOWN") {
            return Heard::Unknown;
        }
        if !text.starts_with("TRYAGAIN") && !text.starts_with("CLUSTERDOWN") {
            self.odd.lock().unwrap_or_else(PoisonError::into_inner).push(text.into());
        }
        Heard::NotDone
    }
}
