//! What several commands share: whole numbers, addresses, certificates, options that have no effect, and progress.

pub(crate) mod address;
mod misfit;
mod tls;

pub use misfit::Misfit;
pub use tls::{TlsArgumentError, TlsArguments};

use std::path::PathBuf;
use std::{fs, io};
use xxhash_rust::xxh3::xxh3_64;

/// A function that is told about each step of a command.
pub type Progress<'a> = &'a mut dyn FnMut(String);

/// A checksum of the program: two builds of a version may differ.
///
/// # Errors
/// The reason why the program cannot be read.
pub(crate) fn build() -> Result<String, (PathBuf, io::Error)> {
    let program = std::env::current_exe().map_err(|source| (PathBuf::from("paxos-bench"), source))?;
    let bytes = fs::read(&program).map_err(|source| (program, source))?;
    Ok(format!("{:016x}", xxh3_64(&bytes)))
}

/// Parses a count or a seed.
pub(crate) fn whole(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("give a whole number from 0 to {}", u64::MAX))
}

/// Parses a share of work, the Kth of N.
pub(crate) fn shard(text: &str) -> Result<(u64, u64), String> {
    let numbers = text.split_once('/').and_then(|(k, n)| Some((k.parse().ok()?, n.parse().ok()?)));
    let shard = numbers.filter(|(k, n)| (1..=*n).contains(k));
    shard.ok_or_else(|| "give K/N with K from 1 to N, as in 2/4".to_owned())
}
