//! The bytes of every format on the network and on disk, and the treatment of bytes of another version.

mod frames;
mod golden;
mod kv;
mod messages;
mod store;
mod versions;
