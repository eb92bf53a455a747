//! What travels and what is stored: the bytes of every format, and what becomes of bytes of another version.

mod frames;
mod golden;
mod kv;
mod messages;
mod store;
mod versions;
