//! The host's work that takes as long as a disk or a large state and therefore runs beside its turns: writes, and
//! snapshots that are written down, transferred and taken over.

mod beside;
mod pace;
mod porter;
mod scribe;
mod writer;

pub(super) use beside::Beside;
pub(super) use pace::Pace;
pub(super) use porter::{Carried, Porter};
pub(super) use scribe::Scribe;
pub(super) use writer::{Writer, Written, load};

use std::io;

fn ended() -> io::Error {
    io::Error::other("the store has panicked: see its message on standard error")
}
