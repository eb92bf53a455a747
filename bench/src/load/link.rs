//! The connection of one client, whatever the servers speak.

use super::draw::Deed;
use crate::server::resp::{CallError, Client, Value};
use crate::server::tls::Connector;
use crate::versus::etcd;
use std::io;

/// What servers speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    /// The Redis protocol.
    Redis,
    /// The HTTP/JSON gateway of etcd.
    Etcd,
}

/// A connection to a server.
#[derive(Debug)]
pub(super) enum Link {
    Redis(Client),
    Etcd(etcd::Client),
}

impl Link {
    /// Connects, and says the password if there is one.
    pub(super) async fn connect(
        wire: Wire,
        tls: Option<&Connector>,
        address: &str,
        password: Option<&str>,
    ) -> Result<Self, CallError> {
        match wire {
            Wire::Redis => Ok(Self::Redis(Client::open(tls, address, password).await?)),
            Wire::Etcd => Ok(Self::Etcd(etcd::Client::connect(address).await?)),
        }
    }

    /// Appends a deed to what is to be sent.
    pub(super) fn push(&mut self, deed: &Deed) {
        match (self, deed) {
            (Self::Etcd(client), Deed::Put(key, value)) => client.put(key, value),
            (link, Deed::Get(key)) => link.words(&[b"GET", key]),
            (link, Deed::Put(key, value) | Deed::Cas(key, value)) => link.words(&[b"SET", key, value]),
            (link, Deed::Append(key, value)) => link.words(&[b"APPEND", key, value]),
            (link, Deed::Delete(key)) => link.words(&[b"DEL", key]),
            (link, Deed::Scan(cursor, count)) => {
                let (cursor, count) = (cursor.to_string(), count.to_string());
                link.words(&[b"SCAN", cursor.as_bytes(), b"COUNT", count.as_bytes()]);
            }
        }
    }

    /// Appends a request of the Redis protocol to what is to be sent.
    pub(super) fn words(&mut self, words: &[&[u8]]) {
        match self {
            Self::Redis(client) => client.push(words),
            // A load on etcd does not begin with another workload.
            Self::Etcd(_) => unreachable!("etcd gets updates only"),
        }
    }

    /// Sends all that was pushed.
    pub(super) async fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Redis(client) => client.flush().await,
            Self::Etcd(client) => client.flush().await,
        }
    }

    /// Waits for more bytes. It may be given up at any time, and nothing is lost.
    pub(super) async fn fill(&mut self) -> io::Result<()> {
        match self {
            Self::Redis(client) => client.fill().await,
            Self::Etcd(client) => client.fill().await,
        }
    }

    /// The next reply, if it has come in.
    pub(super) fn poll(&mut self) -> Result<Option<Value>, CallError> {
        match self {
            Self::Redis(client) => Ok(client.poll()?),
            Self::Etcd(client) => Ok(client.poll()?),
        }
    }

    /// Waits for the next reply.
    pub(super) async fn read(&mut self) -> Result<Value, CallError> {
        loop {
            if let Some(value) = self.poll()? {
                return Ok(value);
            }
            self.fill().await?;
        }
    }
}
