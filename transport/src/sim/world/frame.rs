//! The largest message that the network carries.

use crate::Portable;
use paxos_core::{Message, Protocol};

/// A bound on the size of encoded messages.
#[derive(Clone, Debug)]
pub struct Frame<P: Protocol> {
    /// The largest size, in bytes.
    pub most: usize,
    /// Computes the size of a message, in bytes.
    pub size: fn(&Message<P>) -> usize,
}

impl<P: Portable> Frame<P> {
    /// Frames that hold `most` bytes of messages in the encoding of [`crate::TcpCarrier`].
    pub const fn of(most: usize) -> Self {
        Self { most, size: |message| postcard::experimental::serialized_size(message).unwrap_or(usize::MAX) }
    }
}
