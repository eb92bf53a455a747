//! The port to other processes.

mod memory;
mod tcp;

pub use memory::{MemoryCarrier, MemoryNetwork};
pub use tcp::{
    BindError, CarrierStats, PeerStats, Reason, TcpCarrier, TcpHandle, TcpLimits, TcpOptions, TlsError,
    TlsOptions, WIRE_VERSION,
};

use async_trait::async_trait;
use paxos_core::{Envelope, Event, Protocol, StoreLife};
use std::io;

/// Carries messages between processes. They may be lost, doubled and reordered, but not changed, and their sender
/// is who the carrier says it is.
///
/// Both directions take many messages at a time, so that what a call costs is paid once a batch.
#[async_trait]
pub trait Transport<P: Protocol>: Send + 'static {
    /// Sends all of `batch`, and leaves it empty.
    ///
    /// It must not wait for another process: what a slow or dead one has no room for is dropped. Nodes say again
    /// what matters.
    ///
    /// # Errors
    /// If nothing can be sent any more, to anyone. A message that is lost is no error.
    async fn send(&mut self, batch: &mut Vec<Envelope<P>>) -> Result<(), TransportError>;

    /// Waits for messages, and appends all that have arrived to `inbox`, as [`Event::Message`]. Before a message comes the
    /// state of the sender's store when it was sent ([`Transport::introduce`]), or a later one, as [`Event::Met`], and never after a
    /// later one: a process whose store seems to go back is not believed any more.
    ///
    /// The future may be dropped before it is ready; that must lose nothing.
    ///
    /// # Errors
    /// If nothing can arrive any more, from anyone.
    async fn recv(&mut self, inbox: &mut Vec<Event<P>>) -> Result<(), TransportError>;

    /// Tells which store this process has and how far that has come: before anything is sent, and whenever something
    /// has been written.
    fn introduce(&mut self, store: StoreLife);

    /// The longest message that it carries, in bytes as postcard writes it. A longer one never arrives. None: any.
    fn longest_message(&self) -> Option<usize> {
        None
    }
}

/// A carrier that is of no use any more.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransportError {
    /// Another process took the name.
    #[error("another process joined the network as this one: give each process a name of its own")]
    Replaced,
    /// The system reports an error.
    #[error("cannot send or receive any more: {0}; remove the cause and restart the process")]
    Io(io::Error),
}
