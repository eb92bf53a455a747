//! A connection to a server that may stop answering at any time.

use super::BackupError;
use crate::server::resp::{CallError, Client, Value};
use crate::server::tls::Connector;
use core::future::Future;
use core::time::Duration;
use std::io;
use tokio::time::{Instant, sleep, timeout};

/// Servers that fail are asked again for this long after the last progress.
const AGAIN: Duration = Duration::from_secs(60);

/// A cluster without a leader may elect one within this time.
const ELECTION: Duration = Duration::from_secs(5);

/// The pause before servers are asked again.
pub(super) const PAUSE: Duration = Duration::from_millis(200);

/// The servers of a cluster, and how to connect to them.
#[derive(Clone, Copy)]
pub(super) struct Servers<'a> {
    pub(super) tls: Option<&'a Connector>,
    pub(super) addresses: &'a [String],
    pub(super) password: Option<&'a str>,
    /// A server that does not answer for this long is given up.
    pub(super) patience: Duration,
}

/// A connection to one of them.
pub(super) struct Link {
    client: Client,
    patience: Duration,
}

impl Servers<'_> {
    /// How long servers that fail are asked again after the last progress: enough for two of them.
    pub(super) fn again(&self) -> Duration {
        AGAIN.max(self.patience.saturating_mul(2))
    }

    pub(super) fn address(&self, place: usize) -> &str {
        self.addresses.get(place % self.addresses.len().max(1)).map_or("", String::as_str)
    }

    /// Connects to one server.
    pub(super) async fn connect(&self, place: usize) -> Result<Link, CallError> {
        let patience = self.patience;
        let client = within(patience, Client::open(self.tls, self.address(place), self.password)).await?;
        Ok(Link { client, patience })
    }

    /// Asks one server after the other, until one answers. Returns the place of that one, the connection and its answer.
    ///
    /// # Errors
    /// The last failure, when all have failed for a while, or a refusal that would be repeated.
    pub(super) async fn ask(&self, words: &[&str]) -> Result<(usize, Link, Value), BackupError> {
        let end = Instant::now() + ELECTION;
        let mut refusal = None;
        loop {
            let mut reached = false;
            for place in 0..self.addresses.len() {
                let asked = async {
                    let mut link = self.connect(place).await?;
                    let value = link.call(words).await?;
                    Ok((link, value))
                };
                match asked.await {
                    Ok((link, value)) => return Ok((place, link, value)),
                    Err(error) => {
                        reached |= matches!(&error, CallError::Refused(text) if may_pass(text));
                        refusal = Some(failed(self.address(place), error));
                    }
                }
            }
            // A cluster that cannot be reached at all is not there; one that refuses may be about to elect a leader.
            if !reached || Instant::now() >= end {
                let none = || BackupError::Io(io::ErrorKind::AddrNotAvailable.into());
                return Err(refusal.unwrap_or_else(none));
            }
            sleep(PAUSE).await;
        }
    }
}

impl Link {
    pub(super) fn push(&mut self, words: &[&[u8]]) {
        self.client.push(words);
    }

    pub(super) async fn flush(&mut self) -> Result<(), CallError> {
        within(self.patience, async { Ok(self.client.flush().await?) }).await
    }

    /// Reads the next reply.
    ///
    /// # Errors
    /// [`CallError`]; an error that the server sends is a [`CallError::Refused`].
    pub(super) async fn read(&mut self) -> Result<Value, CallError> {
        let value = within(self.patience, self.client.read()).await?;
        if let Value::Error(text) = value { Err(CallError::Refused(text)) } else { Ok(value) }
    }

    pub(super) async fn call(&mut self, words: &[&str]) -> Result<Value, CallError> {
        within(self.patience, self.client.call(words)).await
    }
}

async fn within<T>(
    patience: Duration,
    work: impl Future<Output = Result<T, CallError>>,
) -> Result<T, CallError> {
    let silent = || {
        io::Error::new(io::ErrorKind::TimedOut, format!("no answer for {} s: --patience", patience.as_secs()))
    };
    timeout(patience, work).await.unwrap_or_else(|_| Err(CallError::Io(silent())))
}

/// Whether a server that refuses may accept the same later: it has no quorum, or too much to do.
pub(super) fn may_pass(text: &str) -> bool {
    ["TRYAGAIN", "UNKNOWN", "CLUSTERDOWN"].iter().any(|word| text.starts_with(word))
}

/// Names the server that failed.
pub(super) fn failed(address: &str, error: CallError) -> BackupError {
    let address = address.to_owned();
    match error {
        CallError::Refused(text) => BackupError::Refused { address, text },
        CallError::Io(source) => BackupError::Unreachable { address, what: source.to_string() },
        CallError::Value(error) => BackupError::Unreachable { address, what: error.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[tokio::test(start_paused = true)]
    async fn a_silent_server_is_given_up_when_the_patience_ends() {
        let silent = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let addresses = [silent.local_addr().expect("an address").to_string()];
        for patience in [20, 50].map(Duration::from_secs) {
            let servers = Servers { tls: None, addresses: &addresses, password: None, patience };
            let begun = Instant::now();
            let asked = servers.ask(&["PING"]).await;
            assert!(matches!(asked, Err(BackupError::Unreachable { .. })));
            assert_eq!(begun.elapsed().as_secs(), patience.as_secs());
            assert!(servers.again() > patience, "another one is asked");
        }
    }
}
