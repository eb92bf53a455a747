//! `paxos-bench floor`: a minimal replicated store, the lower bound that other systems are measured against.
//!
//! The leader sends the requests that have arrived to the followers, writes and syncs them once, and answers when a
//! majority has done the same. There is no protocol: no ballots, elections, state or reads.
//!
//! ```text
//! client    o--->|                                |--->o    SET key value, OK
//! leader         |-->|---->  write, fdatasync --->|         one batch of whole blocks: all that has come in
//! follower           |-->  write, fdatasync  ---->|         this one is waited for
//! follower           |-->  write, fdatasync  ------->|      this one is not
//! ```
//!
//! All members are threads of one process. Each has its own file, and they communicate over TCP.

mod clients;
mod journal;
mod members;

use crate::server::{ServeError, make_dir, stop_signal};
use clap::Args;
use std::io::{self, Write};
use std::path::PathBuf;
use tokio::net::TcpListener;

/// A leader and its followers.
#[derive(Debug, Args)]
pub struct Floor {
    /// The number of members
    #[arg(long, default_value_t = 3, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=9))]
    pub nodes: u16,
    /// The directory in which the members write, one file each
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Stop when the standard input ends, because the process that started this one is gone
    #[arg(long, hide = true)]
    pub until_stdin_ends: bool,
}

/// Runs until it is stopped. It prints its address for clients, and accepts only `SET key value`.
///
/// # Errors
/// [`ServeError`] if it cannot run.
pub fn floor(options: &Floor) -> Result<(), ServeError> {
    make_dir(&options.data)?;
    // The members have their own threads; this runtime only passes on the clients' requests.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run(options))
}

async fn run(options: &Floor) -> Result<(), ServeError> {
    let stopping = stop_signal(options.until_stdin_ends)?;
    let members = members::start(&options.data, options.nodes)?;
    let address = "127.0.0.1:0";
    let listener = TcpListener::bind(address)
        .await
        .map_err(|source| ServeError::Listen { address: address.into(), source })?;
    let mut out = io::stdout().lock();
    let ready = writeln!(out, "ready floor nodes={} resp={}", options.nodes, listener.local_addr()?);
    ready.and_then(|()| out.flush()).map_err(ServeError::Output)?;
    drop(out);
    tokio::select! {
        () = stopping => Ok(()),
        error = members.failed => Err(error.unwrap_or_else(|_| io::Error::other("the leader has stopped")).into()),
        error = clients::serve(listener, members.leader) => Err(error.into()),
    }
}
