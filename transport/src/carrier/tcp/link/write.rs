//! Writes queued messages to a connection.

use super::{FRAME, Link, PART};
use crate::carrier::tcp::frame::{HEADER, Kind, Part, put};
use crate::carrier::tcp::handshake::Failure;
use bytes::{Bytes, BytesMut};
use std::io;
use tokio::io::AsyncWriteExt;
use tokio::sync::mpsc;
use tokio::time::timeout;

impl Link<'_> {
    /// Writes small messages, many in a frame. A part of a large message, if there is one, follows after every two frames
    /// of them at the latest: otherwise small messages that keep coming would hold large ones back for ever.
    pub(super) async fn write(
        &mut self,
        messages: &[Bytes],
        large: &mut mpsc::UnboundedReceiver<Bytes>,
    ) -> Result<(), Failure> {
        let mut rest = messages;
        let mut frames = u64::from(!self.out.is_empty());
        loop {
            while !rest.is_empty() && self.out.len() < FRAME {
                let mut size = 0;
                let fits = |message: &&Bytes| {
                    size += message.len() + 4;
                    size <= FRAME
                };
                let n = rest.iter().take_while(fits).count().max(1);
                let (some, others) = rest.split_at(n);
                let writes = self.writes();
                put(Kind::Messages, &mut self.out, |out| {
                    out.extend_from_slice(&writes.to_le_bytes());
                    for message in some {
                        // The message is shorter than its frame, whose length also has four bytes.
                        out.extend_from_slice(&(message.len() as u32).to_le_bytes());
                        out.extend_from_slice(message);
                    }
                });
                rest = others;
                frames += 1;
            }
            if self.begun.is_none() {
                self.begun = large.try_recv().ok().map(|message| (message, 0));
            }
            let whole = self.put_part(&mut frames);
            self.flush(core::mem::take(&mut frames)).await?;
            if let Some(message) = whole {
                self.peer.large.taken(&[message]);
                self.begun = None;
                self.shared.counts.messages_sent.add(1);
            }
            if rest.is_empty() {
                break;
            }
        }
        self.shared.counts.messages_sent.add(messages.len() as u64);
        Ok(())
    }

    /// Adds the next part of the large message under way. Returns the message if this is the last part.
    fn put_part(&mut self, frames: &mut u64) -> Option<Bytes> {
        let writes = self.writes();
        let (message, sent) = self.begun.as_mut()?;
        let end = message.len().min(*sent + PART);
        // No message is longer than the longest frame.
        let length = message.len() as u32;
        Part { writes, length, bytes: &message[*sent..end] }.put(&mut self.out);
        *frames += 1;
        *sent = end;
        (end == message.len()).then(|| message.clone())
    }

    /// The number of writes of this process's store. It covers at least the writes that the queued messages rest on.
    fn writes(&self) -> u64 {
        self.shared.store().map_or(0, |(store, _)| store.mark.writes)
    }

    async fn flush(&mut self, frames: u64) -> Result<(), Failure> {
        let silence = self.shared.options.limits.silence;
        let (out, writer) = (&mut self.out, &mut self.writer);
        debug_assert!(out.len() >= HEADER);
        let written = async {
            let mut rest = &out[..];
            while !rest.is_empty() {
                // A peer that takes a few bytes from time to time is slow but alive.
                let some = timeout(silence, writer.write(rest)).await;
                let n = some.map_err(|_| Failure::silent("the peer took nothing", silence))??;
                if n == 0 {
                    return Err(io::Error::from(io::ErrorKind::WriteZero).into());
                }
                rest = &rest[n..];
            }
            let flushed = timeout(silence, writer.flush()).await;
            flushed.map_err(|_| Failure::silent("the peer took nothing", silence))?.map_err(Failure::of_io)
        };
        written.await?;
        self.shared.counts.frames_sent.add(frames);
        self.shared.counts.bytes_sent.add(out.len() as u64);
        out.clear();
        if out.capacity() > 4 * FRAME {
            *out = BytesMut::new();
        }
        Ok(())
    }
}
