//! What travels and what is stored: well-formed messages in any order, and the bytes of every format.

mod any_message;
mod frames;
mod golden;
mod kv;
mod messages;
mod store;
