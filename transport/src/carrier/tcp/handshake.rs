//! The handshake on a new connection: it identifies the dialling process, and checks that the two belong together.
//!
//! ```text
//!   who dials                                      who listens
//!     (TLS, if it is used: certificates both ways)
//!     Hello: cluster, variant, configuration,
//!            from, to, own address, store ──────▶
//!                                       ◀────────  Welcome, or Refusal: reason, words
//! ```

use super::frame::{Frame, FrameError, Kind, Reader, Stream, WIRE_VERSION, frame};
use super::stats::Reason;
use super::tls;
use crate::identity::Identity;
use core::time::Duration;
use paxos_core::{Digest, Former, Incarnation, NodeId, Start};
use serde::{Deserialize, Serialize};
use std::io;
use tokio::io::{AsyncWriteExt, BufReader, WriteHalf};
use tokio::net::TcpStream;

pub(super) type Writer = WriteHalf<Box<dyn Stream>>;

/// The stream under TLS, with a larger buffer: TLS alone reads only four kibibytes at a time.
pub(super) fn buffered(stream: TcpStream) -> BufReader<TcpStream> {
    BufReader::with_capacity(1 << 15, stream)
}

/// Splits a connection whose peer has not sent anything yet.
pub(super) fn split(stream: Box<dyn Stream>) -> (Reader, Writer) {
    let (reader, writer) = tokio::io::split(stream);
    (Reader::new(reader), writer)
}

/// Why a connection was not made, or has ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// An error that does not pass by itself.
    #[error("{what}")]
    Refused { reason: Reason, what: String },
    /// The peer or the network cannot be reached.
    #[error(transparent)]
    Gone(#[from] io::Error),
}

impl Failure {
    pub(super) fn refused(reason: Reason, what: impl Into<String>) -> Self {
        Self::Refused { reason, what: what.into() }
    }

    /// Creates the error for something that took longer than allowed.
    pub(super) fn silent(what: &str, allowed: Duration) -> Self {
        Self::refused(Reason::Silent, format!("{what} within {allowed:?}"))
    }

    /// Creates the error for a failure while TLS was set up or used.
    pub(super) fn of_io(error: io::Error) -> Self {
        match tls::reason(&error) {
            Some(reason) if tls::is_plain(&error) => {
                let what = "it does not speak TLS, and this process does: give certificates to all processes, \
                            or to none";
                Self::refused(reason, what)
            }
            Some(reason) => Self::refused(reason, format!("no connection with TLS: {error}")),
            None => Self::Gone(error),
        }
    }
}

impl From<FrameError> for Failure {
    fn from(error: FrameError) -> Self {
        let reason = match &error {
            FrameError::Version(_) => Reason::Version,
            FrameError::Damaged => Reason::Damaged,
            FrameError::TooLarge { .. } => Reason::TooLarge,
            FrameError::Tls | FrameError::Io(_) => Reason::Tls,
        };
        match error {
            FrameError::Io(error) => Self::of_io(error),
            FrameError::Version(_) | FrameError::Tls | FrameError::Damaged | FrameError::TooLarge { .. } => {
                Self::refused(reason, error.to_string())
            }
        }
    }
}

/// The first frame on a connection.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Hello {
    /// Marks the protocol.
    magic: [u8; 8],
    cluster: String,
    variant: String,
    configuration: Digest,
    pub(super) from: NodeId,
    to: NodeId,
    /// The address at which the sender can be reached, if it advertises one.
    pub(super) address: Option<String>,
    /// The sender's store and its current incarnation, if known yet; messages carry the number of its writes.
    pub(super) store: Option<Incarnation>,
    /// The starts that the store remembers.
    pub(super) former: Vec<Start>,
}

const MAGIC: [u8; 8] = *b"paxos\r\n\0";

/// The answer to a greeting from a process that does not belong here.
#[derive(Serialize, Deserialize)]
struct Refusal {
    /// The index in [`Reason::ALL`].
    code: u8,
    words: String,
}

impl Hello {
    pub(super) fn new(
        me: &Identity,
        to: NodeId,
        address: Option<String>,
        store: Option<(Incarnation, Former)>,
    ) -> Self {
        let Identity { cluster, node, variant, configuration, .. } = me.clone();
        let former = store.as_ref().map_or_else(Vec::new, |(_, former)| former.starts().to_vec());
        let store = store.map(|(store, _)| store);
        Self { magic: MAGIC, cluster, variant, configuration, from: node, to, address, store, former }
    }

    /// Checks that `me` is the addressee, and that the two processes belong together.
    pub(super) fn check(&self, me: &Identity) -> Result<(), Failure> {
        let Self { cluster, variant, from, to, .. } = self;
        let wrong = |reason, what: String| Err(Failure::refused(reason, what));
        if *cluster != me.cluster {
            return wrong(
                Reason::Cluster,
                format!("{from} is of cluster {cluster:?}, {} of {:?}", me.node, me.cluster),
            );
        }
        if *variant != me.variant {
            return wrong(
                Reason::Variant,
                format!("{from} runs {variant:?}, {} runs {:?}", me.node, me.variant),
            );
        }
        if self.configuration != me.configuration {
            let what = format!(
                "{from} and {} were configured differently (members, quorums, leases or session limits): \
                 give all processes the same configuration",
                me.node
            );
            return wrong(Reason::Configuration, what);
        }
        if *to != me.node {
            return wrong(Reason::Addressee, format!("{from} dialled {to}, but reached {}", me.node));
        }
        if *from == me.node {
            return wrong(Reason::Sender, format!("another process also calls itself {from}"));
        }
        Ok(())
    }
}

/// Greets as the dialling side. When this returns, the peer has sent its welcome.
pub(super) async fn dial(hello: &Hello, reader: &mut Reader, writer: &mut Writer) -> Result<(), Failure> {
    let body = postcard::to_allocvec(hello).map_err(io::Error::other)?;
    send(writer, Kind::Hello, &body).await?;
    let Frame { kind, body } = reader.next().await?.ok_or_else(closed)?;
    match kind {
        Kind::Welcome => Ok(()),
        Kind::Refusal => Err(refusal(hello.to, &body)),
        Kind::Hello | Kind::Messages | Kind::Part | Kind::Ping | Kind::Pong => {
            Err(FrameError::Damaged.into())
        }
    }
}

/// Returns the error for a refusal that `peer` sent.
pub(super) fn refusal(peer: NodeId, body: &[u8]) -> Failure {
    let Ok(Refusal { code, words }) = postcard::from_bytes(body) else {
        return FrameError::Damaged.into();
    };
    let reason = Reason::ALL.get(usize::from(code)).copied().unwrap_or(Reason::Version);
    let words: String = words.chars().take(512).flat_map(char::escape_debug).collect();
    Failure::refused(reason, format!("{peer} refuses the connection: {words}"))
}

/// Receives the greeting as the listening side.
pub(super) async fn hear(reader: &mut Reader) -> Result<Hello, Failure> {
    let Frame { kind, body } = reader.next().await?.ok_or_else(closed)?;
    let hello = postcard::take_from_bytes::<Hello>(&body).ok().filter(|(_, rest)| rest.is_empty());
    match (kind, hello) {
        (Kind::Hello, Some((hello, _))) if hello.magic == MAGIC => Ok(hello),
        _ => Err(Failure::refused(Reason::Version, "it does not begin with a greeting of this protocol")),
    }
}

/// Tells the peer that it is accepted.
pub(super) async fn welcome(writer: &mut Writer) -> Result<(), Failure> {
    Ok(send(writer, Kind::Welcome, &[]).await?)
}

/// Tells the peer why it is refused. It may already have gone away.
pub(super) async fn refuse(writer: &mut Writer, reason: Reason, what: &str) -> io::Result<()> {
    let code = Reason::ALL.iter().position(|r| *r == reason).unwrap_or_default() as u8;
    let words = format!("{what} (wire format {WIRE_VERSION})");
    let body = postcard::to_allocvec(&Refusal { code, words }).map_err(io::Error::other)?;
    send(writer, Kind::Refusal, &body).await?;
    writer.shutdown().await
}

pub(super) async fn send(writer: &mut Writer, kind: Kind, body: &[u8]) -> io::Result<()> {
    writer.write_all(&frame(kind, body)).await?;
    writer.flush().await
}

fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the other side closed the connection")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::carrier::tcp::frame::GREETING;
    use paxos_core::StoreMark;

    #[test]
    fn a_greeting_has_room_for_all_starts_that_a_store_remembers() {
        let start = Start { opened: 1 << 56, nonce: u32::MAX };
        let former = Former::new(&[start; Former::MOST]);
        let store = Incarnation::begin(StoreMark { id: u128::MAX, writes: 1 << 56 }, u32::MAX);
        let identity = Identity {
            cluster: "c".repeat(1024),
            node: NodeId(0),
            variant: "v".repeat(256),
            configuration: Digest(u128::MAX),
            genesis: String::new(),
            lease: None,
        };
        let hello = Hello::new(&identity, NodeId(1), Some("a".repeat(256)), Some((store, former)));
        assert!(postcard::to_allocvec(&hello).expect("encoded").len() <= GREETING);
    }
}
