//! The log: its entries, the slots that are known to be chosen, and the state that executing the log leads to.

mod chosen;
mod command;
mod fold;
mod pipeline;
mod replica;
mod runs;
mod sessions;
mod snapshot;

pub use chosen::Chosen;
pub use command::{Batch, Command, Entry, Value};
pub use fold::Fold;
pub use pipeline::Pipeline;
pub use replica::{Answering, Replica, StateMachine, TakenOver, Takeover};
pub use runs::{Divide, Runs};
pub use snapshot::{
    Capture, Captured, Contents, Digest, RestoreError, Sections, Snapshot, SnapshotError, SnapshotId,
};
pub(crate) use snapshot::{decode, encode};
