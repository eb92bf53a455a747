//! A small client: for the load generator, the examples and tests.

use super::{Value, ValueError, encode_request, read_value};
use crate::server::tls::{Connector, Stream, explain};
use std::io;
use tokio::net::TcpStream;

/// A connection to a server.
#[derive(Debug)]
pub struct Client {
    stream: Stream,
    out: Vec<u8>,
    input: Vec<u8>,
    /// How much of the input was read.
    taken: usize,
}

/// Why there is no reply.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The connection failed. What was asked may have happened.
    #[error("the connection failed: {0}; connect again, and look what happened before you repeat it")]
    Io(#[from] io::Error),
    /// The server says what no client understands.
    #[error(transparent)]
    Value(#[from] ValueError),
    /// The server refuses.
    #[error("{0}")]
    Refused(String),
}

impl Client {
    /// Connects to an address, as `127.0.0.1:7001`.
    ///
    /// # Errors
    /// As the system says.
    pub async fn connect(address: &str) -> io::Result<Self> {
        Self::connect_by(None, address).await
    }

    /// Connects to an address, with TLS if there is a connector.
    ///
    /// # Errors
    /// As the system says; also if the handshake fails.
    pub async fn connect_by(tls: Option<&Connector>, address: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let stream = match tls {
            None => Stream::Plain(stream),
            Some(tls) => tls.connect(address, stream).await?,
        };
        Ok(Self { stream, out: Vec::new(), input: Vec::new(), taken: 0 })
    }

    /// Connects as [`Client::connect_by`], and says the password if there is one.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn open(
        tls: Option<&Connector>,
        address: &str,
        password: Option<&str>,
    ) -> Result<Self, CallError> {
        let mut client = Self::connect_by(tls, address).await?;
        if let Some(password) = password {
            client.call(&["AUTH", password]).await?;
        }
        Ok(client)
    }

    /// Appends a request to those to be sent.
    pub fn push(&mut self, words: &[&[u8]]) {
        encode_request(words, &mut self.out);
    }

    /// Sends all that was pushed.
    ///
    /// # Errors
    /// As the system says.
    pub async fn flush(&mut self) -> io::Result<()> {
        let mut sent = 0;
        while let Some(rest) = self.out.get(sent..).filter(|rest| !rest.is_empty()) {
            sent += self.stream.write(rest).await?;
        }
        self.out.clear();
        self.stream.flush().await
    }

    /// The next reply, if it has come in.
    ///
    /// # Errors
    /// [`ValueError`] if it is none.
    pub fn poll(&mut self) -> Result<Option<Value>, ValueError> {
        let Some((value, length)) = read_value(&self.input[self.taken..])? else {
            self.input.drain(..self.taken);
            self.taken = 0;
            return Ok(None);
        };
        self.taken += length;
        Ok(Some(value))
    }

    /// Waits for more bytes. It may be given up at any time, and nothing is lost.
    ///
    /// # Errors
    /// As the system says; that the server closed the connection, too.
    pub async fn fill(&mut self) -> io::Result<()> {
        let read = self.stream.read_buf(&mut self.input).await;
        if read.map_err(|error| explain(error, None))? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }

    /// Waits for the next reply.
    ///
    /// # Errors
    /// [`CallError`]; an error that the server tells is a reply.
    pub async fn read(&mut self) -> Result<Value, CallError> {
        loop {
            if let Some(value) = self.poll()? {
                return Ok(value);
            }
            self.fill().await?;
        }
    }

    /// Asks, and waits for the reply.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn call<W: AsRef<[u8]>>(&mut self, words: &[W]) -> Result<Value, CallError> {
        let words: Vec<&[u8]> = words.iter().map(AsRef::as_ref).collect();
        self.push(&words);
        self.flush().await?;
        let value = self.read().await?;
        if let Value::Error(text) = value { Err(CallError::Refused(text)) } else { Ok(value) }
    }
}
