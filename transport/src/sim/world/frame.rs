//! The largest message that the network carries.

use crate::Portable;
use paxos_core::{Message, Protocol};

/// A bound on messages as they are encoded for the wire.
#[derive(Clone, Debug)]
pub struct Frame<P: Protocol> {
    /// The most bytes.
    pub most: usize,
    /// How many a message takes.
    pub size: fn(&Message<P>) -> usize,
}

impl<P: Portable> Frame<P> {
    /// Frames that hold so many bytes, for messages encoded as [`crate::TcpCarrier`] encodes them.
    pub const fn of(most: usize) -> Self {
        Self { most, size: |message| postcard::experimental::serialized_size(message).unwrap_or(usize::MAX) }
    }
}
