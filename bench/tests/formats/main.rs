//! What travels and what is stored: well-formed messages in any order, the bytes of every format, and what becomes of
//! bytes of another version.

mod any_message;
mod frames;
mod golden;
mod kv;
mod messages;
mod store;
mod versions;
