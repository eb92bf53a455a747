//! Loads a backup into a running cluster.

use super::take::{connect, refused};
use super::{BackupError, Reader, Restore};
use crate::server::resp::{CallError, Client, Value};
use crate::server::tls::Connector;
use core::time::Duration;
use serde::Serialize;
use std::collections::VecDeque;
use tokio::time::{Instant, sleep};

/// Keys that are on their way at most.
const KEYS: usize = 1024;

/// Bytes that are on their way at most, unless one key has more.
const BYTES: usize = 8 << 20;

/// For this long, servers that fail are asked again.
const PATIENCE: Duration = Duration::from_secs(60);

/// The pause before a server is asked again.
const PAUSE: Duration = Duration::from_millis(200);

/// What was restored.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Restored {
    /// How many keys the backup has, all of which were acknowledged.
    pub keys: u64,
    /// How many keys the cluster has now.
    pub present: i64,
}

/// Checks the file, and writes its keys to the cluster.
///
/// # Errors
/// [`BackupError`].
pub fn restore(options: &Restore, mut step: impl FnMut(String)) -> Result<Restored, BackupError> {
    let tls = options.tls.connector()?;
    let percent = |keys: u64, of: u64| 100 * keys / of.max(1);
    Reader::check(&options.file, |keys, head| {
        if keys.is_multiple_of(1024) {
            step(format!("checks the file: {} %", percent(keys, head.keys)));
        }
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (address, mut client) = connect(tls.as_ref(), &options.addr, options.password.as_deref()).await?;
        let present = size(&mut client, &address).await?;
        if present > 0 && !options.merge {
            return Err(BackupError::NotEmpty { address, keys: present });
        }
        let mut reader = Reader::open(&options.file)?;
        let keys = reader.head().keys;
        let place = options.addr.iter().position(|known| *known == address).unwrap_or_default();
        let mut sender = Sender {
            options,
            tls: tls.as_ref(),
            client: Some(client),
            place,
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
        sender.finish().await?;
        let (address, mut client) = connect(tls.as_ref(), &options.addr, options.password.as_deref()).await?;
        Ok(Restored { keys, present: size(&mut client, &address).await? })
    })
}

async fn size(client: &mut Client, address: &str) -> Result<i64, BackupError> {
    match client.call(&["DBSIZE"]).await {
        Ok(Value::Int(keys)) => Ok(keys),
        Ok(_) => {
            Err(BackupError::Refused { address: address.to_owned(), text: "no answer to DBSIZE".into() })
        }
        Err(error) => Err(refused(address, error)),
    }
}

/// Sends keys, and sends those again that were not acknowledged: to set a key twice does no harm.
struct Sender<'a> {
    options: &'a Restore,
    tls: Option<&'a Connector>,
    client: Option<Client>,
    /// Which of the addresses it is.
    place: usize,
    /// What was sent and not acknowledged, in order.
    open: VecDeque<Vec<Vec<u8>>>,
    /// Bytes of that.
    bytes: usize,
    done: u64,
    keys: u64,
}

impl Sender<'_> {
    async fn send(&mut self, words: Vec<Vec<u8>>) -> Result<(), BackupError> {
        let more = weight(&words);
        if !self.open.is_empty() && (self.open.len() >= KEYS || self.bytes + more > BYTES) {
            self.settle(KEYS / 2, BYTES / 2).await?;
        }
        if let Some(client) = &mut self.client {
            push(client, &words);
        }
        self.bytes += more;
        self.open.push_back(words);
        Ok(())
    }

    async fn finish(&mut self) -> Result<(), BackupError> {
        self.settle(0, 0).await
    }

    /// Waits until no more than so many keys and bytes are on their way.
    async fn settle(&mut self, keys: usize, bytes: usize) -> Result<(), BackupError> {
        let mut patience = Instant::now() + PATIENCE;
        while self.open.len() > keys || self.bytes > bytes {
            let failed = match self.acknowledge(keys, bytes, &mut patience).await {
                Ok(()) => return Ok(()),
                // Another answer would be the same.
                Err(CallError::Refused(text)) if !may_pass(&text) => {
                    return Err(BackupError::Refused { address: self.address().to_owned(), text });
                }
                Err(error) => error,
            };
            if Instant::now() >= patience {
                let (address, what) = (self.address().to_owned(), failed.to_string());
                return Err(BackupError::Interrupted { address, what, done: self.done, keys: self.keys });
            }
            self.client = None;
            self.place = (self.place + 1) % self.options.addr.len().max(1);
            sleep(PAUSE).await;
        }
        Ok(())
    }

    async fn acknowledge(
        &mut self,
        keys: usize,
        bytes: usize,
        patience: &mut Instant,
    ) -> Result<(), CallError> {
        if self.client.is_none() {
            let password = self.options.password.as_deref();
            let mut client = Client::open(self.tls, self.address(), password).await?;
            self.open.iter().for_each(|words| push(&mut client, words));
            self.client = Some(client);
        }
        let Some(client) = &mut self.client else { return Ok(()) };
        client.flush().await?;
        while self.open.len() > keys || self.bytes > bytes {
            if let Value::Error(text) = client.read().await? {
                return Err(CallError::Refused(text));
            }
            if let Some(words) = self.open.pop_front() {
                self.bytes -= weight(&words);
                self.done += 1;
            }
            *patience = Instant::now() + PATIENCE;
        }
        Ok(())
    }

    fn address(&self) -> &str {
        self.options.addr.get(self.place).map_or("", String::as_str)
    }
}

/// Whether a server that refuses may take the same later: it has no quorum, or too much to do.
fn may_pass(text: &str) -> bool {
    ["TRYAGAIN", "UNKNOWN", "CLUSTERDOWN", "OVERLOADED", "LOADING"].iter().any(|word| text.starts_with(word))
}

fn push(client: &mut Client, words: &[Vec<u8>]) {
    let words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
    client.push(&words);
}

fn weight(words: &[Vec<u8>]) -> usize {
    words.iter().map(Vec::len).sum()
}
