//! Stores on a file system that loses what was not synced, and damages what was.

mod crashes;
mod damages;
mod double;
mod history;
