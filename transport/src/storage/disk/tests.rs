//! Tests stores on a file system that loses unsynced data and damages synced data.

mod beside;
mod closing;
mod crashes;
mod damages;
mod double;
mod history;
mod segments;
