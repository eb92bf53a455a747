//! Loads a backup into a running cluster.

use super::link::{Link, PAUSE, Servers, failed, may_pass};
use super::{BackupError, Reader, Restore};
use crate::options::arguments::Progress;
use crate::server::resp::{CallError, Value};
use core::time::Duration;
use serde::Serialize;
use std::collections::VecDeque;
use tokio::time::{Instant, sleep};

/// The most keys that are under way.
const KEYS: usize = 1024;

/// The most bytes that are under way, unless one key has more.
const BYTES: usize = 8 << 20;

/// A key that no client has. Deleting it has no effect, except that the member that does so knows every earlier write.
const NO_KEY: &str = "\0paxos-bench restore";

/// The result of a restore.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Restored {
    /// The number of keys in the backup, all of which were acknowledged.
    pub keys: u64,
    /// The number of keys in the cluster afterwards, if a server could tell.
    pub present: Option<i64>,
    /// Servers that failed while keys were on their way to them. When one of them returns, it may still execute some.
    pub failed: Vec<String>,
}

/// Checks the file, and writes its keys to the cluster.
///
/// # Errors
/// [`BackupError`].
pub fn restore(options: &Restore, step: Progress<'_>) -> Result<Restored, BackupError> {
    let tls = options.cluster.tls.connector()?;
    let percent = |keys: u64, of: u64| 100 * keys / of.max(1);
    Reader::check(&options.file, |keys, head| {
        if keys.is_multiple_of(1024) {
            step(format!("checks the file: {} %", percent(keys, head.keys)));
        }
    })?;
    let (addresses, password) = (&options.cluster.addr[..], options.cluster.password.as_deref());
    let patience = Duration::from_secs(options.cluster.patience.into());
    let servers = Servers { tls: tls.as_ref(), addresses, password, patience };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (place, link, present) = size(servers).await?;
        if present > 0 && !options.merge {
            let address = servers.address(place).to_owned();
            return Err(BackupError::NotEmpty { address, keys: present });
        }
        let mut reader = Reader::open(&options.file)?;
        let keys = reader.head().keys;
        let mut sender = Sender {
            servers,
            merge: options.merge,
            link: Some(link),
            place,
            failed: Vec::new(),
            open: VecDeque::new(),
            bytes: 0,
            done: 0,
            keys,
        };
        while let Some(words) = reader.next_key()? {
            sender.send(words).await?;
            if sender.done.is_multiple_of(256) {
                step(format!("{} of {keys} keys ({} %)", sender.done, percent(sender.done, keys)));
            }
        }
        sender.settle(0, 0).await?;
        let present = size(servers).await.ok().map(|(_, _, present)| present);
        Ok(Restored { keys, present, failed: sender.failed })
    })
}

/// Asks for the number of keys, after every write that was answered before.
async fn size(servers: Servers<'_>) -> Result<(usize, Link, i64), BackupError> {
    let (place, mut link, _) = servers.ask(&["DEL", NO_KEY]).await?;
    let address = servers.address(place);
    let size = link.call(&["DBSIZE"]).await.map_err(|error| failed(address, error))?;
    let Value::Int(keys) = size else {
        let text = "no answer to DBSIZE".into();
        return Err(BackupError::Refused { address: address.to_owned(), text });
    };
    Ok((place, link, keys))
}

/// Sends keys, and sends those again that were not acknowledged.
struct Sender<'a> {
    servers: Servers<'a>,
    merge: bool,
    link: Option<Link>,
    /// Which of the servers it is.
    place: usize,
    failed: Vec<String>,
    /// The keys that were sent and not acknowledged, in order.
    open: VecDeque<Vec<Vec<u8>>>,
    /// Their size in bytes.
    bytes: usize,
    done: u64,
    keys: u64,
}

impl Sender<'_> {
    async fn send(&mut self, mut words: Vec<Vec<u8>>) -> Result<(), BackupError> {
        // In an empty cluster a key that is there was set by this restore, or later by a client, whose value counts.
        if !self.merge {
            words.push(b"NX".to_vec());
        }
        let more = weight(&words);
        if !self.open.is_empty() && (self.open.len() >= KEYS || self.bytes + more > BYTES) {
            self.settle(KEYS / 2, BYTES / 2).await?;
        }
        if let Some(link) = &mut self.link {
            push(link, &words);
        }
        self.bytes += more;
        self.open.push_back(words);
        Ok(())
    }

    /// Waits until no more than so many keys and bytes are under way.
    async fn settle(&mut self, keys: usize, bytes: usize) -> Result<(), BackupError> {
        let mut end = Instant::now() + self.servers.again();
        while self.open.len() > keys || self.bytes > bytes {
            let before = self.done;
            let error = match self.acknowledge(keys, bytes).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            let address = self.servers.address(self.place).to_owned();
            if self.done > before {
                end = Instant::now() + self.servers.again();
            }
            let passes = !matches!(&error, CallError::Refused(text) if !may_pass(text));
            if !passes || Instant::now() >= end {
                let what = failed(&address, error).to_string();
                return Err(BackupError::Interrupted { what, done: self.done, keys: self.keys });
            }
            if self.link.take().is_some() && !self.failed.contains(&address) {
                self.failed.push(address);
            }
            self.place += 1;
            sleep(PAUSE).await;
        }
        Ok(())
    }

    async fn acknowledge(&mut self, keys: usize, bytes: usize) -> Result<(), CallError> {
        if self.link.is_none() {
            let mut link = self.servers.connect(self.place).await?;
            self.open.iter().for_each(|words| push(&mut link, words));
            self.link = Some(link);
        }
        let Some(link) = &mut self.link else { return Ok(()) };
        link.flush().await?;
        while self.open.len() > keys || self.bytes > bytes {
            link.read().await?;
            if let Some(words) = self.open.pop_front() {
                self.bytes -= weight(&words);
                self.done += 1;
            }
        }
        Ok(())
    }
}

fn push(link: &mut Link, words: &[Vec<u8>]) {
    let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
    link.push(&words);
}

fn weight(words: &[Vec<u8>]) -> usize {
    words.iter().map(Vec::len).sum()
}
