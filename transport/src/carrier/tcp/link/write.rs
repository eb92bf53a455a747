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
        let longest = FRAME.min(self.shared.options.limits.frame_bytes.saturating_sub(8));
        let mut rest = messages;
        let mut frames = u64::from(!self.out.is_empty());
        loop {
            while !rest.is_empty() && self.out.len() < FRAME {
                let mut size = 0;
                let fits = |message: &&Bytes| {
                    size += message.len() + 4;
                    size <= longest
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

    /// Writes everything. A peer that takes a few bytes from time to time, or says that some arrive, is slow but alive.
    async fn flush(&mut self, frames: u64) -> Result<(), Failure> {
        let silence = self.shared.options.limits.silence;
        debug_assert!(self.out.len() >= HEADER);
        let (mut written, mut flushed) = (0, false);
        while !flushed {
            let (rest, writer) = (&self.out[written..], &mut self.writer);
            let step = async {
                // With TLS, some of what is written still waits in this process.
                if rest.is_empty() { writer.flush().await.map(|()| 0) } else { writer.write(rest).await }
            };
            let step = async {
                tokio::select! {
                    biased;
                    done = step => Ok(done),
                    answer = self.reader.next() => Err(answer),
                }
            };
            let step = timeout(silence, step).await;
            match step.map_err(|_| Failure::silent("the peer took nothing", silence))? {
                Ok(done) => {
                    let n = done.map_err(Failure::of_io)?;
                    flushed = rest.is_empty();
                    if n == 0 && !flushed {
                        return Err(io::Error::from(io::ErrorKind::WriteZero).into());
                    }
                    written += n;
                }
                Err(answer) => self.hear(answer)?,
            }
        }
        self.shared.counts.frames_sent.add(frames);
        self.shared.counts.bytes_sent.add(self.out.len() as u64);
        self.out.clear();
        if self.out.capacity() > 4 * FRAME {
            self.out = BytesMut::new();
        }
        Ok(())
    }
}
