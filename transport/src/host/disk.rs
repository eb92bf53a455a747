//! The host's work that takes as long as a disk or a large state and therefore runs beside its turns: writes, and
//! snapshots that are written down, transferred and taken over.

mod beside;
mod pace;
mod porter;
mod scribe;
mod writer;

pub(super) use beside::Beside;
pub(crate) use beside::on_thread;
pub(super) use pace::Pace;
pub(super) use porter::{Carried, Porter};
pub(super) use scribe::Scribe;
pub(super) use writer::{Writer, Written, load};

use crate::storage::StorageError;
use core::error::Error;
use core::time::Duration;
use paxos_core::Protocol;

/// Waits until all work on the disk has ended, but no longer than `patience` in all, as a disk may hang. Returns false if
/// some of the work did not end. Closing the store also ends the work of the other two.
///
/// # Errors
/// The first write that failed, or a thread that panicked.
pub(super) async fn close<P: Protocol>(
    writer: Writer<P>,
    porter: Porter,
    scribe: Scribe,
    patience: Duration,
) -> Result<bool, StorageError> {
    let closing = (writer.close(patience), porter.close(patience), scribe.close(patience));
    let (written, carried, staged) = tokio::join!(closing.0, closing.1, closing.2);
    let (written, carried, staged) = (written?, carried?, staged?);
    Ok(written && carried && staged)
}

/// Why work that is not needed has failed, without what to do about a write that ends the process.
fn harmless(error: &StorageError) -> &dyn Error {
    if let StorageError::Write(reason) = error { reason } else { error }
}

#[cfg(test)]
mod tests;
