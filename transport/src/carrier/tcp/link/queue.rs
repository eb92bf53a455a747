//! The messages that wait for a peer, bounded in bytes.

use bytes::Bytes;
use core::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::mpsc;

/// The cost of a queued message besides its bytes.
const OVERHEAD: usize = 64;

/// The small or the large messages that wait for a peer.
pub(super) struct Queue {
    messages: mpsc::UnboundedSender<Bytes>,
    pub(super) bytes: AtomicUsize,
}

impl Queue {
    pub(super) fn new() -> (Self, mpsc::UnboundedReceiver<Bytes>) {
        let (messages, waiting) = mpsc::unbounded_channel();
        (Self { messages, bytes: AtomicUsize::new(0) }, waiting)
    }

    /// Queues a message. Returns whether there was room.
    pub(super) fn post(&self, message: Bytes, limit: usize) -> bool {
        let size = message.len() + OVERHEAD;
        let before = self.bytes.fetch_add(size, Ordering::Relaxed);
        let full = before > 0 && before + size > limit;
        if full || self.messages.send(message).is_err() {
            self.bytes.fetch_sub(size, Ordering::Relaxed);
        }
        !full
    }

    pub(super) fn taken(&self, messages: &[Bytes]) {
        let bytes: usize = messages.iter().map(|message| message.len() + OVERHEAD).sum();
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}
