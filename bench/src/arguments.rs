//! Argument parsing that several commands share: whole numbers, addresses, certificates, and options that have no effect.

pub(crate) mod address;
mod misfit;
mod tls;

pub use misfit::Misfit;
pub use tls::{TlsArgumentError, TlsArguments};

/// Parses a count or a seed.
pub(crate) fn whole(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("give a whole number from 0 to {}", u64::MAX))
}
