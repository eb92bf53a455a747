//! The frames that travel on a connection.
//!
//! ```text
//!   0        1       2              4            8             16
//!   ┌────────┬───────┬──────────────┬────────────┬─────────────┬────── … ──┐
//!   │version │ kind  │ check of the │ length of  │ check of    │ body      │
//!   │        │       │ header       │ the body   │ the body    │           │
//!   └────────┴───────┴──────────────┴────────────┴─────────────┴────── … ──┘
//! ```
//!
//! Numbers are little-endian. The body of a frame with a wrong check is never parsed: damage passes TCP's 16-bit
//! checksum, and a proxy may also cause some. The check of a body detects every change within eight bytes, and any
//! other change except with probability 2⁻⁶⁴.

use bytes::{Buf, Bytes, BytesMut};
use paxos_core::Digest;
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadHalf};

/// The version of the whole wire format: frames, handshake, and the encoding of messages.
pub const WIRE_VERSION: u8 = 9;

/// The length of a header, in bytes.
pub(super) const HEADER: usize = 16;

/// The longest body, in bytes, until the peer is identified: there is room for as many starts as a store remembers.
pub(super) const GREETING: usize = 16 << 10;

/// Frames are rarely longer than this, in bytes.
const LARGE: usize = 1 << 20;

/// The purpose of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub(super) enum Kind {
    /// The dialling process, and the one that it dials.
    Hello = 1,
    /// The answer that accepts the connection.
    Welcome = 2,
    /// The answer that refuses the connection, with a reason.
    Refusal = 3,
    /// Messages, each preceded by its length in four bytes.
    Messages = 4,
    /// A question whether the peer is still there.
    Ping = 5,
    /// The answer to a ping, and a sign that what was sent arrives while that takes long.
    Pong = 6,
    /// The next part of a message that is so long that others must not wait behind it.
    Part = 7,
}

impl Kind {
    const ALL: [Self; 7] =
        [Self::Hello, Self::Welcome, Self::Refusal, Self::Messages, Self::Ping, Self::Pong, Self::Part];
}

#[derive(Debug)]
pub(super) struct Frame {
    pub(super) kind: Kind,
    pub(super) body: Bytes,
}

/// Why bytes are not a frame.
#[derive(Debug, thiserror::Error)]
pub(super) enum FrameError {
    #[error("it speaks version {0} of the wire format, this process version {WIRE_VERSION}")]
    Version(u8),
    #[error("it speaks TLS, and this process does not: give certificates to all processes, or to none")]
    Tls,
    #[error("a frame was damaged in transit")]
    Damaged,
    #[error("a frame of {length} bytes, where {limit} are allowed")]
    TooLarge { length: usize, limit: usize },
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Cuts a stream into frames. For data that has not arrived it reserves at most a mebibyte.
#[derive(Debug)]
pub(super) struct Frames {
    /// The longest body that is accepted, in bytes.
    pub(super) limit: usize,
}

impl Frames {
    /// Removes the frame at the start of `bytes` and returns it; `None` if it has not arrived in full.
    fn decode(&mut self, bytes: &mut BytesMut) -> Result<Option<Frame>, FrameError> {
        // Check the version first, since another version may have a different layout.
        match bytes.first() {
            None | Some(&WIRE_VERSION) => {}
            // The types of TLS records (RFC 8446, §5.1), which are never versions of this format.
            Some(20..=23) => return Err(FrameError::Tls),
            Some(&version) => return Err(FrameError::Version(version)),
        }
        let Some((header, rest)) = bytes.split_at_checked(HEADER) else {
            return Ok(None);
        };
        let mut fields = &header[1..];
        let (kind, header_check) = (fields.get_u8(), fields.get_u16_le());
        let (length, check) = (fields.get_u32_le(), fields.get_u64_le());
        if header_check != check_of_header(kind, length) {
            return Err(FrameError::Damaged);
        }
        let kind = Kind::ALL.into_iter().find(|k| *k as u8 == kind).ok_or(FrameError::Damaged)?;
        let length = length as usize;
        if length > self.limit {
            return Err(FrameError::TooLarge { length, limit: self.limit });
        }
        let Some(body) = rest.get(..length) else {
            let missing = length - rest.len();
            bytes.reserve(missing.min(LARGE));
            return Ok(None);
        };
        if check != check_of(kind, body) {
            return Err(FrameError::Damaged);
        }
        bytes.advance(HEADER);
        let body = bytes.split_to(length).freeze();
        if length > LARGE {
            // Release the memory that a large frame needed.
            *bytes = BytesMut::from(&bytes[..]);
        }
        Ok(Some(Frame { kind, body }))
    }
}

/// A connection, with or without TLS.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// The receiving half of a connection.
pub(super) struct Reader {
    stream: ReadHalf<Box<dyn Stream>>,
    frames: Frames,
    buffer: BytesMut,
}

impl Reader {
    /// Creates the reader of a connection whose peer is not identified yet: it accepts only short frames.
    pub(super) fn new(stream: ReadHalf<Box<dyn Stream>>) -> Self {
        Self { stream, frames: Frames { limit: GREETING }, buffer: BytesMut::new() }
    }

    /// Accepts frames of up to `limit` bytes from now on.
    pub(super) fn trust(&mut self, limit: usize) {
        self.frames.limit = limit;
    }

    /// Returns the next frame; `None` if the other side has closed. The future may be dropped without losing anything.
    pub(super) async fn next(&mut self) -> Result<Option<Frame>, FrameError> {
        loop {
            let frame = self.whole()?;
            if frame.is_some() || !self.more().await? {
                return Ok(frame);
            }
        }
    }

    /// Returns the next frame if it has arrived.
    pub(super) fn whole(&mut self) -> Result<Option<Frame>, FrameError> {
        self.frames.decode(&mut self.buffer)
    }

    /// Waits for more bytes. Returns false if the other side has closed. The future may be dropped without losing anything.
    pub(super) async fn more(&mut self) -> io::Result<bool> {
        // Once the peer is identified, the buffer has room for many small messages.
        let room = if self.frames.limit > GREETING { 1 << 16 } else { GREETING };
        if self.buffer.capacity() - self.buffer.len() < room / 4 {
            self.buffer.reserve(room);
        }
        let more = self.stream.read_buf(&mut self.buffer).await? > 0;
        if more || self.buffer.is_empty() { Ok(more) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

/// Appends a frame to `out`; `write` appends its body.
pub(super) fn put(kind: Kind, out: &mut BytesMut, write: impl FnOnce(&mut BytesMut)) {
    let start = out.len();
    out.extend_from_slice(&[0; HEADER]);
    write(out);
    let (header, body) = out[start..].split_at_mut(HEADER);
    // Queued messages are bounded, so a body never has four gibibytes.
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
    header[0] = WIRE_VERSION;
    header[1] = kind as u8;
    header[2..4].copy_from_slice(&check_of_header(kind as u8, length).to_le_bytes());
    header[4..8].copy_from_slice(&length.to_le_bytes());
    header[8..].copy_from_slice(&check_of(kind, body).to_le_bytes());
}

/// Returns a single frame.
pub(super) fn frame(kind: Kind, body: &[u8]) -> BytesMut {
    let mut out = BytesMut::with_capacity(HEADER + body.len());
    put(kind, &mut out, |out| out.extend_from_slice(body));
    out
}

/// Parses a body of [`Kind::Messages`]: the number of writes of the sender's store, and the messages.
pub(super) fn messages(
    body: &[u8],
) -> Result<(u64, impl Iterator<Item = Result<&[u8], FrameError>>), FrameError> {
    let (writes, mut body) = body.split_first_chunk().ok_or(FrameError::Damaged)?;
    let messages = core::iter::from_fn(move || {
        if body.is_empty() {
            return None;
        }
        let Some((length, rest)) = body.split_first_chunk() else {
            body = &[];
            return Some(Err(FrameError::Damaged));
        };
        let Some((message, rest)) = rest.split_at_checked(u32::from_le_bytes(*length) as usize) else {
            body = &[];
            return Some(Err(FrameError::Damaged));
        };
        body = rest;
        Some(Ok(message))
    });
    Ok((u64::from_le_bytes(*writes), messages))
}

/// A body of [`Kind::Part`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Part<'a> {
    /// The number of writes of the sender's store.
    pub(super) writes: u64,
    /// The length of the whole message, in bytes.
    pub(super) length: u32,
    /// The next bytes of the message.
    pub(super) bytes: &'a [u8],
}

impl<'a> Part<'a> {
    pub(super) fn read(body: &'a [u8]) -> Result<Self, FrameError> {
        let (writes, body) = body.split_first_chunk().ok_or(FrameError::Damaged)?;
        let (length, bytes) = body.split_first_chunk().ok_or(FrameError::Damaged)?;
        Ok(Self { writes: u64::from_le_bytes(*writes), length: u32::from_le_bytes(*length), bytes })
    }

    pub(super) fn put(self, out: &mut BytesMut) {
        put(Kind::Part, out, |out| {
            out.extend_from_slice(&self.writes.to_le_bytes());
            out.extend_from_slice(&self.length.to_le_bytes());
            out.extend_from_slice(self.bytes);
        });
    }
}

/// Assembles a message whose parts arrive in order, perhaps with other frames between them. Its memory grows as they
/// arrive.
#[derive(Default, Debug)]
pub(super) struct Assembly {
    bytes: Vec<u8>,
    length: u32,
}

impl Assembly {
    /// Adds the next part. Returns the message if that was the last. No message is longer than `limit`.
    pub(super) fn take(&mut self, part: Part<'_>, limit: usize) -> Result<Option<Vec<u8>>, FrameError> {
        if self.bytes.is_empty() {
            self.length = part.length;
        }
        let length = self.length as usize;
        if length > limit {
            return Err(FrameError::TooLarge { length, limit });
        }
        let whole = self.bytes.len() + part.bytes.len();
        if part.length != self.length || part.bytes.is_empty() || whole > length {
            return Err(FrameError::Damaged);
        }
        self.bytes.extend_from_slice(part.bytes);
        Ok((whole == length).then(|| core::mem::take(&mut self.bytes)))
    }
}

fn check_of(kind: Kind, body: &[u8]) -> u64 {
    ((Digest::of(body).0 >> 64) as u64) ^ (u64::from(kind as u8) << 56)
}

fn check_of_header(kind: u8, length: u32) -> u16 {
    let [a, b, c, d] = length.to_le_bytes();
    Digest::of(&[WIRE_VERSION, kind, a, b, c, d]).0 as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(bytes: &[u8]) -> Result<Option<Frame>, FrameError> {
        Frames { limit: 1000 }.decode(&mut BytesMut::from(bytes))
    }

    #[test]
    fn a_frame_reads_back_as_it_was_written_however_it_is_cut() {
        let whole = frame(Kind::Messages, &[7; 100]);
        let (mut frames, mut bytes) = (Frames { limit: 100 }, BytesMut::new());
        for (i, byte) in whole.iter().enumerate() {
            bytes.extend_from_slice(&[*byte]);
            let frame = frames.decode(&mut bytes).expect("no damage");
            assert_eq!(frame.is_some(), i + 1 == whole.len());
            if let Some(frame) = frame {
                assert_eq!((frame.kind, &frame.body[..], bytes.len()), (Kind::Messages, &[7; 100][..], 0));
            }
        }
    }

    #[test]
    fn no_changed_bit_goes_unnoticed() {
        let whole = frame(Kind::Messages, b"something that matters");
        for bit in 0..whole.len() * 8 {
            let mut damaged = whole.to_vec();
            damaged[bit / 8] ^= 1 << (bit % 8);
            // A changed length may make the decoder wait for more bytes.
            assert!(!matches!(decode(&damaged), Ok(Some(_))), "bit {bit}");
        }
    }

    #[test]
    fn a_frame_that_is_too_long_is_refused_before_it_arrives() {
        let whole = frame(Kind::Hello, &[0; 1001]);
        assert!(matches!(decode(&whole[..HEADER]), Err(FrameError::TooLarge { length: 1001, limit: 1000 })));
    }

    #[test]
    fn another_version_is_named_from_its_first_byte_on() {
        const OTHER: u8 = WIRE_VERSION + 1;
        assert!(matches!(decode(&[OTHER]), Err(FrameError::Version(OTHER))));
    }

    #[test]
    fn a_message_in_parts_is_whole_when_all_have_come() {
        let message: Vec<u8> = (0..100).collect();
        let mut assembly = Assembly::default();
        for _ in 0..2 {
            for (at, bytes) in message.chunks(30).enumerate() {
                let part = Part { writes: 5, length: 100, bytes };
                let mut out = BytesMut::new();
                part.put(&mut out);
                let frame = decode(&out).expect("no damage").expect("whole");
                let read = Part::read(&frame.body).expect("whole");
                assert_eq!((frame.kind, read), (Kind::Part, part));
                let done = assembly.take(read, 100).expect("in order");
                assert_eq!(done, (at == 3).then(|| message.clone()));
            }
        }
    }

    #[test]
    fn parts_that_do_not_make_a_message_are_damaged() {
        let part = |length, bytes| Part { writes: 0, length, bytes };
        let begun = || {
            let mut assembly = Assembly::default();
            assert!(assembly.take(part(5, &[1, 2, 3]), 5).is_ok_and(|done| done.is_none()));
            assembly
        };
        for wrong in [part(6, &[4]), part(5, &[4, 5, 6]), part(5, &[])] {
            assert!(matches!(begun().take(wrong, 9), Err(FrameError::Damaged)), "{wrong:?}");
        }
        let long = Assembly::default().take(part(6, &[1]), 5);
        assert!(matches!(long, Err(FrameError::TooLarge { length: 6, limit: 5 })));
        assert!(matches!(Part::read(&[0; 11]), Err(FrameError::Damaged)));
    }

    #[test]
    fn messages_that_do_not_fill_their_frame_are_damaged() {
        let body = [7, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 1, 2, 1, 0, 0, 0, 3];
        let (writes, all) = messages(&body).expect("whole");
        let all: Vec<_> = all.map(|m| m.expect("whole").to_vec()).collect();
        assert_eq!((writes, all), (7, vec![vec![1, 2], vec![3]]));
        for end in [1, 7, 9, 13, 15, 18] {
            let cut = messages(&body[..end]);
            assert!(cut.is_err() || cut.is_ok_and(|(_, mut all)| all.any(|m| m.is_err())), "cut at {end}");
        }
    }
}
