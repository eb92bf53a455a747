//! A peer that implements the wire format without the carrier, following `docs/transport.md`.

use crate::wire::identity;
use core::time::Duration;
use paxos_core::{Digest, NodeId};
use paxos_transport::{Identity, WIRE_VERSION};
use serde::Serialize;
use std::net::SocketAddr;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

pub(crate) const HELLO: u8 = 1;
pub(crate) const WELCOME: u8 = 2;
pub(crate) const REFUSAL: u8 = 3;
pub(crate) const MESSAGES: u8 = 4;
pub(crate) const PING: u8 = 5;
pub(crate) const PONG: u8 = 6;
pub(crate) const PART: u8 = 7;

pub(crate) fn header(kind: u8, length: u32, check: u64) -> Vec<u8> {
    let [a, b, c, d] = length.to_le_bytes();
    let mut header = vec![WIRE_VERSION, kind];
    header.extend_from_slice(&(Digest::of(&[WIRE_VERSION, kind, a, b, c, d]).0 as u16).to_le_bytes());
    header.extend_from_slice(&length.to_le_bytes());
    header.extend_from_slice(&check.to_le_bytes());
    header
}

pub(crate) fn frame(kind: u8, body: &[u8]) -> Vec<u8> {
    let check = (Digest::of(body).0 >> 64) as u64 ^ (u64::from(kind) << 56);
    let mut frame = header(kind, body.len() as u32, check);
    frame.extend_from_slice(body);
    frame
}

#[derive(Serialize)]
struct Hello {
    magic: [u8; 8],
    cluster: String,
    variant: String,
    configuration: Digest,
    from: NodeId,
    to: NodeId,
    address: Option<String>,
    store: Option<u128>,
    former: Vec<u128>,
}

/// Returns the greeting of the process that `who` names.
pub(crate) fn hello(who: &Identity, to: NodeId) -> Vec<u8> {
    let Identity { cluster, node, variant, configuration, .. } = who.clone();
    let magic = *b"paxos\r\n\0";
    let (address, store, former) = (None, None, Vec::new());
    let hello = Hello { magic, cluster, variant, configuration, from: node, to, address, store, former };
    frame(HELLO, &postcard::to_allocvec(&hello).expect("plain"))
}

/// Reads the next frame. Returns its kind and its body, or `None` if the other side has closed.
pub(crate) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Option<(u8, Vec<u8>)> {
    let mut header = [0; 16];
    stream.read_exact(&mut header).await.ok()?;
    let length = u32::from_le_bytes(*header[4..].first_chunk().expect("four bytes"));
    let mut body = vec![0; length as usize];
    stream.read_exact(&mut body).await.ok()?;
    Some((header[1], body))
}

/// Sends bytes to `address`. Returns the frame that comes back.
pub(crate) async fn say(address: SocketAddr, bytes: &[u8]) -> Option<(u8, Vec<u8>)> {
    let mut stream = TcpStream::connect(address).await.expect("somebody listens");
    answer(&mut stream, bytes).await
}

pub(crate) async fn answer<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    bytes: &[u8],
) -> Option<(u8, Vec<u8>)> {
    // The other side may already have closed.
    stream.write_all(bytes).await.ok();
    tokio::time::timeout(Duration::from_secs(60), read(stream)).await.expect("an answer, or an end")
}

/// The greeting of n1 that n0 of [`crate::wire::options`] accepts.
pub(crate) fn proper() -> Vec<u8> {
    hello(&identity(1), NodeId(0))
}
