//! A connection, with or without TLS.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Poll, ready};
use tokio::io::{AsyncBufRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsStream;

/// Bytes that are read at a time by [`Stream::discard`].
const DISCARDED: usize = 16 << 10;

/// A connection, with or without TLS.
#[derive(Debug)]
pub(in crate::server) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// Waits for bytes and appends them; 0 is the end. The buffer gets `room` more bytes only when bytes have arrived, so a
    /// connection that waits holds none. The call may be dropped at any time, and nothing is lost.
    pub(in crate::server) async fn receive(&mut self, into: &mut Vec<u8>, room: usize) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => loop {
                stream.readable().await?;
                into.reserve(room);
                match stream.try_read_buf(into) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => into.shrink_to_fit(),
                    done => return done,
                }
            },
            // rustls holds the bytes of one record; no other buffer is needed to wait for them.
            Self::Tls(stream) => {
                poll_fn(|cx| {
                    let mut stream = Pin::new(&mut *stream);
                    let bytes = ready!(stream.as_mut().poll_fill_buf(cx))?;
                    into.extend_from_slice(bytes);
                    let taken = bytes.len();
                    stream.consume(taken);
                    Poll::Ready(Ok(taken))
                })
                .await
            }
        }
    }

    /// Waits for bytes and appends them; 0 is the end. The buffer has room while it waits. The call may be dropped at any
    /// time, and nothing is lost.
    pub(in crate::server) async fn read_buf(&mut self, into: &mut Vec<u8>) -> io::Result<usize> {
        match self {
            Self::Plain(stream) => stream.read_buf(into).await,
            Self::Tls(stream) => stream.read_buf(into).await,
        }
    }

    /// Writes some of the bytes, as soon as there is room. [`Stream::flush`] sends what TLS keeps back.
    pub(in crate::server) async fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = match self {
            Self::Plain(stream) => stream.write(bytes).await,
            Self::Tls(stream) => stream.write(bytes).await,
        };
        match written {
            Ok(0) if !bytes.is_empty() => Err(io::ErrorKind::WriteZero.into()),
            written => written,
        }
    }

    /// Sends all that was written: TLS keeps back 64 KiB at most.
    pub(in crate::server) async fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.flush().await,
            Self::Tls(stream) => stream.flush().await,
        }
    }

    /// Says that nothing more will be sent.
    pub(in crate::server) async fn shutdown(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(stream) => stream.shutdown().await,
            Self::Tls(stream) => stream.shutdown().await,
        }
    }

    /// Says that nothing more will be sent, and reads and forgets what still arrives. A connection that is closed while bytes
    /// wait to be read is reset, and then the other side may never see why.
    pub(in crate::server) async fn discard(&mut self) -> io::Result<()> {
        self.shutdown().await?;
        let mut forgotten = Vec::with_capacity(DISCARDED);
        while self.read_buf(&mut forgotten).await? > 0 {
            forgotten.clear();
        }
        Ok(())
    }
}
