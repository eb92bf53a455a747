//! The Redis protocol: the server's parser and encoder, and a small client.
//!
//! Everything is bounded. Announced sizes reserve no memory: memory grows with the bytes that have arrived, up to
//! [`Bounds`]. Requests are flat lists without nesting. A request that arrives in small pieces is resumed where parsing
//! stopped, so a slow client costs no more than a fast one.

mod client;
mod encode;
mod foreign;
mod parse;
mod value;

pub use client::{CallError, Client};
pub use encode::{Encoder, Version, encode, encode_request};
pub use parse::{Bounds, ParseError, Parser, Request};
pub use value::{Value, ValueError, read_value};

#[cfg(test)]
mod tests;
