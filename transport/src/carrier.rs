//! The port to other processes.

mod memory;
mod port;
mod tcp;

pub use memory::{MemoryCarrier, MemoryNetwork};
pub use port::Port;
pub(crate) use tcp::Prepared;
pub use tcp::{
    BindError, CarrierStats, PeerStats, Reason, TcpCarrier, TcpHandle, TcpLimits, TcpOptions, TlsError,
    TlsOptions, WIRE_VERSION,
};

use async_trait::async_trait;
use paxos_core::{Envelope, Event, Former, Incarnation, Protocol};
use std::io;

/// Carries messages between processes. Messages may be lost, duplicated and reordered, but not changed, and their
/// sender is the process that the carrier names.
///
/// Both methods handle many messages at a time, so that the cost of a call is paid once for each batch.
#[async_trait]
pub trait Transport<P: Protocol>: Send + 'static {
    /// Sends all messages of `batch`, and empties it.
    ///
    /// It must not wait for another process. It drops messages for which a slow or dead process has no room; nodes
    /// send important messages again.
    ///
    /// # Errors
    /// If nothing can be sent any more, to any process. A lost message is not an error.
    async fn send(&mut self, batch: &mut Vec<Envelope<P>>) -> Result<(), TransportError>;

    /// Waits for messages, and appends all that have arrived to `inbox` as [`Event::Message`]. An [`Event::Met`]
    /// precedes each message: the state of the sender's store when it sent the message ([`Transport::introduce`]) or
    /// a later one. An older state never follows a later one, because a process whose store seems to go back is no
    /// longer believed.
    ///
    /// The future may be dropped before it is ready. This must not lose anything.
    ///
    /// # Errors
    /// If nothing can arrive any more, from any process.
    async fn recv(&mut self, inbox: &mut Vec<Event<P>>) -> Result<(), TransportError>;

    /// Tells the carrier the identity of this process's store and its number of writes. The host calls it before it
    /// sends anything, and after each write.
    fn introduce(&mut self, store: Incarnation, former: &Former);

    /// The longest message that this carrier can carry, in bytes of postcard encoding; longer ones never arrive.
    /// `None`: no limit.
    fn longest_message(&self) -> Option<usize> {
        None
    }
}

/// An error after which a carrier is of no use.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// Another process took the name of this one.
    #[error("another process joined the network as this one: give each process a name of its own")]
    Replaced,
    /// The system reports an error.
    #[error("cannot send or receive any more: {0}; remove the cause and restart the process")]
    Io(io::Error),
}
