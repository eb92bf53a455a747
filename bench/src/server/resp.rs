//! The Redis protocol: what servers read and write, and a small client.
//!
//! Everything is bounded. A header that announces much makes nobody set anything aside: memory follows the bytes that
//! have arrived, up to [`Bounds`]. Requests are flat lists, so there is no nesting to follow. A request that comes in
//! small pieces is read on from where it was, so that a slow client costs no more than a fast one.

mod client;
mod encode;
mod foreign;
mod parse;
mod value;

pub use client::{CallError, Client};
pub use encode::{Version, encode, encode_request};
pub use parse::{Bounds, ParseError, Parser, Request};
pub use value::{Value, ValueError, read_value};

#[cfg(test)]
mod tests;
